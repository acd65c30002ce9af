import Files
import LinearAlgebra
import MPI
import Measures
import Runtime

/// A network on random rows of a sample's shape, on one rank: the parts of an epoch, to be timed for a plan.
package final class EpochProbe<T: NetworkReal> {
  private let options: NetworkOptions
  private let context: Context
  private let network: Network<T>
  private let optimizer: Optimizer<T>
  /// dL/df; (rows x classes).
  private let outputGradient: Matrix<T>
  /// (rows x features)
  private let rows: Matrix<T>
  private let classes: Int

  /// *Local.* - Parameters:
  ///   - workspaceRows: of the network's workspaces.
  ///   - rows: no more than those, (rows x features), of about unit variance.
  ///   - context: of this rank alone.
  package init(
    _ options: NetworkOptions, _ form: NetworkForm, workspaceRows: Int, rows: Matrix<T>, _ context: Context
  ) throws(InputError) {
    precondition(context.world.size == 1 && rows.rows > 0 && rows.rows <= workspaceRows)
    (self.options, self.context, self.rows, classes) = (options, context, rows, form.classes)
    network = try form.network(rows: workspaceRows, context, of: T.self)
    network.weights.draw(seed: options.seed)
    optimizer = Optimizer(
      options.optimizer, learningRate: options.learningRate, momentum: options.momentum, decay: options.weightDecay,
      count: network.weights.count)
    outputGradient = Matrix(rows: rows.rows, columns: form.classes)
  }

  /// The first rows, and as many of each class as of any other, sorted.
  private func withRows<R>(
    _ count: Int, _ body: (Matrix<T>, UnsafePointer<Int32>, Layout) throws -> R
  ) throws -> R {
    let counts = (0..<classes).map { count * ($0 + 1) / classes - count * $0 / classes }
    let labels = counts.enumerated().flatMap { [Int32](repeating: Int32($0), count: $1) }
    let part = Matrix(rows: count, columns: rows.columns, sharing: rows)
    return try labels.withUnsafeBufferPointer { labels in
      guard let start = labels.baseAddress else { preconditionFailure("no rows") }
      return try body(part, start, Layout(classCounts: counts, ranks: 1))
    }
  }

  /// *Local.* A step of training with so many rows: seconds forward with the loss, backward, and of the optimiser.
  package func step(rows count: Int) throws -> [Double] {
    try withRows(count) { rows, labels, _ in
      let begun = monotonicSeconds()
      let outputs = try network.forward(rows.view, .train, batchRows: count)
      let gradient = outputGradient.reshaped(rows: outputs.rows, columns: outputs.columns)
      _ = options.loss.score(outputs, labels, batchRows: count, gradient: gradient)
      let forward = monotonicSeconds()
      try network.backward(gradient)
      let backward = monotonicSeconds()
      optimizer.beginStep()
      optimizer.step(network.weights, 0..<network.weights.count, context.pool)
      return [forward - begun, backward - forward, monotonicSeconds() - backward]
    }
  }

  /// *Local.* Seconds to find the loss and the accuracy of so many rows.
  package func evaluate(rows count: Int) throws -> Double {
    try withRows(count) { rows, labels, _ in
      let begun = monotonicSeconds()
      try network.evaluate(rows, most: count, between: {}) { block, outputs in
        _ = options.loss.score(outputs, labels + block.lowerBound)
      }
      return monotonicSeconds() - begun
    }
  }

  /// *Local.* Seconds of a measurement's passes over so many rows, without what is done once they are through.
  /// - Parameter outputs: from so many it sweeps back, whose seconds stand for those of all; nil: from all.
  package func measure(rows count: Int, outputs: Int? = nil) throws -> Double {
    try withRows(count) { rows, labels, layout in
      // Made once a measurement, not once so many rows.
      let measurement = NetworkMeasurement(
        network, layout, withConvolutions: options.measure == .convolutions, context)
      let begun = monotonicSeconds()
      try measurement.addRows(rows, labels, outputs: outputs) { _ in }
      let (all, sweeps) = (monotonicSeconds() - begun, measurement.sweepSeconds)
      return all - sweeps + sweeps * Double(classes) / Double(outputs ?? classes)
    }
  }

  /// *Local.* Seconds of the correlations of a layer of so many units and inputs, in double.
  package func correlate(order n: Int, _ pool: ThreadPool) throws -> Double {
    let random = RandomStream(seed: 0, layer: 0, purpose: .probe)
    let weights = Matrix<Double>(uninitialisedRows: n, columns: n)
    weights.fill { random.normal(row: $0, column: $1) }
    let sum = Matrix<Double>(rows: n, columns: n)
    for i in 0..<n { sum[i, i] = 1 + Double(i) }
    let begun = monotonicSeconds()
    let agop = outerProduct(of: weights, outputGradients: sum, pool: pool)
    _ = try FeatureCorrelation(of: weights, with: agop, pool: pool)
    return monotonicSeconds() - begun
  }
}
