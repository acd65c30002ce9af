import Instruments
import KernelMachine
import LinearAlgebra
import Runtime
import Testing

@Suite(.serialized) struct KernelOperatorTests {
  /// The precision's rounding in units of the kernel's 1, with room for its sums.
  private func bound<T: Real>(_ type: T.Type) -> Double { 16 * Double(T.ulpOfOne) }

  /// The largest error of all stored tiles' entries, and how often each pair of samples is stored.
  private func checkTiles<T: Real>(_ shape: Shape, _ kernel: Kernel, _ type: T.Type, width: Int = 6) throws {
    let problem = try Problem<T>(
      shape.samples(width: width), classCounts: shape.classCounts, world: TestWorld.all, tileRows: shape.tileRows)
    let k = try problem.kernelMatrix(kernel)
    let expected = Reference.kernel(kernel, problem.x, problem.x)
    let times = Matrix<Double>(rows: expected.rows, columns: expected.rows)
    let first = problem.layout.shard(of: problem.world.rank).lowerBound
    var worst = 0.0
    k.forEachTile { otherRank, tile, deviation in
      guard let deviation else { return }
      let otherFirst = problem.layout.shard(of: otherRank).lowerBound
      let constant = k.builder.constant(tile.rows.centre, tile.columns.centre)
      for (i, row) in tile.rows.rows.enumerated() {
        for (j, column) in tile.columns.rows.enumerated() {
          let (a, b) = (first + row, otherFirst + column)
          times[a, b] += 1
          if !tile.isDiagonal { times[b, a] += 1 }
          worst = max(worst, abs(constant + Double(deviation[i, j]) - expected[a, b]))
        }
      }
    }
    #expect(worst <= bound(T.self) / min(1, kernel.bandwidth), "\(shape) \(kernel)")
    try problem.world.sum(times.buffer)
    #expect(times.buffer.allSatisfy { $0 == 1 })
  }

  @Test(arguments: Shape.all, Kernel.both + Kernel.narrow)
  func tilesFloat(shape: Shape, kernel: Kernel) throws { try checkTiles(shape, kernel, Float.self) }

  @Test(arguments: Shape.all, Kernel.both + Kernel.narrow)
  func tilesDouble(shape: Shape, kernel: Kernel) throws { try checkTiles(shape, kernel, Double.self) }

  /// Of long rows several tiles come from one product.
  @Test(arguments: Shape.all, Kernel.both) func tilesOfLongRows(shape: Shape, kernel: Kernel) throws {
    try checkTiles(shape, kernel, Float.self, width: 1030)
    try checkTiles(shape, kernel, Double.self, width: 1030)
  }

  /// K v is the plain double loop's, and the one rank's.
  private func checkProduct<T: Real, V: Real>(
    _ shape: Shape, _ kernel: Kernel, _ type: T.Type, in precision: V.Type
  ) throws {
    let world = try TestWorld.all
    let problem = try Problem<T>(
      shape.samples(), classCounts: shape.classCounts, world: world, tileRows: shape.tileRows)
    let v = noise(problem.x.rows, 3, seed: 41)
    let y = Matrix<Double>(rows: problem.rows.rowCount, columns: 3)
    y.view.fill(.nan)
    let k = try problem.kernelMatrix(kernel)
    try k.apply(problem.own(v), into: y, in: V.self)
    let result = try problem.whole(y)
    let expected = Reference.product(Reference.kernel(kernel, problem.x, problem.x), v)
    let rounding = max(bound(T.self) / min(1, kernel.bandwidth), bound(V.self))
    #expect(relativeError(result, expected) < rounding, "\(shape) \(kernel)")

    let alone = try Problem<T>(
      shape.samples(), classCounts: shape.classCounts, world: world.split(color: world.rank, key: 0),
      tileRows: shape.tileRows)
    let single = Matrix<Double>(rows: problem.x.rows, columns: 3)
    try alone.kernelMatrix(kernel).apply(v, into: single, in: V.self)
    #expect(relativeError(result, single) < rounding)

    // Again: the same bits.
    let again = Matrix<Double>(rows: y.rows, columns: 3)
    try k.apply(problem.own(v), into: again, in: V.self)
    #expect(Array(again.buffer) == Array(y.buffer))
  }

  @Test(arguments: Shape.all, Kernel.both) func product(shape: Shape, kernel: Kernel) throws {
    try checkProduct(shape, kernel, Double.self, in: Double.self)
    try checkProduct(shape, kernel, Float.self, in: Float.self)
    try checkProduct(shape, kernel, Float.self, in: Double.self)
  }

  /// Whichever worker takes which run of tiles: the same bits.
  @Test(arguments: [1, 3, 4]) func sameBitsWhoeverIsFree(threads: Int) throws {
    let shape = Shape.all[Shape.all.count - 1]
    let problem = try Problem<Float>(
      shape.samples(), classCounts: shape.classCounts, world: TestWorld.all, tileRows: shape.tileRows, threads: threads)
    let k = try problem.kernelMatrix(Kernel.both[0])
    let v = problem.own(noise(problem.x.rows, 3, seed: 45))
    func image() throws -> [Double] {
      let y = Matrix<Double>(rows: v.rows, columns: 3)
      try k.apply(v, into: y, in: Float.self)
      return Array(y.buffer)
    }
    let first = try image()
    for _ in 0..<50 { #expect(try image() == first) }
  }

  /// Tiles that are recomputed for each product give the same product as stored ones; ranks may have different budgets.
  @Test(arguments: Shape.all, [0, 1000, 4000]) func recomputedTiles(shape: Shape, budget: Int) throws {
    let world = try TestWorld.all
    let problem = try Problem<Double>(
      shape.samples(), classCounts: shape.classCounts, world: world, tileRows: shape.tileRows)
    let v = problem.own(noise(problem.x.rows, 3, seed: 44))
    func product(_ tileBudget: Int) throws -> Matrix<Double> {
      let y = Matrix<Double>(rows: v.rows, columns: 3)
      let k = try problem.kernelMatrix(Kernel.both[0], tileBudget: tileBudget)
      #expect(k.storedBytes <= tileBudget)
      try k.apply(v, into: y, in: Double.self)
      return y
    }
    let stored = try product(.max)
    let again = try product(world.rank == 1 ? 2 * budget : budget)
    #expect(relativeError(again, stored) < 1e-14)
  }

  /// What the memory plan counts for the tiles is what storing all of them takes: no tile is left out for a byte, none is spare.
  @Test(arguments: Shape.all) func allTilesFitTheirCount(shape: Shape) throws {
    let world = try TestWorld.all
    let problem = try Problem<Float>(
      shape.samples(), classCounts: shape.classCounts, world: world, tileRows: shape.tileRows)
    let bytes = 4 * PairSchedule(rank: world.rank, ranks: world.size).tileElements(problem.layout)
    let k = try problem.kernelMatrix(Kernel.both[0], tileBudget: bytes)
    #expect(k.storedBytes == bytes && k.storedShare == 1)
    let less = try problem.kernelMatrix(Kernel.both[0], tileBudget: bytes - 1)
    #expect(less.storedShare < 1 || bytes == 0)
  }

  @Test(arguments: Shape.all, Kernel.both) func symmetric(shape: Shape, kernel: Kernel) throws {
    let problem = try Problem<Double>(
      shape.samples(), classCounts: shape.classCounts, world: TestWorld.all, tileRows: shape.tileRows)
    let k = try problem.kernelMatrix(kernel)
    let (u, v) = (noise(problem.x.rows, 1, seed: 42), noise(problem.x.rows, 1, seed: 43))
    func image(_ x: Matrix<Double>) throws -> Matrix<Double> {
      let y = Matrix<Double>(rows: problem.rows.rowCount, columns: 1)
      try k.apply(problem.own(x), into: y, in: Double.self)
      return try problem.whole(y)
    }
    func inner(_ x: Matrix<Double>, _ y: Matrix<Double>) -> Double {
      zip(x.buffer, y.buffer).reduce(0) { $0 + $1.0 * $1.1 }
    }
    let (left, right) = (inner(u, try image(v)), inner(try image(u), v))
    #expect(abs(left - right) < 1e-13 * Double(problem.x.rows))
  }

  /// Within a class the differences are tiny: what float32 would lose if the tiles were not centred (docs/method.md).
  @Test(arguments: Kernel.both) func collapsedClassesKeepTheirDigitsInFloat(kernel: Kernel) throws {
    let layout = Layout(classCounts: [9, 12], ranks: try TestWorld.all.size, tileRows: 4)
    let (centres, deviations) = (noise(2, 6, seed: 81), noise(21, 6, seed: 82))
    let x = Matrix<Double>(rows: 21, columns: 6)
    for i in 0..<21 {
      for k in 0..<6 {
        deviations[i, k] = Double(Float(1e-5 * deviations[i, k]))
        x[i, k] = centres[i < 9 ? 0 : 1, k] + deviations[i, k]
      }
    }
    let problem = try Problem<Float>(deviations: deviations, centres: centres, layout: layout, world: TestWorld.all)
    let expected = Reference.kernel(kernel, x, x)
    let first = layout.shard(of: problem.world.rank).lowerBound
    try problem.kernelMatrix(kernel).forEachTile { otherRank, tile, deviation in
      guard let deviation else { return }
      guard tile.rows.centre == tile.columns.centre else { return }
      let otherFirst = layout.shard(of: otherRank).lowerBound
      for (i, row) in tile.rows.rows.enumerated() {
        for (j, column) in tile.columns.rows.enumerated() where first + row != otherFirst + column {
          // 1 - k relative to itself; the plain double loop itself is off by eps of 1.
          let truth = expected[first + row, otherFirst + column] - 1
          #expect(abs(Double(deviation[i, j]) - truth) < 1e-5 * abs(truth) + 1e-15)
        }
      }
    }
  }
}
