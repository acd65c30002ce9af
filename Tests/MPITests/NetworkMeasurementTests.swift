import LinearAlgebra
import MPI
import Measures
import Network
import Runtime
import Testing

/// What is measured of a network, the rows spread over the ranks in blocks, against plain loops over all rows.
@Suite(.serialized) struct NetworkMeasurementTests {
  private struct Case {
    let network: Network<Double>
    let layout: Layout
    let context: Context
    /// Of all ranks.
    let rows: [[Double]]
    let labels: [Int32]
    var shard: Range<Int> { layout.shard(of: context.world.rank) }

    /// - Parameter blockRows: at most so many rows go through the network at once.
    init(_ counts: [Int], blockRows: Int) throws {
      let world = try TestWorld.all
      context = Context(world: world, host: Host(threads: 2))
      layout = Layout(classCounts: counts, ranks: world.size)
      var form = NetworkForm(.mlp, input: FeatureShape(6), classes: counts.count)
      (form.depth, form.width) = (3, 7)
      network = Network(try form.build(rows: blockRows, threads: 2), context)
      network.weights.draw(seed: 5)
      let random = RandomStream(seed: 9, layer: 0, purpose: .probe)
      let labels = counts.enumerated().flatMap { [Int32](repeating: Int32($0), count: $1) }
      self.labels = labels
      // Classes have means of their own.
      rows = labels.indices.map { i in
        (0..<6).map { random.normal(row: i, column: $0) + 2 * random.normal(row: 500 + Int(labels[i]), column: $0) }
      }
    }

    func measure(
      workBetween work: Int = SafePointDistance.multiplications, between: (Double) throws -> Void = { _ in }
    ) throws -> NetworkMeasurement<Double>.Result {
      let own = shard
      let mine = Matrix<Double>(rows: own.count, columns: 6, Array(rows[own].joined()))
      let labels = Array(labels[own]) + [0]
      return try labels.withUnsafeBufferPointer {
        try NetworkMeasurement(network, layout, context).measure(
          mine, $0.baseAddress!, workBetween: work, between: between)
      }
    }
  }

  @Test(arguments: [[5, 9, 4], [1, 1, 1], [20, 0, 3]], [2, 64]) func asInPlainLoops(counts: [Int], blockRows: Int)
    throws
  {
    let made = try Case(counts, blockRows: blockRows)
    let found = try made.measure()
    let reference = ReferenceNetwork(made.network.weights)
    #expect(found.layers.map(\.name) == ["linear1", "linear2", "linear3"])
    for l in 0..<3 {
      let agop = reference.agop(l, made.rows)
      let measured = found.gradients[l].agop(made.network.weights, made.context.pool)
      let scale = agop.buffer.map { abs($0) }.max() ?? 0
      let worst = zip(agop.values, measured.values).map { abs($0 - $1) }.max() ?? 0
      #expect(worst <= 1e-12 * scale)
      let phi = made.rows.map { reference.forward($0)[l] }
      let heights = phi.map { reference.heights(reference.weights[l], $0) }
      let output = made.rows.map { reference.forward($0)[l + 1] }
      let metrics = found.layers[l]
      for (nc1, nc2, rows) in [
        (metrics.nc1.input, metrics.nc2.input, phi), (metrics.nc1.right, metrics.nc2.right, heights),
        (metrics.nc1.output, metrics.nc2.output, output),
      ] {
        let expected = collapse(rows, made)
        expectClose(nc1, expected.nc1)
        expectClose(nc2, expected.nc2)
      }
      expectClose(metrics.withinShare + metrics.betweenShare, 1)
    }
  }

  /// S V^T phi, from a decomposition, collapses as W phi does.
  @Test func rightStructureIsWPhi() throws {
    let made = try Case([6, 8, 5], blockRows: 16)
    let found = try made.measure()
    let reference = ReferenceNetwork(made.network.weights)
    let w = Matrix<Double>(rows: 7, columns: 6, Array(reference.weights[0].joined()))
    // W^T W = V S^2 V^T
    let gram = Matrix<Double>(rows: 6, columns: 6)
    multiply(w.view, w.view, transposeA: true, into: gram.view)
    let eigen = try SymmetricEigen(of: gram)
    let right = made.rows.map { x in
      (0..<6).map { k in
        max(0, eigen.values[k]).squareRoot() * zip(eigen.vectors.row(k), x).reduce(0) { $0 + $1.0 * $1.1 }
      }
    }
    let expected = collapse(right, made)
    expectClose(found.layers[0].nc1.right, expected.nc1)
    expectClose(found.layers[0].nc2.right, expected.nc2)
  }

  /// Between two outputs too, and a rank without rows as often as the others; what is measured stays.
  @Test(arguments: [[5, 9, 4], [1, 1, 1]]) func asksBetweenOutputs(counts: [Int]) throws {
    let made = try Case(counts, blockRows: 64)
    let whole = try made.measure()
    var shares: [Double] = []
    let found = try made.measure(workBetween: 1) { shares.append($0) }
    #expect(shares.count == made.layout.largestShard * (1 + counts.count))
    #expect(shares == shares.sorted() && (shares.last ?? 1) < 1)
    for (a, b) in zip(whole.gradients, found.gradients) {
      let scale = a.sum.values.map { abs($0) }.max() ?? 0
      #expect(zip(a.sum.values, b.sum.values).allSatisfy { abs($0 - $1) <= 1e-12 * scale })
    }
  }

  /// Ranks of different numbers of rows, one of them without any, come to the same safe points.
  @Test(arguments: [true, false]) func evaluatesInStep(asksEachRow: Bool) throws {
    let work = asksEachRow ? 1 : SafePointDistance.multiplications
    let made = try Case([5, 9, 4], blockRows: 16)
    let (world, network) = (made.context.world, made.network)
    let own = world.size > 1 && world.rank == 0 ? 0 : 5 + 2 * world.rank
    let most = try world.maximum(own)
    let x = Matrix<Double>(rows: own, columns: 6, Array(made.rows.prefix(own).joined()))
    let expected = own > 0 ? Array(try network.forward(x.view, .evaluate, batchRows: own).elements) : []
    var (asked, found) = (0, [Double]())
    try network.evaluate(x, most: most, workBetween: work, between: { asked += 1 }) { block, outputs in
      #expect(block.lowerBound == found.count / 3)
      found += Array(outputs.elements)
    }
    #expect(asked == (asksEachRow ? most : 1))
    #expect(found.count == expected.count && zip(found, expected).allSatisfy { abs($0 - $1) <= 1e-12 * (1 + abs($1)) })
  }

  private func collapse(_ rows: [[Double]], _ made: Case) -> (nc1: Double, nc2: Double) {
    let means = Matrix<Double>(rows: made.layout.classCount, columns: rows[0].count)
    for (row, label) in zip(rows, made.labels) {
      for k in row.indices { means[Int(label), k] += row[k] / Double(made.layout.classCounts[Int(label)]) }
    }
    var scatter = 0.0
    for (row, label) in zip(rows, made.labels) {
      for k in row.indices { scatter += (row[k] - means[Int(label), k]) * (row[k] - means[Int(label), k]) }
    }
    return (nc1(scatter: scatter, means: means, layout: made.layout), nc2(means: means, layout: made.layout))
  }

  private func expectClose(_ a: Double, _ b: Double) {
    #expect(abs(a - b) <= 1e-11 * max(abs(a), abs(b)) + 1e-13 || (a.isNaN && b.isNaN))
  }
}
