import LinearAlgebra

/// A tile of the kernel's deviations kept in memory: a segment of this rank's rows by a segment of another block's.
package final class StoredTile<T: Real>: @unchecked Sendable {
  package let rows: Segment
  package let columns: Segment
  /// On the diagonal of K: the transposed direction is the same one.
  package let isDiagonal: Bool
  /// (rows x columns)
  package let deviation: Matrix<T>

  init(_ rows: Segment, _ columns: Segment, isDiagonal: Bool) {
    self.rows = rows
    self.columns = columns
    self.isDiagonal = isDiagonal
    deviation = Matrix(uninitialisedRows: rows.rows.count, columns: columns.rows.count)
  }
}

/// Multiplies tiles with vectors in both directions while they are in cache: precision V inside a tile, double across
/// tiles. Owns one thread's scratch.
final class TileProduct<T: Real, V: Real> {
  private let result: Matrix<V>
  private let wide: Matrix<Double>?

  /// Rows of a tile that are widened at a time, where V is wider than T.
  private static var wideRows: Int { 64 }

  init(tileRows: Int, columns: Int) {
    result = Matrix(uninitialisedRows: tileRows, columns: columns)
    wide = T.self == V.self ? nil : Matrix(uninitialisedRows: Self.wideRows, columns: tileRows)
  }

  /// ownSums[tile's rows] += E other[tile's columns] and otherSums[tile's columns] += E^T own[tile's rows].
  func add(
    _ tile: StoredTile<T>, _ own: Matrix<V>, _ other: Matrix<V>, _ ownSums: Matrix<Double>,
    _ otherSums: Matrix<Double>
  ) {
    let (rows, columns) = (tile.rows.rows, tile.columns.rows)
    forEachStripe(of: tile) { stripe, e in
      let part = (rows.lowerBound + stripe.lowerBound)..<(rows.lowerBound + stripe.upperBound)
      add(e, transposed: false, other.rows(columns), to: ownSums.rows(part))
      if !tile.isDiagonal { add(e, transposed: true, own.rows(part), to: otherSums.rows(columns)) }
    }
  }

  private func forEachStripe(of tile: StoredTile<T>, _ body: (Range<Int>, MatrixView<V>) -> Void) {
    let e = tile.deviation
    if let same = e as? Matrix<V> { return body(0..<e.rows, same.view) }
    guard let wide = wide as? Matrix<V>, let target = self.wide else { return }
    for stripe in (0..<e.rows).pieces(ofAtMost: Self.wideRows) {
      T.widen(e.pointer + stripe.lowerBound * e.columns, target.pointer, stripe.count * e.columns)
      body(stripe, MatrixView(pointer: wide.pointer, rows: stripe.count, columns: e.columns, stride: e.columns))
    }
  }

  private func add(_ e: MatrixView<V>, transposed: Bool, _ x: MatrixView<V>, to sums: MatrixView<Double>) {
    let y = result.rows(0..<sums.rows)
    multiply(e, x, transposeA: transposed, into: y)
    V.accumulate(y.pointer, sums.pointer, sums.rows * sums.columns)
  }
}
