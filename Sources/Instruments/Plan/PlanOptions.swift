import Datasets
import DeepRFM
import Files
import KernelMachine
import Runtime

/// Everything that `deeprfm plan` can be told: train's options, and the machine to plan for.
public struct PlanOptions: PlannedMachineOptions, Equatable {
  public var train = TrainOptions()
  /// `plan tune`: the combinations to plan for; nil: one run.
  var tuning: TuneOptions?
  public var ranks: Int?
  public var nodes: Int?
  public var latency: Double?
  public var bandwidth: Double?
  /// Of the solver, in every layer; nil: typical counts by depth.
  public var iterations: Int?
  /// nil: a plan of one run, no scaling.
  var scaling: ScalingKind?
  /// The directory of a run that was measured, which the scaling starts from.
  var calibration: String?
  /// nil: as many as the cores of this host have room for.
  var ranksPerNode: Int?
  public var json = false

  public init() {}
}

extension PlanOptions {
  public static let table = OptionTable<PlanOptions>(
    "plan", planOptions + TrainOptions.table.options.map { $0.within(\PlanOptions.train) })

  /// `plan tune`: the options of tune, and of plan what is meant for many runs.
  private struct TunePlan: Sendable {
    var plan = PlanOptions()
    var tune = TuneOptions()

    static let table = OptionTable<TunePlan>(
      "plan tune",
      own + TuneOptions.table.options.map { $0.within(\TunePlan.tune) })

    private static let own: [CommandOption<TunePlan>] = PlanOptions.planOptions
      .filter { ["ranks", "nodes", "network-latency", "network-bandwidth", "iterations", "json"].contains($0.name) }
      .map { $0.within(\TunePlan.plan) }
  }

  private static func tuning(_ arguments: [String]) throws(InputError) -> PlanOptions {
    let assignments = try TunePlan.table.assignments(arguments)
    let given = assignments.map { ($0.option.name, $0.text) }
    var both = TunePlan()
    both.tune.train.begin(with: given)
    if let file = assignments.last(where: { $0.option.name == "config" })?.text {
      try both.tune.train.read(configuration: file)
    }
    try TunePlan.table.apply(assignments, to: &both)
    try both.tune.train.refuseForeign(given)
    let grid = try TuneGrid(both.tune)
    both.plan.tuning = both.tune
    both.plan.train = grid.chains[0].options
    return both.plan
  }

  private static let planOptions: [CommandOption<PlanOptions>] =
    machineOptions + [
      CommandOption(
        "iterations", \.iterations, .integer("I", in: 1...1_000_000),
        "of the solver in each layer (default: counts that are typical of the data set and the depth)"),
      CommandOption(
        "scaling", \.scaling, .choice,
        "extend --calibrate's last layer to --ranks (default: 1024): the same problem, or N^2 / P constant"),
      CommandOption("calibrate", \.calibration, .path("RUN"), "directory of a finished run; its options are taken too"),
      CommandOption(
        "ranks-per-node", \.ranksPerNode, .integer("R", in: 1...4096),
        "scaling: ranks that share a node (default: its cores / threads)"
      ),
      CommandOption(flag: "json", \.json, "one JSON object on standard output"),
    ]

  /// What `arguments` ask for, checked. Throws `InputError`.
  public static func parse(_ arguments: [String]) throws(InputError) -> PlanOptions {
    if arguments.first == "tune" { return try tuning(Array(arguments.dropFirst())) }
    let assignments = try table.assignments(arguments)
    let given = assignments.map { ($0.option.name, $0.text) }
    var options = PlanOptions()
    options.train.begin(with: given)
    if let run = assignments.last(where: { $0.option.name == "calibrate" })?.text {
      try options.train.read(configuration: RunFolder(run).configuration)
    }
    if let file = assignments.last(where: { $0.option.name == "config" })?.text {
      try options.train.read(configuration: file)
    }
    try table.apply(assignments, to: &options)
    try options.train.refuseForeign(given)
    guard (options.scaling == nil) == (options.calibration == nil) else {
      throw InputError("--scaling and --calibrate go together")
    }
    if ProblemShape.needsFiles(options.train.dataset) { try requireData(options.train.dataset, options.train.data) }
    return options
  }

  /// Checks what depends on the number of ranks. Throws `InputError`, on every rank the same.
  public func validate(ranks own: Int) throws(InputError) {
    if scaling != nil {
      guard own == 1 else { throw InputError("--scaling runs on one rank, not on \(own)") }
      return
    }
    let ranks = ranks ?? own
    try train.validate(ranks: ranks)
    try PlannedMachine.check(nodes: nodes, ranks: ranks)
  }
}
