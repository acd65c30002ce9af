import LinearAlgebra

/// A tile of the kernel's deviations kept in memory: a segment of this rank's rows by a segment of another block's.
package final class StoredTile<T: Real>: @unchecked Sendable {
  package let rows: Segment
  package let columns: Segment
  /// On the diagonal of K: the transposed direction is the same one.
  package let isDiagonal: Bool
  /// (rows x columns), each row padded with zeros as the product wants it.
  package let deviation: MatrixView<T>
  private let storage: Matrix<T>

  init(_ rows: Segment, _ columns: Segment, isDiagonal: Bool) {
    self.rows = rows
    self.columns = columns
    self.isDiagonal = isDiagonal
    storage = Matrix(uninitialisedRows: rows.rows.count, columns: paddedForProduct(columns.rows.count))
    deviation = storage.view.columns(0..<columns.rows.count)
  }

  /// Bytes in memory.
  var bytes: Int { storage.count * MemoryLayout<T>.stride }

  /// Zeros behind each row; once, when the tile is built. *Local.*
  func clearPadding() {
    for i in 0..<storage.rows {
      for j in deviation.columns..<storage.columns { storage[i, j] = 0 }
    }
  }
}
