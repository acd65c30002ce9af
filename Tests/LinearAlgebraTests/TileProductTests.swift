import LinearAlgebra
import Testing

/// The fused product of a tile, either direction and both at once, against its plain twin.
@Suite struct TileProductTests {
  private struct Operands<T: Scalar, V: Scalar> {
    let e: MatrixView<T>
    let columnVector, rowVector, columnSums, rowSums: Matrix<V>
    private let storage: Matrix<T>

    /// Padding of E is zeros; that of the vectors is not, so that reading it would show.
    init(rows: Int, columns: Int, vectors: Int) {
      let padded = paddedForProduct(columns)
      storage = Noise.matrix(rows, padded, seed: 1)
      for i in 0..<rows { for j in columns..<padded { storage[i, j] = 0 } }
      e = storage.view.columns(0..<columns)
      columnVector = Noise.matrix(vectors, padded, seed: 2)
      rowVector = Noise.matrix(rows, vectors, seed: 3)
      columnSums = Noise.matrix(vectors, padded, seed: 4)
      rowSums = Noise.matrix(rows, vectors, seed: 5)
    }
  }

  private func check<T: Scalar, V: Scalar>(
    _ t: T.Type, _ v: V.Type, rows: Int, columns: Int, vectors: Int, sides: ProductSides
  ) {
    let o = Operands<T, V>(rows: rows, columns: columns, vectors: vectors)
    let (columnSums, rowSums) = (o.columnSums.copy(), o.rowSums.copy())
    addPlainProduct(
      of: o.e, columnVector: o.columnVector.view, rowVector: o.rowVector.view, columnSums: columnSums.view,
      rowSums: rowSums.view, sides: sides)
    addProduct(
      of: o.e, columnVector: o.columnVector.view, rowVector: o.rowVector.view, columnSums: o.columnSums.view,
      rowSums: o.rowSums.view, sides: sides)
    let bound = 4 * Double(V.ulpOfOne) * Double(rows + columns)
    for i in 0..<rows {
      for c in 0..<vectors {
        #expect(abs(Double(o.rowSums[i, c] - rowSums[i, c])) <= bound, "\(rows) \(columns) \(vectors)")
      }
    }
    for c in 0..<vectors {
      for j in 0..<columns {
        #expect(abs(Double(o.columnSums[c, j] - columnSums[c, j])) <= bound, "\(rows) \(columns) \(vectors)")
      }
    }
    _ = o
  }

  @Test(arguments: [1, 2, 3, 4, 5, 9], [1, 7, 8, 15, 16, 17, 31, 32, 33, 64, 67])
  func plainTwin(rows: Int, columns: Int) {
    for vectors in [1, 2, 5, 6, 7, 10, 12, 13, 23] {
      for sides in [ProductSides.rowSums, .columnSums, .both] {
        check(Float.self, Float.self, rows: rows, columns: columns, vectors: vectors, sides: sides)
        check(Float.self, Double.self, rows: rows, columns: columns, vectors: vectors, sides: sides)
        check(Double.self, Double.self, rows: rows, columns: columns, vectors: vectors, sides: sides)
      }
    }
  }
}
