import KernelMachine
import LinearAlgebra
import MPI
import Runtime

/// Samples of a small problem, the same on every rank, and this rank's part of it.
struct Problem<T: Real> {
  let x: Matrix<Double>
  let layout: Layout
  let rows: Rows<T>
  let context: Context
  var world: Communicator { context.world }
  var pool: ThreadPool { context.pool }

  /// *Collective.* - Parameter x: all samples, sorted by class.
  init(
    _ x: Matrix<Double>, classCounts: [Int], world: Communicator, tileRows: Int = 4, threads: Int? = nil,
    copies: [Int32] = []
  ) throws {
    self.x = x
    layout = Layout(classCounts: classCounts, ranks: world.size, tileRows: tileRows, copies: copies)
    precondition(layout.sampleCount == x.rows)
    context = Context(world: world, host: Host(threads: threads ?? TestWorld.threads(of: world)))
    let shard = layout.shard(of: world.rank)
    let own = Matrix<T>(uninitialisedRows: shard.count, columns: x.columns)
    for i in 0..<own.rows { for k in 0..<own.columns { own[i, k] = T(x[shard.lowerBound + i, k]) } }
    rows = try centredOnClassMeans(
      own, Matrix(rows: classCounts.count, columns: x.columns), layout: layout, context: context)
  }

  /// *Collective.* - Parameter deviations: of all samples from the centres given, not yet the class means.
  init(deviations: Matrix<Double>, centres: Matrix<Double>, layout: Layout, world: Communicator) throws {
    x = deviations
    self.layout = layout
    context = Context(world: world, host: Host(threads: TestWorld.threads(of: world)))
    let shard = layout.shard(of: world.rank)
    let own = Matrix<T>(uninitialisedRows: shard.count, columns: x.columns)
    for i in 0..<own.rows { for k in 0..<own.columns { own[i, k] = T(x[shard.lowerBound + i, k]) } }
    rows = try centredOnClassMeans(own, centres, layout: layout, context: context)
  }

  /// *Collective.*
  func kernelMatrix(_ kernel: Kernel, tileBudget: Int = .max) throws -> KernelOperator<T> {
    try KernelOperator(kernel, rows, tileBudget: tileBudget)
  }

  func gradients(
    _ kernel: Kernel, matrix: KernelOperator<T>? = nil, chunkBytes: Int = 512 << 20, remoteBytes: Int = 0
  ) -> RouteUnderTest<T> {
    let memory = AGOPMemory(gradients: chunkBytes, remoteTiles: remoteBytes)
    return RouteUnderTest(route: .class, all: AGOP(of: rows, kernel, tiles: matrix, memory: memory))
  }

  func gram(
    _ kernel: Kernel, matrix: KernelOperator<T>? = nil, memoryBytes: Int = 8 << 30, remoteBytes: Int = 0,
    pieceRows: Int = 1600
  ) -> RouteUnderTest<T> {
    let memory = AGOPMemory(gram: memoryBytes, remoteTiles: remoteBytes)
    return RouteUnderTest(
      route: .gram, all: AGOP(of: rows, kernel, tiles: matrix, memory: memory, runRows: pieceRows))
  }

  /// This rank's rows of a matrix with a row for every sample.
  func own(_ whole: Matrix<Double>) -> Matrix<Double> {
    let shard = layout.shard(of: world.rank)
    let part = Matrix<Double>(uninitialisedRows: shard.count, columns: whole.columns)
    for i in 0..<part.rows { for k in 0..<part.columns { part[i, k] = whole[shard.lowerBound + i, k] } }
    return part
  }

  /// *Collective.* All ranks' rows below each other, on every rank.
  func whole<E: Real>(_ own: Matrix<E>) throws -> Matrix<Double> {
    let parts = try world.allGather(own.buffer.map { Double($0) })
    let all = parts.flatMap { $0 }
    return Matrix(rows: all.count / max(1, own.columns), columns: own.columns, all)
  }

  func sketch(
    _ kernel: Kernel, seed: UInt64, chunkBytes: Int = 512 << 20, runRows: Int = 9
  ) -> RouteUnderTest<T> {
    let random = RandomStream(seed: seed, layer: 1, purpose: .sketch)
    let memory = AGOPMemory(gradients: chunkBytes)
    return RouteUnderTest(
      route: .sketch, all: AGOP(of: rows, kernel, memory: memory, random: random, runRows: runRows))
  }

  /// *Collective.* Every rank's block of rows, on every rank.
  func blocks() throws -> [Rows<T>] {
    let own = Matrix<T>(uninitialisedRows: rows.rowCount, columns: rows.width)
    own.view.copy(from: rows.deviations)
    let all = try whole(own)
    return (0..<world.size).map { rank in
      let shard = layout.shard(of: rank)
      let block = Matrix<T>(uninitialisedRows: shard.count, columns: rows.width)
      for i in 0..<block.rows { for k in 0..<block.columns { block[i, k] = T(all[shard.lowerBound + i, k]) } }
      return Rows(
        block, rowCount: shard.count, centres: rows.centres, segments: layout.segments(of: rank),
        layout: layout, context: context)
    }
  }

  /// *Collective.* All rows as they are stored: centre and rounded deviation, in double.
  func wholeRows() throws -> Matrix<Double> {
    let own = Matrix<Double>(rows: rows.rowCount, columns: rows.width)
    for segment in rows.segments {
      for i in segment.rows { rows.read(row: i, centre: segment.centre, into: own.row(i)) }
    }
    return try whole(own)
  }

  /// +1 for a sample's class, -1 elsewhere.
  var targets: Matrix<Double> {
    let y = Matrix<Double>(rows: layout.sampleCount, columns: layout.classCount)
    y.view.fill(-1)
    var i = 0
    for (c, count) in layout.classCounts.enumerated() {
      for _ in 0..<count {
        y[i, c] = 1
        i += 1
      }
    }
    return y
  }
}

/// One route to the AGOP.
struct RouteUnderTest<T: Real> {
  let route: AGOPRoute
  let all: AGOP<T>

  /// *Collective.*
  func agop(
    _ a: Matrix<Double>, safePoints: SafePoints<AGOPState> = .none, from saved: AGOPState? = nil,
    progress: (Double) -> Void
  ) throws -> Matrix<Double> {
    try all.compute(a, by: route, safePoints: safePoints, from: saved, progress: progress).matrix
  }

  /// *Collective.* Of the sketch, with its own estimate of its error.
  func estimate(
    _ a: Matrix<Double>, safePoints: SafePoints<AGOPState> = .none, from saved: AGOPState? = nil,
    progress: (Double) -> Void
  ) throws -> (agop: Matrix<Double>, relativeError: Double) {
    let result = try all.compute(a, by: route, safePoints: safePoints, from: saved, progress: progress)
    return (result.matrix, result.error ?? .infinity)
  }
}

/// Class counts and whether some rows are repeated.
struct Shape: Sendable, CustomStringConvertible {
  let classCounts: [Int]
  var tileRows = 4
  var duplicates = false
  var description: String { "\(classCounts)\(duplicates ? " with duplicates" : "")" }

  /// Among them: one sample, fewer samples than ranks, absent classes, classes of one sample, many tiles.
  static let all = [
    Shape(classCounts: [1]), Shape(classCounts: [0, 2]), Shape(classCounts: [1, 0, 2]),
    Shape(classCounts: [3, 1, 0, 7]), Shape(classCounts: [13, 0, 1, 9, 17], tileRows: 5),
    Shape(classCounts: [4, 6, 3], duplicates: true), Shape(classCounts: [40, 30], tileRows: 512),
  ]

  /// Unit rows about their class's direction, all classes not far from each other.
  func samples(width: Int = 6, spread: Double = 0.7) -> Matrix<Double> {
    let random = RandomStream(seed: 17, layer: 0, purpose: .probe)
    let x = Matrix<Double>(rows: classCounts.reduce(0, +), columns: width)
    var i = 0
    for (c, count) in classCounts.enumerated() {
      for _ in 0..<count {
        for k in 0..<width {
          let centre = random.normal(row: 1000 + c, column: k)
          x[i, k] = centre + spread * random.normal(row: i, column: k)
        }
        divideByNorm(x.row(i))
        i += 1
      }
    }
    if duplicates { repeatRows(x) }
    return x
  }

  /// The second sample is the first again (same class), the last is the first too (another class).
  private func repeatRows(_ x: Matrix<Double>) {
    for k in 0..<x.columns {
      x[1, k] = x[0, k]
      x[x.rows - 1, k] = x[0, k]
    }
  }

  private func divideByNorm(_ x: UnsafeMutableBufferPointer<Double>) {
    let norm = x.reduce(0) { $0 + $1 * $1 }.squareRoot()
    for k in x.indices { x[k] /= norm }
  }
}
