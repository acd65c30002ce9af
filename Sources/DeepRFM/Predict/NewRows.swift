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
  /// Of the own rows; nil where the input has no labels, or none that the model knows.
  let known: KnownTargets?
  /// What is to be told; rank 0's.
  let notes: [String]
  /// Standardised at first, then layer after layer that layer's input.
  var points: GroupedRows<Double>

  /// *Collective.* Throws `InputError`, the same on all ranks.
  init(
    _ options: PredictOptions, _ model: TrainedRun, layout: Layout, context: Context
  ) throws {
    let (host, world) = (context.host, context.world)
    let copies = try SampleCopies(of: options.input ?? options.data, hostName: host.name, world: world)
    let reader = try world.together {
      try copies.reading { try options.rows.open(for: model.trained, seed: model.options.seed) }
    }
    try copies.checkSame([reader], labelled: reader.hasLabels)
    let count = options.samples ?? reader.sampleCount
    try world.together {
      guard count <= reader.sampleCount else {
        throw InputError(
          "--samples \(count) is more than the \(reader.sampleCount) rows that are there")
      }
      try Memory.checkSamples(
        [reader], ranks: world.size, elementBytes: MemoryLayout<Double>.stride,
        budget: Memory.available / 10 * 9 / host.ranksOnNode)
    }
    let shard = try TestShard<Double>(
      reader, first: count, model.targets, model.standardisation, isLabelled: reader.hasLabels,
      isStrict: options.strict, world: world)
    self.count = count
    known = shard.known
    notes = reader.notes + shard.notes
    points = GroupedRows(shard.rows, layout: layout, context: context)
  }
}
