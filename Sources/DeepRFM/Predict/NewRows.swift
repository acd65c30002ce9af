import Datasets
import Files
import KernelMachine
import LinearAlgebra
import MPI
import Runtime

/// The rows to predict: each rank its share of them, contiguous in the input's order.
struct NewRows {
  /// Over all ranks.
  let count: Int
  /// Of the own rows; nil where the input has none.
  let labels: [Int]?
  /// Standardised at first, then layer after layer that layer's input.
  var points: GroupedRows<Double>

  /// A rank's share of so many rows.
  static func share(_ count: Int, of rank: Int, in world: Communicator) -> Range<Int> {
    (count * rank / world.size)..<(count * (rank + 1) / world.size)
  }

  /// *Collective.* Throws `InputError`, the same on all ranks.
  init(
    _ options: PredictOptions, _ model: TrainedRun, layout: Layout, context: Context
  ) throws {
    let (host, world) = (context.host, context.world)
    let copies = try SampleCopies(of: options.input ?? options.data, hostName: host.name, world: world)
    let reader = try world.together { try copies.reading { try Self.open(options, model) } }
    try copies.checkSame([reader], labelled: options.input == nil)
    let (count, labels, rows) = try world.together {
      let count = options.samples ?? reader.sampleCount
      guard count <= reader.sampleCount else {
        throw InputError(
          "--samples \(count) is more than the \(reader.sampleCount) rows that are there")
      }
      try Memory.checkSamples(
        [reader], ranks: world.size, elementBytes: MemoryLayout<Double>.stride,
        budget: Memory.available / 10 * 9 / host.ranksOnNode)
      let share = Self.share(count, of: world.rank, in: world)
      let labels = options.input == nil ? Array(try reader.labels(first: count)[share]) : nil
      guard labels?.allSatisfy({ model.classCounts.indices.contains($0) }) ?? true else {
        throw InputError(
          "the samples have classes that the \(model.classCounts.count) of the model do not contain"
        )
      }
      return (count, labels, try loadRows(Array(share), reader) as Matrix<Double>)
    }
    self.count = count
    self.labels = labels
    model.standardisation.apply(to: rows)
    points = GroupedRows(rows, layout: layout, context: context)
  }

  private static func open(_ options: PredictOptions, _ model: TrainedRun) throws
    -> any SampleReader
  {
    if let dataset = options.dataset {
      return try Dataset.openSplit(
        options.split == .train ? .train : .test, of: dataset, directory: options.data,
        seed: model.options.seed,
        model: model.trained)
    }
    let path = options.input ?? ""
    let reader = try NPYSamples.unlabelled(path)
    guard reader.featureCount == model.featureCount else {
      throw InputError(
        "--input \(path) has \(reader.featureCount) features, but the model was trained with \(model.featureCount)"
      )
    }
    return reader
  }
}
