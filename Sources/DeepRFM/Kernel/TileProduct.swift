import LinearAlgebra

/// Multiplies tiles with vectors in precision V, in both directions in one reading. Owns one thread's scratch.
final class TileProduct<T: Real, V: Real> {
  private let vectors: Int
  private let length: Int
  /// The columns' side of the vector, transposed and padded: (vectors x length).
  private let columnVector: Matrix<V>

  init(tileRows: Int, vectors: Int) {
    self.vectors = vectors
    length = paddedForProduct(tileRows)
    columnVector = Matrix(rows: vectors, columns: length)
  }

  /// ownSums[tile's rows] += E other[tile's columns] and otherSums[tile's columns] += E^T own[tile's rows].
  /// - Parameters:
  ///   - own, ownSums: (own rows x vectors)
  ///   - other, otherSums: transposed, (vectors x other rows), so that a tile's part of each vector is one piece.
  func add(
    _ tile: KernelTile<T>, _ deviation: MatrixView<T>, _ own: Matrix<V>, _ other: Matrix<V>, _ ownSums: Matrix<Double>,
    _ otherSums: Matrix<Double>
  ) {
    let (rows, columns) = (tile.rows.rows, tile.columns.rows)
    load(other, columns)
    let ownPart = ownSums.rows(rows)
    if tile.isDiagonal {
      addProduct(of: deviation, columnVector: columnVector.view, rowSums: ownPart)
    } else {
      addProducts(
        of: deviation, columnVector: columnVector.view, rowVector: own.rows(rows),
        columnSums: otherSums.view.columns(columns), rowSums: ownPart)
    }
  }

  private func load(_ other: Matrix<V>, _ columns: Range<Int>) {
    let source = other.view.columns(columns)
    let padding = paddedForProduct(columns.count) - columns.count
    for c in 0..<vectors {
      let target = columnVector.pointer + c * length
      target.update(from: source.pointer + c * source.stride, count: columns.count)
      (target + columns.count).update(repeating: 0, count: padding)
    }
  }
}
