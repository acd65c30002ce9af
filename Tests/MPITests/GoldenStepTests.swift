import Instruments
import KernelMachine
import LinearAlgebra
import MPI
import Measures
import Runtime
import Solve
import Testing

/// Every intermediate of three layers against the golden values, step by step.
@Suite(.serialized) struct GoldenStepTests {
  /// How far a step may be off, relative to its size: rounding, times what the step amplifies.
  struct Bounds {
    let rows, kernel, coefficients, agop, root, metrics: Double

    static let float64 = Bounds(
      rows: 1e-11, kernel: 1e-11, coefficients: 1e-8, agop: 1e-8, root: 1e-7, metrics: 1e-9)
    static let float32 = Bounds(
      rows: 2e-3, kernel: 2e-3, coefficients: 5e-3, agop: 5e-3, root: 5e-3, metrics: 5e-3)
  }

  @Test(arguments: Golden.combinations) func conjugateGradient(name: String) throws {
    try check(name, .cg, tolerance: 1e-12, world: TestWorld.all, .float64, Double.self)
  }

  /// All ranks together, and each alone.
  @Test(arguments: Golden.combinations) func cholesky(name: String) throws {
    let world = try TestWorld.all
    for world in [world, try world.split(color: world.rank, key: 0)] {
      try check(name, .cholesky, tolerance: 1e-12, world: world, .float64, Double.self)
    }
  }

  @Test(arguments: Golden.combinations.filter { $0 != "laplace-cosine" }) func float32(name: String) throws {
    try check(name, .cg, tolerance: 1e-6, world: TestWorld.all, .float32, Float.self)
  }

  /// Two equal samples of different classes are deviations from different centres: cosine features with Cauchy weights drive
  /// their roundings in float32 so far apart that they no longer count as one point, and for the laplace kernel each gives
  /// the other's gradient a unit vector in the direction of the rounding.
  @Test func float32KeepsCoincidentPointsOfTwoClasses() throws {
    withKnownIssue("equal samples of different classes part in float32", isIntermittent: true) {
      try check("laplace-cosine", .cg, tolerance: 1e-6, world: TestWorld.all, .float32, Float.self)
    }
  }

  private func check<T: Real>(
    _ name: String, _ method: SolverMethod, tolerance: Double, world: Communicator, _ bounds: Bounds,
    _ type: T.Type
  ) throws {
    let golden = try Golden.read("tiny-" + name, as: Golden.Tiny.self)
    var pipeline = try GoldenPipeline<T>(golden, world: world)
    #expect(pipeline.order == golden.order)
    expectClose(Matrix(rows: 1, columns: 5, pipeline.mean), Matrix([golden.mean]), 1e-7, "mean")
    // Infinite for a constant feature, where the golden file has 0: either says that the feature becomes 0.
    let scale = pipeline.scale.map { $0.isInfinite ? 0 : $0 }
    expectClose(Matrix(rows: 1, columns: 5, scale), Matrix([golden.scale]), 1e-7, "scale")
    for (index, layer) in golden.layers.enumerated() {
      let place = "\(name), layer \(index + 1)"
      try pipeline.normalise()
      expectClose(try pipeline.wholeRows(), Matrix(layer.x), bounds.rows, "\(place): X")
      try checkTiles(pipeline, Matrix(layer.kernel), bounds.kernel, place)

      let a = try pipeline.solve(method, tolerance: tolerance)
      expectClose(
        try pipeline.whole(a), Matrix(layer.coefficients), bounds.coefficients, "\(place): A")
      expectClose(
        try pipeline.predictTest(a), Matrix(layer.testPredictions), bounds.coefficients,
        "\(place): f(test)")

      let agop = try pipeline.agop(a)
      expectClose(agop, Matrix(layer.agopUnscaled), bounds.agop, "\(place): AGOP")
      let largest = agop.buffer.max() ?? 1
      for k in 0..<agop.count { agop.pointer[k] /= largest }
      expectClose(agop, Matrix(layer.agop), bounds.agop, "\(place): scaled AGOP")
      let root = try symmetricRoot(agop, pool: pipeline.pool)
      expectClose(root, Matrix(layer.root), bounds.root, "\(place): root")

      let map = pipeline.map(root, layer: index + 1)
      expectClose(map.weights, Matrix(layer.weights), 4 * Double(T.ulpOfOne), "\(place): W")
      if let phases = layer.phases {
        expectClose(try #require(map.phases), Matrix([phases]), 4 * Double(T.ulpOfOne), "\(place): u")
      }
      let collapse = try pipeline.apply(map)
      expectClose(
        try pipeline.wholeRows(), Matrix(layer.mapped), max(bounds.root, bounds.rows),
        "\(place): mapped")
      let limit = max(bounds.root, bounds.metrics)
      expectClose(
        Matrix(rows: 1, columns: 3, collapse.nc1), Matrix([layer.nc1.values]), limit, "\(place): NC1")
      expectClose(
        Matrix(rows: 1, columns: 3, collapse.nc2), Matrix([layer.nc2.values]), limit, "\(place): NC2")
    }
  }

  private func expectClose<E: Scalar>(
    _ value: Matrix<E>, _ expected: Matrix<Double>, _ bound: Double, _ what: String,
    sourceLocation: SourceLocation = #_sourceLocation
  ) {
    let error = relativeError(value, expected)
    #expect(error <= bound, "\(what)", sourceLocation: sourceLocation)
  }

  /// Every stored tile, and among all ranks every entry once.
  private func checkTiles<T: Real>(
    _ pipeline: GoldenPipeline<T>, _ expected: Matrix<Double>, _ bound: Double, _ place: String
  ) throws {
    let k = try pipeline.kernelMatrix()
    let times = Matrix<Double>(rows: expected.rows, columns: expected.rows)
    let layout = pipeline.layout
    let first = layout.shard(of: pipeline.world.rank).lowerBound
    k.forEachTile { otherRank, tile, deviation in
      guard let deviation else { return }
      let constant = k.builder.constant(tile.rows.centre, tile.columns.centre)
      let otherFirst = layout.shard(of: otherRank).lowerBound
      for (i, row) in tile.rows.rows.enumerated() {
        for (j, column) in tile.columns.rows.enumerated() {
          let (a, b) = (first + row, otherFirst + column)
          times[a, b] += 1
          if !tile.isDiagonal { times[b, a] += 1 }
          let error = abs(constant + Double(deviation[i, j]) - expected[a, b])
          #expect(error <= bound, "\(place): K at \(a), \(b)")
        }
      }
    }
    try pipeline.world.sum(times.buffer)
    #expect(times.buffer.allSatisfy { $0 == 1 })
  }
}
