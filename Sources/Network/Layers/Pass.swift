import LinearAlgebra
import MPI
import Runtime

/// What the layers share while a batch goes through them. One for a network.
public final class Pass<T: NetworkReal> {
  public enum Mode: Sendable {
    /// Batch norm by the batch's statistics, which go into the running ones.
    case train
    /// Batch norm by the running statistics.
    case evaluate
  }

  /// Told of a layer, its input and its output.
  public typealias Observer = (any NetworkLayer<T>, _ input: MatrixView<T>, _ output: MatrixView<T>) throws -> Void

  let context: Context
  let weights: NetworkWeights<T>
  package var mode = Mode.train
  /// This rank's rows of the batch; may be 0.
  package var rows = 0
  /// All ranks' rows of it.
  package var batchRows = 0
  /// False: backward for the input's gradient alone.
  var wantsParameterGradients = true
  /// nil in training.
  var observe: Observer?

  init(_ weights: NetworkWeights<T>, _ context: Context) {
    self.weights = weights
    self.context = context
  }

  var pool: ThreadPool { context.pool }

  /// *Collective.* Each element by its sum over the ranks: for what is of the whole batch.
  func sumOverRanks(_ values: UnsafeMutableBufferPointer<Double>) throws {
    guard context.world.size > 1 else { return }
    try context.timer.measure(.exchange) { try context.world.sum(values) }
  }
}
