import LinearAlgebra
import Runtime

/// How a step is made of a gradient. Raw values are those of `--optimizer`.
public enum OptimizerKind: String, Sendable, Codable, CaseIterable {
  case sgd, adam
}

/// SGD with momentum and decay, or Adam, as PyTorch does them, parameter by parameter.
package final class Optimizer<T: NetworkReal> {
  private let kind: OptimizerKind
  private let learningRate, momentum, decay: Double
  /// The velocity of SGD with momentum; the gradient's first and second moment of Adam; (1 x parameters) each, kept up where this rank
  /// makes the steps.
  let memory: [Matrix<T>]
  /// Steps begun.
  package private(set) var steps = 0

  /// Elements whose gradient is still in a core's own caches when it has been summed.
  private static var pieceCount: Int { 4096 }

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

  /// *Local.* A step begins, which `step` makes range by range.
  package func beginStep() { steps += 1 }

  /// *Local.* w <- w - the step of its gradient, of a range of the parameters, on all threads.
  /// - Parameter terms: of the gradient, which are added to it first, row after row; (any x range).
  package func step(
    _ weights: NetworkWeights<T>, _ range: Range<Int>, _ pool: ThreadPool, adding terms: Matrix<T>? = nil
  ) {
    precondition(terms.map { $0.columns == range.count } ?? true)
    let (g, first, most) = (weights.gradients, range.lowerBound, Self.pieceCount)
    let step = makeStep(weights)
    pool.forEachPart(of: range.count, roundedTo: 64) { part, _ in
      for start in stride(from: part.lowerBound, to: part.upperBound, by: most) {
        let count = min(most, part.upperBound - start)
        if let terms {
          for row in 0..<terms.rows {
            T.add(terms.pointer + row * terms.columns + start, g.pointer + first + start, count)
          }
        }
        step(first + start, count)
      }
    }
  }

  /// What makes the step of `count` parameters from `start` on.
  private func makeStep(_ weights: NetworkWeights<T>) -> @Sendable (_ start: Int, _ count: Int) -> Void {
    let (w, g, memory) = (weights.values, weights.gradients, memory)
    switch kind {
    case .sgd:
      let (rate, momentum, decay) = (learningRate, momentum, decay)
      return { start, count in
        T.descend(
          w.pointer + start, g.pointer + start, memory.first.map { $0.pointer + start }, count, rate: rate,
          momentum: momentum, decay: decay)
      }
    case .adam:
      let form = AdamStep(learningRate: learningRate, decay: decay, step: steps)
      return { start, count in
        T.adam(w.pointer + start, g.pointer + start, memory[0].pointer + start, memory[1].pointer + start, count, form)
      }
    }
  }

  /// *Local.* As before the first step.
  func reset() {
    steps = 0
    for vector in memory { vector.view.fill(0) }
  }

  // MARK: In a checkpoint

  /// All of it, where it has been gathered (`SharedStep.gatherMemory`).
  package var saved: [SavedTensor] { memory.enumerated().map { SavedTensor("optimizer\($0)", $1) } }

  /// Throws `CheckpointError`.
  package func restore(_ saved: [SavedTensor], steps: Int) throws {
    for (number, vector) in memory.enumerated() { try saved.restore("optimizer\(number)", into: vector) }
    self.steps = steps
  }
}
