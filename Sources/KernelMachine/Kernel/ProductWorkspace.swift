import LinearAlgebra
import Runtime

/// What a product with K needs beside its vectors, made once for an operator: a second product allocates nothing that grows with N.
final class ProductWorkspace {
  /// What others made for this rank's rows, by their place among the holders; (own rows x vectors).
  let arrived: [Workspace<Double>]
  /// What this rank makes for others, by its place among the pairs; (other's rows x vectors).
  let outgoing: [Workspace<Double>]
  /// Of each pair of blocks the sums of its runs of tiles.
  let runs: [[RunWorkspace]]
  let single = VectorWorkspace<Float>()
  let double = VectorWorkspace<Double>()

  init<T: Real>(_ blocks: [PairBlock<T>], holders: Int, workers: Int) {
    arrived = (0..<holders).map { _ in Workspace() }
    outgoing = blocks.map { _ in Workspace() }
    runs = blocks.map { block in block.runs(workers: workers).map { RunWorkspace(of: block.tiles[$0], range: $0) } }
  }

  /// The vectors in precision V.
  func vectors<V: Real>(_ type: V.Type) -> VectorWorkspace<V> {
    // Float and Double are all that is Real.
    (single as? VectorWorkspace<V>) ?? (double as? VectorWorkspace<V>) ?? VectorWorkspace<V>()
  }

  /// Bytes of it on the rank that has most.
  /// - Parameters:
  ///   - rows: of the largest shard.
  ///   - vectors: columns of a product.
  ///   - scalarBytes: of the run's precision.
  static func bytes(rows: Int, vectors: Int, ranks: Int, workers: Int, scalarBytes: Int) -> Int {
    let block = rows * vectors
    // The columns of a triangle's runs, which one rank has alone, are half as many and a little more.
    let triangle = workers == 1 ? 2 : 2 + (workerRuns.count * workers + 1) * 9 / 16
    let pair = workers == 1 ? 2 : 2 + workerRuns.count * workers
    let sums = 8 * block * (triangle + ranks / 2 * pair)
    let messages = ranks / 2 * block * 16
    // The own part, what partners send of theirs, and one of these transposed; in both precisions.
    let parts = (2 + ranks / 2) * block * (scalarBytes == 8 ? 8 : 8 + scalarBytes)
    return sums + messages + parts
  }
}

/// The vectors of a product in one precision.
final class VectorWorkspace<V: Real> {
  /// (own rows x vectors)
  let own = Workspace<V>()
  /// (vectors x a block's rows)
  let transposed = Workspace<V>()
  /// By rank.
  private var partners: [Int: Workspace<V>] = [:]

  func partner(_ rank: Int) -> Workspace<V> {
    if let known = partners[rank] { return known }
    let made = Workspace<V>()
    partners[rank] = made
    return made
  }
}

/// What a run of tiles gives to its own rows and, transposed, to the other block's that its columns are.
final class RunWorkspace: @unchecked Sendable {
  /// Of the pair's tiles.
  let tiles: Range<Int>
  let rows, columns: Range<Int>
  private let ownMemory = Workspace<Double>()
  private let otherMemory = Workspace<Double>()

  init<T: Real>(of tiles: ArraySlice<KernelTile<T>>, range: Range<Int>) {
    self.tiles = range
    rows = tiles.map(\.rows.rows).hull
    columns = tiles.map(\.columns.rows).hull
  }

  /// (rows x vectors) and (vectors x columns), not cleared.
  func sums(vectors: Int) -> RunSums {
    RunSums(
      rows: rows, columns: columns, own: ownMemory.matrix(rows: rows.count, columns: vectors),
      other: otherMemory.matrix(rows: vectors, columns: columns.count))
  }
}

struct RunSums: Sendable {
  let rows, columns: Range<Int>
  let own, other: MatrixView<Double>

  func clear() {
    own.fill(0)
    other.fill(0)
  }

  func parts<T: Real>(for tile: KernelTile<T>) -> (own: MatrixView<Double>, other: MatrixView<Double>) {
    (
      own.rows(tile.rows.rows.shifted(by: -rows.lowerBound)),
      other.columns(tile.columns.rows.shifted(by: -columns.lowerBound))
    )
  }
}
