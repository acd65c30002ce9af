import LinearAlgebra

/// Multiplies tiles with vectors in both directions in one reading: precision V inside a stripe of a tile, double across them. Owns
/// one thread's scratch.
final class TileProduct<T: Real, V: Real> {
  private let vectors: Int
  private let length: Int
  /// The columns' side of the vector and of the sums, transposed: (vectors x length).
  private let columnVector, columnSums: Matrix<V>
  /// (tile rows x vectors)
  private let rowSums: Matrix<V>

  init(tileRows: Int, vectors: Int) {
    self.vectors = vectors
    length = paddedForProduct(tileRows)
    columnVector = Matrix(rows: vectors, columns: length)
    columnSums = Matrix(rows: vectors, columns: length)
    rowSums = Matrix(rows: tileRows, columns: vectors)
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
    rowSums.rows(0..<rows.count).fill(0)
    for stripe in (0..<rows.count).pieces(ofAtMost: Self.stripeRows) {
      if !tile.isDiagonal { columnSums.view.columns(0..<paddedForProduct(columns.count)).fill(0) }
      addProduct(
        of: deviation.rows(stripe), columnVector: columnVector.view,
        rowVector: own.rows(stripe.shifted(by: rows.lowerBound)), columnSums: columnSums.view,
        rowSums: rowSums.rows(stripe), sides: tile.isDiagonal ? .rowSums : .both)
      if !tile.isDiagonal { addColumnSums(to: otherSums.view.columns(columns)) }
    }
    V.accumulate(rowSums.pointer, ownSums.rows(rows).pointer, rows.count * vectors)
  }

  /// Rows whose sums are as long as V's rounding bears. A solver's directions nearly cancel in K: sums over 512 rows in float32 cost
  /// a sixth of the iterations more.
  private static var stripeRows: Int { V.precision == .float32 ? 64 : 512 }

  private func addColumnSums(to sums: MatrixView<Double>) {
    for c in 0..<vectors {
      V.accumulate(columnSums.pointer + c * length, sums.pointer + c * sums.stride, sums.columns)
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
