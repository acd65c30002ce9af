import Datasets
import Files
import Runtime

/// Everything that `deeprfm predict` can be told.
public struct PredictOptions: Sendable, Equatable {
  /// The run directory to predict with.
  public var model = ""
  /// From 1; nil: the selected one.
  public var layer: Int?
  public var dataset: DatasetName?
  public var data: String?
  public var split = Split.test
  /// The first so many of the file's order; nil: all.
  public var samples: Int?
  /// Rows to predict, as .npy or .csv, instead of a data set.
  public var input: String?
  /// Whether a label that no training sample has is refused.
  public var strict = false
  /// The .npy file to write the outputs to.
  public var output: String?
  /// The text file to write the classes' names to, or the values: a line a row.
  public var labels: String?
  /// The .npy file to write the rows to as the layer sees them.
  public var features: String?

  public init() {}

  /// What is to be written.
  public var paths: PredictionFiles.Paths {
    PredictionFiles.Paths(outputs: output, labels: labels, features: features)
  }

  /// What is to be predicted.
  public var rows: RowsToPredict { RowsToPredict(dataset: dataset, data: data, split: split, input: input) }

  /// Folder of the data that `run` was trained on: `--data` is theirs where the rows to predict have a file of their own.
  public func trainingData(of run: TrainOptions) -> String? { input == nil ? run.data : data ?? run.data }
}

extension PredictOptions {
  public static let table = OptionTable<PredictOptions>(
    "predict",
    [
      CommandOption("model", \.model, .path("DIR"), "the run directory to predict with"),
      CommandOption(
        "layer", \.layer, .integer("L", in: 1...100_000),
        "whose predictor (default: the one that the run has selected); of a network: the layer of --write-features"),
      CommandOption("dataset", \.dataset, .choice, "what to predict; or give --input"),
      CommandOption(
        "data", \.data, .path("DIR"),
        "folder with the set's official files; with --input, of those that the run was trained on, if they have moved"),
      CommandOption("split", \.split, .choice, "of the data set"),
      CommandOption(
        "samples", \.samples, .integer("N", in: 1...Int(Int32.max)), "the first N of the file's order"
      ),
      CommandOption(
        "input", \.input, .path("X.npy"),
        "rows to predict, features as in the training files; or a .csv file, columns by their names, for a table's run"),
      CommandOption(flag: "strict", \.strict, "refuse a label that no training sample has (else: counted as wrong)"),
      CommandOption("output", \.output, .path("P.npy"), "write the K outputs of each row"),
      CommandOption(
        "labels", \.labels, .path("FILE"), "write a line a row: the class with the largest output, or the values"),
      CommandOption(
        "write-features", \.features, .path("FILE.npy"), "write the rows as the layer sees them, its input"),
    ])

  /// The options that `arguments` ask for, checked. Throws `InputError`.
  public static func parse(_ arguments: [String]) throws(InputError) -> PredictOptions {
    let assignments = try table.assignments(arguments)
    var options = PredictOptions()
    try table.apply(assignments, to: &options)
    try options.validate(splitGiven: assignments.contains { $0.option.name == "split" })
    return options
  }

  private func validate(splitGiven: Bool) throws(InputError) {
    if model.isEmpty { throw InputError("--model DIR is needed, the run directory to predict with") }
    let files = [output, labels, features].compactMap(\.self)
    if files.isEmpty { throw InputError("--output P.npy, --labels FILE or --write-features FILE.npy is needed") }
    if Set(files).count < files.count {
      throw InputError("--output, --labels and --write-features need files of their own")
    }
    switch (dataset, input) {
    case (nil, nil): throw InputError("--dataset NAME or --input X.npy is needed, the rows to predict")
    case (.some, .some): throw InputError("--dataset and --input exclude each other")
    case (let dataset?, nil): try requireData(dataset, data)
    case (nil, .some):
      if splitGiven { throw InputError("--split goes with --dataset, not --input") }
    }
  }
}
