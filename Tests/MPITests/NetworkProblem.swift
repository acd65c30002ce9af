import LinearAlgebra
import MPI
import Network
import Runtime

/// A network with random numbers, this rank's share of some random rows, and a smooth loss: over all ranks, the sum of numbers c_ij times
/// the outputs.
struct NetworkProblem {
  let network: Network<Double>
  let world: Communicator
  /// Of all ranks.
  let batchRows: Int
  /// This rank's, (rows x features).
  let x: Matrix<Double>
  let c: Matrix<Double>

  /// - Parameters:
  ///   - scale: of the parameters, which are normal; those of batch norm are drawn around 1 by their initial value.
  ///   - ranks: all, unless given.
  init(_ form: NetworkForm, batchRows: Int, scale: Double = 0.5, seed: UInt64 = 1) throws {
    try self.init(input: form.input, batchRows: batchRows, scale: scale, seed: seed) { rows in
      try form.build(rows: rows, threads: 2)
    }
  }

  /// The same with layers of one's own.
  init(
    input: FeatureShape, batchRows: Int, scale: Double = 0.5, seed: UInt64 = 1, ranks: Communicator? = nil,
    build: (_ rows: Int) throws -> NetworkBuilder<Double>
  ) throws {
    world = try ranks ?? TestWorld.all
    self.batchRows = batchRows
    let own = (batchRows * world.rank / world.size)..<(batchRows * (world.rank + 1) / world.size)
    let context = Context(world: world, host: Host(threads: 2))
    network = Network(try build(own.count), context)
    let random = RandomStream(seed: seed, layer: 0, purpose: .probe)
    x = Matrix(rows: own.count, columns: input.count)
    x.fill { random.normal(row: own.lowerBound + $0, column: $1) }
    c = Matrix(rows: own.count, columns: network.outputs)
    c.fill { random.normal(row: 1000 + own.lowerBound + $0, column: $1) }
    for parameter in network.weights.parameters {
      let values = network.weights.matrix(parameter)
      let initial = if case .constant(let value) = parameter.initialisation { value } else { 0.0 }
      if scale == 0 {
        values.fill(initial)
      } else {
        let first = parameter.range.lowerBound
        for k in 0..<parameter.range.count {
          values.pointer[k] = initial + scale * random.normal(row: 2000, column: first + k)
        }
      }
    }
  }

  /// This rank's rows of numbers a row of the batch.
  func own(_ values: [Double]) -> [Double] {
    let each = values.count / batchRows
    return Array(
      values[(batchRows * world.rank / world.size * each)..<(batchRows * (world.rank + 1) / world.size * each)])
  }

  /// Other rows and numbers than the random ones; all ranks'.
  func setRows(x values: [Double], c weights: [Double]) {
    for (k, value) in own(values).enumerated() { x.pointer[k] = value }
    for (k, value) in own(weights).enumerated() { c.pointer[k] = value }
  }

  /// *Collective.*
  func loss(_ mode: Pass<Double>.Mode = .train) throws -> Double { try world.sum(ownLoss(mode)) }

  /// *Collective.* This rank's part of it.
  private func ownLoss(_ mode: Pass<Double>.Mode) throws -> Double {
    let outputs = try network.forward(x.view, mode, batchRows: batchRows)
    return zip(outputs.elements, c.buffer).reduce(0) { $0 + $1.0 * $1.1 }
  }

  /// *Collective.* The gradient in all parameters, summed over the ranks.
  func gradient(_ mode: Pass<Double>.Mode = .train) throws -> [Double] {
    _ = try loss(mode)
    try network.backward(c.copy().view)
    var gradient = Array(network.weights.gradients.buffer.prefix(network.weights.count))
    try world.sum(&gradient)
    return gradient
  }

  /// *Collective.* The largest difference between a parameter's gradient and a central difference, over the largest gradient. Of many
  /// parameters every `stride`-th.
  func worstError(_ mode: Pass<Double>.Mode = .train, stride step: Int = 1, width: Double = 1e-6) throws -> Double {
    let found = try gradient(mode)
    let scale = found.map { abs($0) }.max() ?? 1
    let places = Array(stride(from: 0, to: found.count, by: step))
    var differences = try places.map { k in
      let value = network.weights.values.pointer + k
      let before = value.pointee
      defer { value.pointee = before }
      value.pointee = before + width
      let above = try ownLoss(mode)
      value.pointee = before - width
      return (above - (try ownLoss(mode))) / (2 * width)
    }
    // Once: ranks that share a core wait for each other at every sum.
    try world.sum(&differences)
    return zip(places, differences).reduce(0) { max($0, abs($1.1 - found[$1.0]) / scale) }
  }
}
