import KernelMachine
import LinearAlgebra
import MPI
import Runtime

/// How large the probes of the machine's limits are, and what memory is planned from.
public struct ProbeSizes: Sendable {
  /// Rows, columns and inner length of the matrix product.
  public var gemm = 2048
  /// Bytes of memory that a rank reads: far more than any cache holds.
  public var readBytes = 1 << 30
  /// Seconds that a measurement takes at least, nearly.
  public var seconds = 0.1
  /// Bytes that a rank holds before `--memory` is planned; nil: those that its process does. Tests have the same plan every time.
  public var resident: Int?

  public init() {}
}

/// What this machine can do at best, each figure over all ranks at once: the other benches divide by these.
final class MachineLimits {
  let world: Communicator
  let pool: ThreadPool
  let measurement: Measurement

  let sizes: ProbeSizes
  /// What `read` reads; not touched before.
  private lazy var memory = filledMemory()

  /// *Local.*
  init(_ world: Communicator, _ pool: ThreadPool, repetitions: Int, _ sizes: ProbeSizes) {
    self.world = world
    self.pool = pool
    self.sizes = sizes
    measurement = Measurement(world: world, repetitions: repetitions)
  }

  /// Operations a second of a thread, to choose how often small work is repeated.
  private static var guessedRate: Double { 1e11 }

  /// *Collective.* Takes the rate of a square product in operations a second, BLAS on all of each rank's threads, and first
  /// warms it up.
  func gemm<T: Scalar>(_ type: T.Type) throws -> Measurement.Take {
    let n = sizes.gemm
    let (a, b, c) = (noise(n, n) as Matrix<T>, noise(n, n) as Matrix<T>, Matrix<T>(rows: n, columns: n))
    let (pool, measurement) = (self.pool, self.measurement)
    let take = {
      try measurement.rate(units: 2 * Double(n) * Double(n) * Double(n)) {
        pool.multiply(a.view, b.view, into: c.view)
      }
    }
    _ = try take()
    return take
  }

  /// *Collective.* The same of products of a tile's shape, (rows x inner) (inner x columns), each thread its own.
  func tileGemm<T: Scalar>(_ type: T.Type, rows: Int, columns: Int, inner: Int) throws -> Measurement.Take {
    // (rows x inner) and (columns x inner), as the kernel's tiles multiply them.
    let workers = (0..<pool.count).map { _ in
      (
        a: noise(rows, inner) as Matrix<T>, b: noise(columns, inner) as Matrix<T>,
        c: Matrix<T>(rows: rows, columns: columns)
      )
    }
    let operations = 2 * Double(rows) * Double(columns) * Double(inner)
    let count = max(1, Int(Self.guessedRate * sizes.seconds / operations))
    let (pool, measurement) = (self.pool, self.measurement)
    let take = {
      try measurement.rate(units: operations * Double(count * pool.count)) {
        pool.run { worker in
          let (a, b, c) = workers[worker]
          for _ in 0..<count { multiply(a.view, b.view, transposeB: true, into: c.view) }
        }
      }
    }
    _ = try take()
    return take
  }

  /// *Collective.* Takes the rate of plain reading in bytes a second.
  func read() throws -> Measurement.Take {
    let (memory, pool, measurement) = (self.memory, self.pool, self.measurement)
    return { try measurement.rate(units: Double(8 * memory.count)) { Self.read(memory, pool) } }
  }

  /// *Collective.* Takes the rate of plain reading while rank 0 reads alone.
  func readAlone() throws -> Measurement.Take {
    let (memory, pool, measurement) = (self.memory, self.pool, self.measurement)
    let first = world.rank == 0
    return {
      try measurement.rate(units: first ? Double(8 * memory.count) : 0) { if first { Self.read(memory, pool) } }
    }
  }

  /// Each thread reads its part from end to end.
  private static func read(_ memory: Matrix<Double>, _ pool: ThreadPool) {
    let sums = Matrix<Double>(rows: pool.count, columns: 8)
    pool.forEachPart(of: memory.count) { part, worker in
      sums[worker, 0] = Double(wordSum(of: memory, part) & 1)
    }
    // A sum that nobody looks at need not be taken.
    precondition(sums.buffer.allSatisfy { $0 < 2 })
  }

  private func filledMemory() -> Matrix<Double> {
    let memory = Matrix<Double>(uninitialisedRows: 1, columns: max(8, sizes.readBytes / 8))
    pool.forEachPart(of: memory.count) { part, _ in
      (memory.pointer + part.lowerBound).update(repeating: 1, count: part.count)
    }
    return memory
  }

  /// *Collective.* Takes the rate of the tile product where tiles come from the cache, in bytes of tiles a second: what its
  /// arithmetic allows.
  func tileProduct<T: Real, V: Real>(_ type: T.Type, _ vectorType: V.Type, vectors: Int) throws -> Measurement.Take {
    let (rows, columns) = (256, 512)
    let workers = (0..<pool.count).map { _ in TileProductProbe<T, V>(rows: rows, columns: columns, vectors: vectors) }
    let bytes = rows * columns * MemoryLayout<T>.stride
    let count = max(1, Int(Self.guessedRate * sizes.seconds / (4 * Double(rows * columns * vectors))))
    let (pool, measurement) = (self.pool, self.measurement)
    let take = {
      try measurement.rate(units: Double(bytes * count * pool.count)) {
        pool.run { worker in for _ in 0..<count { workers[worker].multiply() } }
      }
    }
    _ = try take()
    return take
  }
}

/// A tile that stays in the cache, and all that multiplying it takes.
private final class TileProductProbe<T: Real, V: Real>: @unchecked Sendable {
  private let tile: KernelTile<T>
  private let deviation: MatrixView<T>
  private let product: TileProduct<T, V>
  private let own, other: Matrix<V>
  private let ownSums, otherSums: Matrix<Double>

  init(rows: Int, columns: Int, vectors: Int) {
    tile = KernelTile(
      Segment(rows: 0..<rows, centre: 0), Segment(rows: 0..<columns, centre: 0), isDiagonal: false)
    deviation = tile.view(of: noise(1, tile.elements))
    product = TileProduct(tileRows: max(rows, columns), vectors: vectors)
    own = noise(rows, vectors)
    other = noise(vectors, columns)
    ownSums = Matrix(rows: rows, columns: vectors)
    otherSums = Matrix(rows: vectors, columns: columns)
  }

  func multiply() { product.add(tile, deviation, own.view, other.view, ownSums.view, otherSums.view) }
}

/// Entries between -1 and 1; the same every time. *Local.*
func noise<T: Scalar>(_ rows: Int, _ columns: Int) -> Matrix<T> {
  let matrix = Matrix<T>(uninitialisedRows: rows, columns: columns)
  var state: UInt32 = 1
  for k in 0..<matrix.count {
    state = state &* 1_664_525 &+ 1_013_904_223
    matrix.pointer[k] = T(Int32(bitPattern: state)) / 2_147_483_648
  }
  return matrix
}
