import Files
import LinearAlgebra
import MPI
import Runtime

/// What an epoch works with: made once, for the largest batch.
package final class NetworkWork<T: NetworkReal> {
  let samples: NetworkSamples<T>
  let network: Network<T>
  let optimizer: Optimizer<T>
  let batches: BatchRows<T>
  let step: SharedStep<T>
  let orders: OrderSource
  /// dL/df; (rows x classes).
  let outputGradient: Matrix<T>
  /// Weights and statistics as the last epoch left them.
  private let good: (values: Matrix<T>, statistics: Matrix<Double>)

  package init(
    _ samples: NetworkSamples<T>, _ network: Network<T>, _ orders: OrderSource, _ options: NetworkOptions,
    _ context: Context
  ) {
    (self.samples, self.network, self.orders) = (samples, network, orders)
    optimizer = Optimizer(
      options.optimizer, learningRate: options.learningRate, momentum: options.momentum, decay: options.weightDecay,
      count: network.weights.count)
    batches = BatchRows(samples.shard.rows, samples.layout, batch: options.batch, context)
    step = SharedStep(
      network.weights, StepShares(network.ranges, ranks: context.world.size), optimizer, context)
    outputGradient = Matrix(rows: network.rows, columns: network.outputs)
    good = (network.weights.values.copy(), network.weights.statisticValues.copy())
  }

  /// *Local.* An epoch has ended well.
  func keepGood() {
    good.values.pointer.update(from: network.weights.values.pointer, count: good.values.count)
    good.statistics.pointer.update(from: network.weights.statisticValues.pointer, count: good.statistics.count)
  }

  /// Those, for a checkpoint inside an epoch.
  var savedGood: [SavedTensor] {
    [SavedTensor("goodWeights", good.values), SavedTensor("goodStatistics", good.statistics)]
  }

  /// *Local.* Takes them from a checkpoint; of an earlier version's, which has none, what the checkpoint goes on with. Throws
  /// `CheckpointError`.
  func takeGood(from saved: [SavedTensor]) throws {
    guard saved.contains(where: { $0.name == "goodWeights" }) else { return keepGood() }
    try saved.restore("goodWeights", into: good.values)
    try saved.restore("goodStatistics", into: good.statistics)
  }

  /// *Local.* The weights of the last epoch that ended well.
  func restoreGood() {
    network.weights.values.pointer.update(from: good.values.pointer, count: good.values.count)
    network.weights.statisticValues.pointer.update(from: good.statistics.pointer, count: good.statistics.count)
  }
}

/// Where the epochs' orders come from.
package enum OrderSource {
  case drawn(seed: UInt64)
  /// An array of epochs x samples; rank 0 reads it.
  case file(NPYArray)

  /// *Collective.* The order of an epoch, from 0.
  func order(of epoch: Int, count: Int, _ world: Communicator) throws -> [Int32] {
    guard case .file(let array) = self else {
      guard case .drawn(let seed) = self else { return [] }
      return SampleOrder.drawn(count: count, seed: seed, epoch: epoch)
    }
    var order = try world.together { world.rank == 0 ? try Self.read(array, epoch, count) : [] }
    try world.broadcast(&order, from: 0)
    return order
  }

  /// *Local.* The order in a file, proven. Throws `InputError`.
  private static func read(_ array: NPYArray, _ epoch: Int, _ count: Int) throws -> [Int32] {
    var order: [Int32] = []
    try array.readRows([epoch]) { _, values in order = values.map { Int32(exactly: $0) ?? -1 } }
    guard SampleOrder.isPermutation(order, of: count) else {
      throw InputError(
        "\(array.path): row \(epoch) is not an order of the \(count) samples, each of 0 to \(count - 1) once")
    }
    return order
  }

  /// *Collective.* The file of --sample-order, or the seed. Throws `InputError` unless each epoch's row is an order of the samples.
  static func open(_ options: NetworkOptions, count: Int, _ world: Communicator) throws -> OrderSource {
    guard let path = options.sampleOrder else { return .drawn(seed: options.seed) }
    let array = try world.together {
      let array = try NPYArray(path)
      guard array.rows >= options.epochs, array.columns == count else {
        throw InputError(
          "--sample-order \(path) is an array of \(array.rows) x \(array.columns), and \(options.epochs) x \(count) is needed, epochs x samples"
        )
      }
      if world.rank == 0 { for epoch in 0..<options.epochs { _ = try read(array, epoch, count) } }
      return array
    }
    return .file(array)
  }
}
