import Files

/// The rows that a trained run is asked about: a split of a data set, or a file of rows alone.
public struct RowsToPredict: Sendable, Equatable {
  /// nil: the rows of `input`.
  public var dataset: DatasetName?
  public var data: String?
  public var split = Split.test
  /// Rows as .npy or .csv.
  public var input: String?

  public init(dataset: DatasetName?, data: String?, split: Split, input: String?) {
    (self.dataset, self.data, self.split, self.input) = (dataset, data, split, input)
  }

  /// *Local.* Opens them. Throws `InputError`, also where they have not the model's features.
  public func open(for model: Dataset.Trained, seed: UInt64) throws -> any SampleReader {
    if let dataset {
      return try Dataset.openSplit(split, of: dataset, directory: data, seed: seed, model: model)
    }
    let path = input ?? ""
    let isTable = ([""] + OtherPacking.endings).contains { path.hasSuffix(".csv\($0)") }
    let reader: any SampleReader =
      try isTable ? Dataset.openTable(path, model: model) : NPYSamples.unlabelled(path)
    guard reader.featureCount == model.featureCount else {
      throw InputError(
        "--input \(path) has \(reader.featureCount) features, but the model was trained with \(model.featureCount)")
    }
    return reader
  }
}
