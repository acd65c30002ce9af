import LinearAlgebra
import Network

/// An mlp with relu in plain loops on one rank: what the fast one is compared with.
struct ReferenceNetwork {
  /// W of each layer, rows of inputs.
  var weights: [[[Double]]]

  init(_ network: NetworkWeights<Double>) {
    weights = network.parameters.map { parameter in
      let view = network.matrix(parameter)
      return (0..<view.rows).map { Array(view.row($0)) }
    }
  }

  /// phi of every layer, the sample first, and the outputs last; without the activation for the outputs alone.
  func forward(_ x: [Double]) -> [[Double]] {
    var values = [x]
    for (l, w) in weights.enumerated() {
      let sums = heights(w, values[l])
      values.append(l == weights.count - 1 ? sums : sums.map { max(0, $0) })
    }
    return values
  }

  /// W phi
  func heights(_ w: [[Double]], _ phi: [Double]) -> [Double] {
    w.map { row in zip(row, phi).reduce(0) { $0 + $1.0 * $1.1 } }
  }

  /// Gradients in the inputs of all layers, from one in the outputs; those in the weights are added to `into`, if given.
  func backward(_ values: [[Double]], _ gradient: [Double], into sums: inout [[[Double]]]?) -> [[Double]] {
    var gradients = [[Double]](repeating: [], count: weights.count)
    var g = gradient
    for l in weights.indices.reversed() {
      if l < weights.count - 1 { for i in g.indices where values[l + 1][i] <= 0 { g[i] = 0 } }
      for i in g.indices { for j in values[l].indices { sums?[l][i][j] += g[i] * values[l][j] } }
      g = values[l].indices.map { j in g.indices.reduce(0) { $0 + g[$1] * weights[l][$1][j] } }
      gradients[l] = g
    }
    return gradients
  }

  /// One step of SGD on a batch; returns the sum of the rows' losses, against targets 1 and -1.
  mutating func step(_ batch: [(x: [Double], label: Int)], rate: Double) -> Double {
    var sums: [[[Double]]]? = weights.map { $0.map { [Double](repeating: 0, count: $0.count) } }
    var loss = 0.0
    for sample in batch {
      let values = forward(sample.x)
      let outputs = values[values.count - 1]
      let errors = outputs.indices.map { outputs[$0] - ($0 == sample.label ? 1 : -1) }
      loss += errors.reduce(0) { $0 + $1 * $1 } / Double(errors.count)
      let gradient = errors.map { 2 * $0 / Double(errors.count * batch.count) }
      _ = backward(values, gradient, into: &sums)
    }
    for l in weights.indices {
      for i in weights[l].indices {
        for j in weights[l][i].indices { weights[l][i][j] -= rate * (sums?[l][i][j] ?? 0) }
      }
    }
    return loss
  }

  /// M of a layer, from 0: the sum over rows of J^T J; (width x width).
  func agop(_ layer: Int, _ rows: [[Double]]) -> Matrix<Double> {
    let width = weights[layer][0].count
    let sum = Matrix<Double>(rows: width, columns: width)
    var none: [[[Double]]]?
    for x in rows {
      let values = forward(x)
      for output in values[values.count - 1].indices {
        var gradient = [Double](repeating: 0, count: values[values.count - 1].count)
        gradient[output] = 1
        let g = backward(values, gradient, into: &none)[layer]
        for i in 0..<width { for j in 0..<width { sum[i, j] += g[i] * g[j] } }
      }
    }
    return sum
  }
}
