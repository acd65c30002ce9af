import LinearAlgebra
import Testing

import Network

/// Steps against the formulas of PyTorch's documentation, number by number.
@Suite struct OptimizerTests {
  private func weights(_ values: [Double]) -> NetworkWeights<Double> {
    var builder = NetworkBuilder<Double>(rows: 1, threads: 1)
    _ = builder.parameter("w", [1, values.count], .constant(0))
    let weights = NetworkWeights<Double>(builder.parameters, builder.statistics)
    for (k, value) in values.enumerated() { weights.values.pointer[k] = value }
    return weights
  }

  private let pool = ThreadPool(count: 2)
  private let start = [1.0, -2, 0.5, 0]
  private let gradients: [[Double]] = [[0.1, 0.2, -0.3, 1], [-0.5, 0, 0.25, 1], [0.3, -0.1, 0, 1]]

  private func run(_ optimizer: Optimizer<Double>) -> [Double] {
    let w = weights(start)
    for gradient in gradients {
      for (k, value) in gradient.enumerated() { w.gradients.pointer[k] = value }
      optimizer.beginStep()
      // In two ranges, the second with half of its gradient as a further term.
      let terms = Matrix<Double>(rows: 1, columns: 2)
      for k in 2..<4 {
        w.gradients.pointer[k] = gradient[k] / 2
        terms.pointer[k - 2] = gradient[k] / 2
      }
      optimizer.step(w, 0..<2, pool)
      optimizer.step(w, 2..<4, pool, adding: terms)
    }
    return w.values.values
  }

  @Test(arguments: [(0.0, 0.0), (0.9, 0.0), (0.0, 0.1), (0.9, 0.1)]) func sgd(momentum: Double, decay: Double) {
    var (expected, velocity) = (start, [Double](repeating: 0, count: start.count))
    for gradient in gradients {
      for k in start.indices {
        velocity[k] = momentum * velocity[k] + gradient[k] + decay * expected[k]
        expected[k] -= 0.05 * velocity[k]
      }
    }
    let found = run(
      Optimizer(.sgd, learningRate: 0.05, momentum: momentum, decay: decay, count: start.count))
    for (a, b) in zip(found, expected) { #expect(abs(a - b) < 1e-15) }
  }

  @Test(arguments: [0.0, 0.1]) func adam(decay: Double) {
    var (expected, m, v) = (start, [0.0, 0, 0, 0], [0.0, 0, 0, 0])
    var (power1, power2) = (1.0, 1.0)
    for gradient in gradients {
      (power1, power2) = (power1 * 0.9, power2 * 0.999)
      for k in start.indices {
        let g = gradient[k] + decay * expected[k]
        m[k] = 0.9 * m[k] + 0.1 * g
        v[k] = 0.999 * v[k] + 0.001 * g * g
        expected[k] -= 0.01 * (m[k] / (1 - power1)) / ((v[k] / (1 - power2)).squareRoot() + 1e-8)
      }
    }
    let found = run(Optimizer(.adam, learningRate: 0.01, momentum: 0, decay: decay, count: start.count))
    for (a, b) in zip(found, expected) { #expect(abs(a - b) < 1e-13) }
  }
}
