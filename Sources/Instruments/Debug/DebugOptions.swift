import Datasets
import Files
import MPI
import Runtime

/// Everything that `deeprfm debug` can be told.
public struct DebugOptions: Sendable, Equatable {
  public var dataset = DatasetName.digits
  var data: String?
  public var samples = 300
  /// Where every intermediate goes as .npy; nil: nowhere.
  public var dump: String?
  public var seed: UInt64 = 0

  public init() {}
}

extension DebugOptions {
  public static let table = OptionTable<DebugOptions>(
    "debug",
    [
      CommandOption("dataset", \.dataset, .choice, "what to check on"),
      CommandOption("data", \.data, .path("DIR"), "folder with the set's official files"),
      // Its plain double loops are of order samples^2 and its finite differences worse.
      CommandOption(
        "samples", \.samples, .integer("N", in: 1...20_000), "the first N of the file's order"),
      CommandOption("seed", \.seed, .seed, "of all randomness"),
      CommandOption("dump", \.dump, .path("DIR"), "write every intermediate there as .npy"),
    ])

  /// The options that `arguments` ask for, checked. Throws `InputError`.
  public static func parse(_ arguments: [String]) throws(InputError) -> DebugOptions {
    var options = DebugOptions()
    try table.apply(try table.assignments(arguments), to: &options)
    try requireData(options.dataset, options.data)
    return options
  }
}
