import Files
import Runtime

/// Everything that `deeprfm tune` can be told: train's options, of which four take lists.
public struct TuneOptions: Sendable, Equatable {
  public var train = TrainOptions()
  /// Values of the options that take lists, as they were given; empty: train's own value alone.
  public var kernels: [String] = []
  public var bandwidths: [String] = []
  public var ridges: [String] = []
  public var depths: [String] = []
  /// Train the best on all samples in the end, those held out among them.
  public var refit = false

  public init() {}
}

extension TuneOptions {
  public static let table = OptionTable<TuneOptions>(
    "tune",
    TrainOptions.table.options.map { (option) -> CommandOption<TuneOptions> in
      switch option.name {
      case "kernel": list(option, \.kernels)
      case "bandwidth": list(option, \.bandwidths)
      case "ridge": list(option, \.ridges)
      case "layers": list(option, \.depths)
      default: option.within(\TuneOptions.train)
      }
    } + [
      CommandOption(
        flag: "refit", \.refit, "train the best combination on all samples in the end, those held out among them")
    ])

  private static func list(
    _ option: CommandOption<TrainOptions>, _ property: WritableKeyPath<TuneOptions, [String]> & Sendable
  ) -> CommandOption<TuneOptions> {
    CommandOption(option.name, property, .list(option.placeholder ?? ""), "a list, as 1,2,4: " + option.help)
  }

  /// The options that `arguments` ask for, checked. Throws `InputError`.
  public static func parse(_ arguments: [String]) throws(InputError) -> TuneOptions {
    let assignments = try table.assignments(arguments)
    let given = assignments.map { ($0.option.name, $0.text) }
    var options = TuneOptions()
    options.train.begin(with: given)
    if let file = assignments.last(where: { $0.option.name == "config" })?.text {
      try options.train.read(configuration: file)
    }
    try table.apply(assignments, to: &options)
    try options.train.refuseForeign(given)
    guard options.train.validation > 0 else {
      throw InputError("tune needs --validation: the samples that combinations are compared by")
    }
    _ = try TuneGrid(options)
    return options
  }
}

/// All combinations of the lists, in an order that lets them share their work: those with one kernel and bandwidth follow each
/// other, for they share the kernel matrix of layer 1; of these, those with one ridge, which differ in depth alone: one run passes
/// through them all.
public struct TuneGrid: Sendable {
  /// Combinations that differ in their depth alone.
  public struct Chain: Sendable, Equatable {
    /// With the depth of the deepest.
    public let options: TrainOptions
    /// Ascending.
    public let depths: [Int]
  }

  /// Chains that share layer 1's kernel matrix.
  public let stages: [[Chain]]
  /// Values that were given twice: a sentence each.
  public let notes: [String]

  public var chains: [Chain] { stages.flatMap { $0 } }
  public var count: Int { chains.reduce(0) { $0 + $1.depths.count } }

  /// Throws `InputError` where a value is none.
  public init(_ options: TuneOptions) throws(InputError) {
    var notes: [String] = []
    let base = options.train
    let kernels = try Self.distinct("kernel", options.kernels, from: [base], &notes)
    let bandwidths = try Self.distinct("bandwidth", options.bandwidths, from: kernels, &notes)
    let deepest = try Self.distinct("layers", options.depths, from: [base], &notes).map(\.layers).sorted()
    stages = try bandwidths.map { (stage) throws(InputError) in
      var unsaid: [String] = []
      return try Self.distinct("ridge", options.ridges, from: [stage], &unsaid).map { chain throws(InputError) in
        var chain = chain
        chain.layers = deepest[deepest.count - 1]
        try chain.validate()
        return Chain(options: chain, depths: deepest)
      }
    }
    _ = try Self.distinct("ridge", options.ridges, from: [base], &notes)
    self.notes = notes
  }

  /// Each of some options with each value of a list, without those that are equal to one before.
  private static func distinct(
    _ name: String, _ texts: [String], from all: [TrainOptions], _ notes: inout [String]
  ) throws(InputError) -> [TrainOptions] {
    guard !texts.isEmpty, let option = TrainOptions.table.options.first(where: { $0.name == name }) else { return all }
    var result: [TrainOptions] = []
    for (index, base) in all.enumerated() {
      var own: [TrainOptions] = []
      for text in texts {
        var options = base
        try option.set(&options, text, "--\(name)")
        if !own.contains(options) {
          own.append(options)
        } else if index == 0 {
          notes.append("--\(name): \(text) is given twice, and taken once")
        }
      }
      result += own
    }
    return result
  }
}
