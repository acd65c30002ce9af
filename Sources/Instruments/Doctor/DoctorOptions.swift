import Datasets
import DeepRFM
import Files
import KernelMachine
import Runtime

/// Everything that `deeprfm doctor` can be told: what a run would be told, so that the same is checked.
public struct DoctorOptions: Sendable, Equatable {
  /// nil: no data is looked for.
  public var dataset: DatasetName?
  var data: String?
  /// Bytes per rank.
  public var memory: Int?
  /// Per rank; nil: the rank's share of its cores.
  public var threads: Int?
  /// nil: `runs`, where train's default is.
  var output: String?
  var json = false

  public init() {}
}

extension DoctorOptions {
  public static let table = OptionTable<DoctorOptions>(
    "doctor",
    [
      CommandOption("dataset", \.dataset, .choice, "open it on every host"),
      CommandOption("data", \.data, .path("DIR"), "folder with the set's official files, the same on every host"),
      CommandOption("memory", \.memory, .size, "per rank, as it would be given to train"),
      CommandOption("threads", \.threads, .integer("T", in: 1...4096), "per rank, as they would be given to train"),
      CommandOption("output", \.output, .path("DIR"), "the run directory to be (default: below runs/)"),
      CommandOption(flag: "json", \.json, "one JSON object on standard output"),
    ])

  /// What `arguments` ask for, checked. Throws `InputError`.
  public static func parse(_ arguments: [String]) throws(InputError) -> DoctorOptions {
    var options = DoctorOptions()
    try table.apply(try table.assignments(arguments), to: &options)
    if let dataset = options.dataset {
      try requireData(dataset, options.data)
    } else if options.data != nil {
      throw InputError("--data goes with --dataset")
    }
    return options
  }
}
