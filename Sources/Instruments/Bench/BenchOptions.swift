import Datasets
import Files
import KernelMachine
import LinearAlgebra
import Network
import Runtime

/// What `deeprfm bench` measures.
public enum BenchKind: String, Sendable, CaseIterable {
  case machine, kernel, solve, agop, network
}

/// Everything that `deeprfm bench` can be told.
public struct BenchOptions: Sendable, Equatable {
  var kind: BenchKind
  /// nil: random rows.
  public var dataset: DatasetName?
  var data: String?
  /// nil: `defaultSamples` random rows, or all of a data set.
  public var samples: Int?
  /// nil: `defaultDimension`, or of networks on images `defaultImage`.
  public var dimension: Int?
  /// nil: `defaultClasses`.
  public var classes: Int?
  public var kernel = Kernel.Kind.laplace
  public var bandwidth = 2.0
  public var ridge = 1e-3
  public var tolerance = 1e-4
  /// Of tiles and weights between two classes that are kept as thin factors; 0: none are.
  public var tileTolerance = 0.0
  public var maxIterations = 2000
  /// nil: chosen by the solver; 0: no preconditioner.
  public var preconditionerRank: Int?
  public var agop = AGOPRoute.class
  /// Of a network; nil: an mlp.
  public var architecture: Architecture?
  /// Rows of a network's batch; nil: `defaultBatch`.
  public var batch: Int?
  public var precision = Precision.float32
  /// Bytes per rank; nil: K's tiles are stored, whatever they take.
  public var memory: Int?
  /// Per rank; nil: the node's cores over its ranks.
  public var threads: Int?
  public var seed: UInt64 = 0
  /// Every figure is the median of so many measurements.
  public var repetitions = 3
  /// Solve by LAPACK's Cholesky and by plain conjugate gradient too.
  public var peers = false
  public var json = false

  public init(_ kind: BenchKind) { self.kind = kind }

  static let defaultSamples = 8000
  static let defaultDimension = 512
  static let defaultClasses = 10
  /// 3 x 32 x 32
  static let defaultImage = 3072
  static let defaultBatch = 128
}

extension BenchOptions {
  public static let table = OptionTable<BenchOptions>("bench", problemOptions + methodOptions + runOptions)

  private static let problemOptions: [CommandOption<BenchOptions>] = [
    CommandOption(
      "samples", \.samples, .count("N"),
      "rows (default: \(defaultSamples)); network: of an mlp's measured block, up to what a run takes"),
    CommandOption(
      "dimension", \.dimension, .integer("D", in: 1...1_000_000),
      "of random rows of unit norm (default: \(defaultDimension), of images \(defaultImage))"),
    CommandOption(
      "classes", \.classes, .integer("K", in: 1...100_000), "of random rows (default: \(defaultClasses))"),
    CommandOption(
      "dataset", \.dataset, .choice, "its first --samples rows as layer 1 sees them, rather than random ones"),
    CommandOption("data", \.data, .path("DIR"), "folder with the set's official files"),
  ]

  private static let methodOptions: [CommandOption<BenchOptions>] = [
    CommandOption("kernel", \.kernel, .choice, "of the Euclidean distance"),
    CommandOption("bandwidth", \.bandwidth, .positive("S"), "s in the kernel"),
    CommandOption(
      "ridge", \.ridge, .real("MU", "a number of at least 0") { $0 >= 0 }, "added to the kernel's diagonal"),
    CommandOption(
      "tolerance", \.tolerance, .real("T", "a number above 0 and below 1") { $0 > 0 && $0 < 1 },
      "true relative residual of the worst class"),
    CommandOption(
      "tile-tolerance", \.tileTolerance, .real("T", "a number of at least 0 and below 1") { $0 >= 0 && $0 < 1 },
      "solve, agop: relative error of tiles between classes that become two thin factors where that is less work; "
        + "0: dense tiles only"),
    CommandOption("max-iterations", \.maxIterations, .count("I"), "of the conjugate gradient"),
    CommandOption(
      "preconditioner-rank", \.preconditionerRank, .count("R", from: 0),
      "columns of K it is made of, 0 for none (default: chosen)"),
    CommandOption("agop", \.agop, .choice, "route of the average gradient outer product"),
    CommandOption("architecture", \.architecture, .choice, "network: whose products are measured (default: mlp)"),
    CommandOption("batch", \.batch, .count("B"), "network: rows of a rank's batch (default: \(defaultBatch))"),
    CommandOption("precision", \.precision, .choice, "of the data, the kernel and the network"),
  ]

  private static let runOptions: [CommandOption<BenchOptions>] = [
    CommandOption(
      "memory", \.memory, .size,
      "solve, agop: per rank, like 20GiB, planned as train does; what does not fit is recomputed (default: tiles are stored)"
    ),
    CommandOption(
      "threads", \.threads, .integer("T", in: 1...4096), "per rank (default: cores / ranks on the node)"),
    CommandOption("seed", \.seed, .seed, "of all randomness"),
    CommandOption(
      "repeat", \.repetitions, .integer("R", in: 1...1000),
      "measurements of each figure, which is their median"),
    CommandOption(
      flag: "peers", \.peers,
      "solve: LAPACK's Cholesky and plain conjugate gradient beside ours, one rank"),
    CommandOption(flag: "json", \.json, "one JSON object on standard output"),
  ]

  /// What `arguments` ask for, checked: the bench's name, then options. Throws `InputError`.
  public static func parse(_ arguments: [String]) throws(InputError) -> BenchOptions {
    let names = BenchKind.allCases.map(\.rawValue)
    guard let name = arguments.first, !name.hasPrefix("--") else {
      throw InputError("bench needs a name first: \(names.joined(separator: ", "))")
    }
    guard let kind = BenchKind(rawValue: name) else {
      throw unknown("bench '\(name)'", name: name, candidates: names)
    }
    var options = BenchOptions(kind)
    try table.apply(try table.assignments(Array(arguments.dropFirst())), to: &options)
    try options.validate()
    return options
  }

  /// Checks what no option can check alone. Throws `InputError`.
  func validate() throws(InputError) {
    if let dataset {
      try requireData(dataset, data)
      if dimension != nil || classes != nil {
        throw InputError("--dimension and --classes are for random rows: --dataset has its own")
      }
    } else if data != nil {
      throw InputError("--data goes with --dataset")
    }
    if peers && kind != .solve { throw InputError("--peers goes with bench solve") }
    if kind != .solve && kind != .agop {
      if memory != nil { throw InputError("--memory goes with bench solve and bench agop") }
      if tileTolerance > 0 { throw InputError("--tile-tolerance goes with bench solve and bench agop") }
    }
    if kind != .network {
      if architecture != nil { throw InputError("--architecture goes with bench network") }
      if batch != nil { throw InputError("--batch goes with bench network") }
    } else if samples != nil, architecture ?? .mlp != .mlp {
      throw InputError("--samples goes with --architecture mlp, whose measuring is measured")
    }
  }

  /// Checks what depends on the number of ranks. Throws `InputError`, on every rank the same.
  public func validate(ranks: Int) throws(InputError) {
    if peers && ranks > 1 { throw InputError("--peers runs on one rank, not on \(ranks)") }
  }
}
