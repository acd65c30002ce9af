import LinearAlgebra
import Solve

/// Bytes of the matrices that a layer's solve makes, beside X and K's stored tiles: what its parts state, added up.
public struct SolveMemory {
  /// Own rows; columns of Y; width of X.
  var rows, outputs, width: Int
  var ranks, threads, tileRows: Int
  /// Bytes of an element of the run's precision.
  var scalarBytes: Int
  /// Whether classes have weights: Y and a product's vectors are then there a second time, scaled.
  public var isWeighted: Bool

  public init(
    rows: Int, outputs: Int, width: Int, ranks: Int, threads: Int, tileRows: Int, scalarBytes: Int,
    isWeighted: Bool = false
  ) {
    (self.rows, self.outputs, self.width) = (rows, outputs, width)
    (self.ranks, self.threads, self.tileRows) = (ranks, threads, tileRows)
    (self.scalarBytes, self.isWeighted) = (scalarBytes, isWeighted)
  }

  /// While a preconditioner of so many columns is made.
  public func making(_ rank: Int) -> Int {
    NystromPreconditioner<Double>.bytesOfMaking(rows: rows, limit: rank, width: width, threads: threads, scalarBytes)
  }

  /// While the iterations run: the preconditioner, the solver's own, Y and the answer, and a product's. - Parameter history: blocks of
  /// directions that are remembered.
  public func iterating(preconditioner rank: Int, history: Int) -> Int {
    let block = 8 * rows * outputs
    // Of a group its right-hand sides and its answer, beside those of all.
    let grouped = group < outputs ? 3 * 8 * rows * group : 0
    return NystromPreconditioner<Double>.bytes(rows: rows, rank: rank, vectors: group, scalarBytes)
      + BlockConjugateGradient.workspaceBytes(rows: rows, classes: group, threads: threads, historyLimit: history)
      + (isWeighted ? 4 : 3) * block + grouped + product
  }

  /// Columns of Y that are solved at a time.
  private var group: Int { ColumnGroups.largest(of: outputs) }

  /// A product's, of which the next makes use again.
  var product: Int {
    ProductWorkspace.bytes(rows: rows, vectors: group, ranks: ranks, workers: threads, scalarBytes: scalarBytes)
  }

  /// What makes tiles, as long as K is there: a stripe of inner products a thread.
  public var building: Int { threads * TileBuilder<Double>.scratchBytes(tileRows: tileRows, scalarBytes) }

  /// Tiles that are made anew in a product, one a thread; as many while K is built.
  public var recomputing: Int { threads * tileRows * paddedForProduct(tileRows) * scalarBytes }
}

extension NystromPreconditioner {
  /// Of what `init` holds at once, on every rank: F, (own rows x limit) in double, beside a block of pivots' columns or, at the end, U,
  /// in double at most; and F^T F, its eigenvectors (twice, as they are sent) and what makes U of F.
  static func bytesOfMaking(rows: Int, limit: Int, width: Int, threads: Int, _ scalarBytes: Int) -> Int {
    guard limit > 0 else { return 0 }
    let block = min(limit, PartialCholesky.blockColumns(limit))
    let pivots = 8 * rows * block + block * (width * scalarBytes + 8 * (limit + 3 * block))
    let vectors = bytes(rows: rows, rank: limit, vectors: 0, scalarBytes) + 8 * limit * (4 * limit + 256 * threads)
    return 8 * rows * limit + max(pivots, vectors)
  }

  /// Of what `apply` needs: U, in double at most, and the vectors in the run's precision.
  static func bytes(rows: Int, rank: Int, vectors: Int, _ scalarBytes: Int) -> Int {
    guard rank > 0 else { return 0 }
    // Cut in two, each padded.
    return 8 * rows * (paddedForProduct(rank) + paddedForProduct(1))
      + (scalarBytes == 8 ? 0 : scalarBytes * rows * vectors)
  }
}
