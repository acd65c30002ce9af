import LinearAlgebra
import Runtime

/// Multiplies tiles with vectors in precision V, in both directions in one reading. Owns one thread's scratch.
public final class TileProduct<T: Real, V: Real> {
  private let vectors: Int
  private let length: Int
  /// The columns' side of the vector, transposed and padded: (vectors x length).
  private let columnVector: Matrix<V>

  public init(tileRows: Int, vectors: Int) {
    self.vectors = vectors
    length = paddedForProduct(tileRows)
    columnVector = Matrix(rows: vectors, columns: length)
  }

  /// ownSums += E other[tile's columns] and otherSums += E^T own[tile's rows].
  /// - Parameters:
  ///   - own: (own rows x vectors).
  ///   - other: transposed, (vectors x other rows), so that a tile's part of each vector is one piece.
  ///   - ownSums: (tile's rows x vectors).
  ///   - otherSums: transposed, (vectors x tile's columns).
  @specialized(where T == Float, V == Float)
  @specialized(where T == Float, V == Double)
  @specialized(where T == Double, V == Double)
  public func add(
    _ tile: KernelTile<T>, _ deviation: MatrixView<T>, _ own: MatrixView<V>, _ other: MatrixView<V>,
    _ ownSums: MatrixView<Double>, _ otherSums: MatrixView<Double>
  ) {
    load(other, tile.columns.rows)
    if tile.isDiagonal {
      addProduct(of: deviation, columnVector: columnVector.view, rowSums: ownSums)
    } else {
      addProducts(
        of: deviation, columnVector: columnVector.view, rowVector: own.rows(tile.rows.rows), columnSums: otherSums,
        rowSums: ownSums)
    }
  }

  /// The same of a tile that has factors, E = L R: ownSums += L (R x), otherSums += R^T (L^T x).
  func add(
    _ tile: KernelTile<T>, _ factors: LowRankApproximation<T>, _ own: MatrixView<V>, _ other: MatrixView<V>,
    _ ownSums: MatrixView<Double>, _ otherSums: MatrixView<Double>
  ) {
    guard factors.rank > 0 else { return }
    load(other, tile.columns.rows)
    let length = factors.left.stride
    let columnsOnRight = Matrix<Double>(rows: factors.rank, columns: vectors)
    let rowsOnLeft = Matrix<Double>(rows: vectors, columns: length)
    addProduct(of: factors.right, columnVector: columnVector.view, rowSums: columnsOnRight.view)  // R x
    addTransposedProduct(of: factors.left, rowVector: own.rows(tile.rows.rows), columnSums: rowsOnLeft.view)  // L^T x
    let (across, down) = (Matrix<V>(rows: vectors, columns: length), Matrix<V>(rows: factors.rank, columns: vectors))
    for k in 0..<factors.rank {
      for c in 0..<vectors { (across[c, k], down[k, c]) = (V(columnsOnRight[k, c]), V(rowsOnLeft[c, k])) }
    }
    addProduct(of: factors.left, columnVector: across.view, rowSums: ownSums)  // y += L (R x)
    addTransposedProduct(of: factors.right, rowVector: down.view, columnSums: otherSums)  // y += R^T (L^T x)
  }

  private func load(_ other: MatrixView<V>, _ columns: Range<Int>) {
    let source = other.columns(columns)
    let padding = paddedForProduct(columns.count) - columns.count
    for c in 0..<vectors {
      let target = columnVector.pointer + c * length
      target.update(from: source.pointer + c * source.stride, count: columns.count)
      (target + columns.count).update(repeating: 0, count: padding)
    }
  }
}
