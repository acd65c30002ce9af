import LinearAlgebra
import MPI
import Measures
import Network
import Runtime
import Testing

/// What is measured at a convolution, the rows spread over the ranks in blocks, against its definition: gradients in what the convolution
/// gives by central differences through the layers behind it, and the collapse of all rows' images at once.
@Suite(.serialized) struct ConvolutionMeasurementTests {
  private struct Case {
    let network: Network<Double>
    let layout: Layout
    let context: Context
    /// Of all ranks, (rows x features).
    let x: Matrix<Double>
    let labels: [Int32]

    init(_ counts: [Int], blockRows: Int) throws {
      let world = try TestWorld.all
      context = Context(world: world, host: Host(threads: 2))
      layout = Layout(classCounts: counts, ranks: world.size)
      network = Network(Self.builder(rows: blockRows), context)
      network.weights.draw(seed: 3)
      labels = counts.enumerated().flatMap { [Int32](repeating: Int32($0), count: $1) }
      let (random, labels) = (RandomStream(seed: 4, layer: 0, purpose: .probe), labels)
      x = Matrix(rows: labels.count, columns: 40)
      // Classes have means of their own.
      x.fill { random.normal(row: $0, column: $1) + random.normal(row: 500 + Int(labels[$0]), column: $1) }
    }

    private static func builder(rows: Int) -> NetworkBuilder<Double> {
      var builder = NetworkBuilder<Double>(rows: rows, threads: 2)
      let image = FeatureShape(channels: 2, height: 5, width: 4)
      let conv = Convolution(
        "conv", from: image, to: 3, kernel: 3, stride: 2, padding: 1, hasBias: true, .uniform(bound: 0.5), &builder)
      builder.append(conv)
      builder.append(BatchNorm("norm", of: conv.output, &builder))
      builder.append(Activation(.relu, of: conv.output, &builder))
      let block = BasicBlock("block", from: conv.output, to: 4, stride: 2, &builder)
      builder.append(block)
      let pool = AveragePool(of: block.output, to: 1, 1, &builder)
      builder.append(pool)
      let hidden = Linear("linear1", from: pool.output, to: 5, .uniform(bound: 0.8), &builder)
      builder.append(hidden)
      builder.append(Activation(.relu, of: hidden.output, &builder))
      builder.append(Linear("linear2", from: hidden.output, to: 3, .uniform(bound: 0.8), &builder))
      return builder
    }

    func measure() throws -> NetworkMeasurement<Double>.Result {
      let own = layout.shard(of: context.world.rank)
      let mine = Matrix<Double>(rows: own.count, columns: x.columns)
      for (place, i) in own.enumerated() { _ = mine.row(place).update(from: x.row(i)) }
      let labels = Array(labels[own]) + [0]
      return try labels.withUnsafeBufferPointer {
        try NetworkMeasurement(network, layout, withConvolutions: true, context).measure(mine, $0.baseAddress!) { _ in }
      }
    }

    /// The output of the layer at `place` of one row, and all outputs behind it where that is moved.
    func outputs(behind place: Int, _ y: [Double]) throws -> [Double] {
      let row = Matrix<Double>(rows: 1, columns: y.count, y)
      (network.pass.mode, network.pass.rows, network.pass.batchRows) = (.evaluate, 1, 1)
      var values = row.view
      for layer in network.layers[(place + 1)...] { values = try layer.forward(values, network.pass) }
      return Array(values.row(0))
    }

    func forward(_ i: Int, through place: Int) throws -> [Double] {
      (network.pass.mode, network.pass.rows, network.pass.batchRows) = (.evaluate, 1, 1)
      var values = x.rows(i..<(i + 1))
      for layer in network.layers[0...place] { values = try layer.forward(values, network.pass) }
      return Array(values.row(0))
    }

    func collapse(_ rows: [[Double]]) -> (nc1: Double, nc2: Double) {
      let means = Matrix<Double>(rows: layout.classCount, columns: rows[0].count)
      for (row, label) in zip(rows, labels) {
        for k in row.indices { means[Int(label), k] += row[k] / Double(layout.classCounts[Int(label)]) }
      }
      var scatter = 0.0
      for (row, label) in zip(rows, labels) {
        for k in row.indices { scatter += (row[k] - means[Int(label), k]) * (row[k] - means[Int(label), k]) }
      }
      return (nc1(scatter: scatter, means: means, layout: layout), nc2(means: means, layout: layout))
    }
  }

  @Test(arguments: [2, 64]) func asDefined(blockRows: Int) throws {
    let made = try Case([4, 6, 3], blockRows: blockRows)
    let found = try made.measure()
    #expect(found.layers.map(\.name) == ["linear1"])
    #expect(
      found.convolutions.map(\.name) == ["conv", "block.conv1", "block.conv2", "block.downsample.0"])
    #expect(found.convolutions.map(\.layer) == [1, 2, 3, 4])
    #expect(found.convolutions.map(\.inputWidth) == [18, 27, 36, 3])
    let metrics = found.convolutions[0]
    for (nc1, nc2, rows) in [
      (metrics.nc1.input, metrics.nc2.input, made.labels.indices.map { Array(made.x.row($0)) }),
      (metrics.nc1.right, metrics.nc2.right, try made.labels.indices.map { try made.forward($0, through: 0) }),
      (metrics.nc1.output, metrics.nc2.output, try made.labels.indices.map { try made.forward($0, through: 2) }),
    ] {
      let expected = made.collapse(rows)
      #expect(abs(nc1 - expected.nc1) <= 1e-11 * expected.nc1)
      #expect(abs(nc2 - expected.nc2) <= 1e-11)
    }
    try expectGradients(made, found.gradients[1].sum)
    // The next layer's input, and the block's output: after its sum.
    let block = try made.collapse(made.labels.indices.map { try made.forward($0, through: 3) })
    #expect(abs(found.convolutions[2].nc1.output - block.nc1) <= 1e-11 * block.nc1)
    let past = found.convolutions[3]
    #expect(past.nc1.output.isFinite && abs(past.nc1.output - block.nc1) > 1e-6 * block.nc1)
  }

  /// S of the first convolution: from d f_c / d y of each row and output, channels by positions.
  private func expectGradients(_ made: Case, _ sum: Matrix<Double>) throws {
    let (channels, width) = (3, 1e-6)
    let expected = Matrix<Double>(rows: channels, columns: channels)
    for i in made.labels.indices {
      let y = try made.forward(i, through: 0)
      let positions = y.count / channels
      let jacobian = try y.indices.map { k in
        let moved = try [width, -width].map { step in
          var other = y
          other[k] += step
          return try made.outputs(behind: 0, other)
        }
        return zip(moved[0], moved[1]).map { ($0 - $1) / (2 * width) }
      }
      for a in 0..<channels {
        for b in 0..<channels {
          for p in 0..<positions {
            expected[a, b] += zip(jacobian[a * positions + p], jacobian[b * positions + p]).reduce(0) {
              $0 + $1.0 * $1.1
            }
          }
        }
      }
    }
    let scale = (0..<channels).map { expected[$0, $0] }.max() ?? 0
    for k in 0..<expected.count { #expect(abs(expected.pointer[k] - sum.pointer[k]) <= 1e-7 * scale) }
  }

  /// Correlations by factors as from the patches' AGOP itself; training afterwards adds nothing to what was measured.
  @Test func correlations() throws {
    let made = try Case([5, 4, 4], blockRows: 5)
    let found = try made.measure()
    for (place, metrics) in found.convolutions.enumerated() {
      let s = found.gradients[1 + place].sum
      let parameter = try #require(
        made.network.weights.parameters.first { $0.name == metrics.name + ".weight" })
      let weights = made.network.weights.matrix(parameter)
      let w = Matrix<Double>(rows: weights.rows, columns: weights.columns, Array(weights.elements))
      let agop = outerProduct(of: w, outputGradients: s, pool: made.context.pool)
      let known = try FeatureCorrelation(of: w, with: agop, pool: made.context.pool)
      #expect(abs(metrics.nfa.agop - known.agop) <= 1e-10)
      #expect(abs(metrics.nfa.root - known.root) <= 1e-6)
    }
    let before = found.gradients.map { Array($0.sum.buffer) }
    _ = try made.network.forward(made.x.rows(0..<3), .train, batchRows: 3 * made.context.world.size)
    let gradient = Matrix<Double>(rows: 3, columns: 3)
    gradient.fill { Double($0 + $1) }
    try made.network.backward(gradient.view)
    #expect(found.gradients.map { Array($0.sum.buffer) } == before)
  }
}
