import LinearAlgebra
import Runtime

/// How a step is made of a gradient. Raw values are those of `--optimizer`.
public enum OptimizerKind: String, Sendable, Codable, CaseIterable {
  case sgd, adam
}

/// SGD with momentum and decay, or Adam, as PyTorch does them: the same on all ranks from the same gradients.
package final class Optimizer<T: NetworkReal> {
  private let kind: OptimizerKind
  private let learningRate, momentum, decay: Double
  /// The velocity of SGD with momentum; the gradient's first and second moment of Adam; (1 x parameters) each.
  private let memory: [Matrix<T>]
  /// Steps made.
  private(set) var steps = 0

  /// - Parameter count: of the parameters.
  package init(_ kind: OptimizerKind, learningRate: Double, momentum: Double, decay: Double, count: Int) {
    (self.kind, self.learningRate, self.momentum, self.decay) = (kind, learningRate, momentum, decay)
    memory = (0..<Self.vectors(kind, momentum: momentum)).map { _ in Matrix(rows: 1, columns: count) }
  }

  /// Vectors as long as all parameters that it keeps.
  static func vectors(_ kind: OptimizerKind, momentum: Double) -> Int {
    switch kind {
    case .sgd: momentum == 0 ? 0 : 1
    case .adam: 2
    }
  }

  /// *Local.* w <- w - the step of its gradient, on all threads.
  package func step(_ weights: NetworkWeights<T>, _ pool: ThreadPool) {
    steps += 1
    let (w, g) = (weights.values, weights.gradients)
    let memory = memory
    switch kind {
    case .sgd:
      let (rate, momentum, decay) = (learningRate, momentum, decay)
      pool.forEachPart(of: weights.count, roundedTo: 64) { range, _ in
        let start = range.lowerBound
        T.descend(
          w.pointer + start, g.pointer + start, memory.first.map { $0.pointer + start }, range.count, rate: rate,
          momentum: momentum, decay: decay)
      }
    case .adam:
      let step = AdamStep(learningRate: learningRate, decay: decay, step: steps)
      pool.forEachPart(of: weights.count, roundedTo: 64) { range, _ in
        let start = range.lowerBound
        T.adam(
          w.pointer + start, g.pointer + start, memory[0].pointer + start, memory[1].pointer + start, range.count, step)
      }
    }
  }

  /// *Local.* As before the first step.
  func reset() {
    steps = 0
    for vector in memory { vector.view.fill(0) }
  }

  // MARK: In a checkpoint

  var saved: [SavedTensor] { memory.enumerated().map { SavedTensor("optimizer\($0)", $1) } }

  /// Throws `CheckpointError`.
  func restore(_ saved: [SavedTensor], steps: Int) throws {
    for (number, vector) in memory.enumerated() { try saved.restore("optimizer\(number)", into: vector) }
    self.steps = steps
  }
}
