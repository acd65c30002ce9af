import Files
import Network
import Runtime

/// Everything that `deeprfm plan network` can be told: network's options, and the machine to plan for.
public struct NetworkPlanOptions: PlannedMachineOptions, Equatable {
  public var network = NetworkOptions()
  public var ranks: Int?
  public var nodes: Int?
  public var latency: Double?
  public var bandwidth: Double?
  public var json = false

  public init() {}
}

extension NetworkPlanOptions {
  public static let table = OptionTable<NetworkPlanOptions>(
    "plan network", own + NetworkOptions.table.options.map { $0.within(\NetworkPlanOptions.network) })

  private static let own: [CommandOption<NetworkPlanOptions>] =
    machineOptions + [CommandOption(flag: "json", \.json, "one JSON object on standard output")]

  /// What `arguments` ask for, checked. Throws `InputError`.
  public static func parse(_ arguments: [String]) throws(InputError) -> NetworkPlanOptions {
    let assignments = try table.assignments(arguments)
    var options = NetworkPlanOptions()
    if let file = assignments.last(where: { $0.option.name == "config" })?.text {
      try options.network.read(configuration: file)
    }
    try table.apply(assignments, to: &options)
    try options.network.validate(needsFiles: ProblemShape.needsFiles(options.network.dataset))
    return options
  }

  /// Checks what depends on the number of ranks. Throws `InputError`, on every rank the same.
  public func validate(ranks own: Int) throws(InputError) {
    try PlannedMachine.check(nodes: nodes, ranks: ranks ?? own)
  }
}
