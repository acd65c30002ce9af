import LinearAlgebra
import Testing

/// The product of a tile, either direction and both at once, against its reference implementations.
@Suite struct TileProductTests {
  private struct Operands<T: Scalar, V: Scalar> {
    let e: MatrixView<T>
    let columnVector, rowVector: Matrix<V>
    let columnSums, rowSums: Matrix<Double>
    private let storage: Matrix<T>

    /// Padding of E is zeros; that of the vectors is not, so that reading it would show. The column sums have none, but columns beside them.
    init(rows: Int, columns: Int, vectors: Int) {
      let padded = paddedForProduct(columns)
      storage = Noise.matrix(rows, padded, seed: 1)
      for i in 0..<rows { for j in columns..<padded { storage[i, j] = 0 } }
      e = storage.view.columns(0..<columns)
      columnVector = Noise.matrix(vectors, padded, seed: 2)
      rowVector = Noise.matrix(rows, vectors, seed: 3)
      columnSums = Noise.matrix(vectors, columns + 2, seed: 4)
      rowSums = Noise.matrix(rows, vectors, seed: 5)
    }
  }

  private func check<T: Scalar, V: Scalar>(_ t: T.Type, _ v: V.Type, rows: Int, columns: Int, vectors: Int) {
    let o = Operands<T, V>(rows: rows, columns: columns, vectors: vectors)
    let (columnSums, rowSums) = (o.columnSums.copy(), o.rowSums.copy())
    func columnPart(_ sums: Matrix<Double>) -> MatrixView<Double> { sums.view.columns(1..<(columns + 1)) }
    addReferenceProduct(of: o.e, columnVector: o.columnVector.view, rowSums: rowSums.view)
    addReferenceTransposedProduct(of: o.e, rowVector: o.rowVector.view, columnSums: columnPart(columnSums))
    let bound = 4 * Double(V.ulpOfOne) * Double(rows + columns)
    func compare(_ sums: Matrix<Double>, _ expected: Matrix<Double>, _ what: String) {
      let worst = (0..<sums.count).reduce(0.0) { max($0, abs(sums.pointer[$1] - expected.pointer[$1])) }
      #expect(worst <= bound, "\(what), \(rows) x \(columns), \(vectors) vectors, \(T.self) \(V.self)")
    }
    let (both, single) = ((o.columnSums.copy(), o.rowSums.copy()), (o.columnSums.copy(), o.rowSums.copy()))
    addProducts(
      of: o.e, columnVector: o.columnVector.view, rowVector: o.rowVector.view, columnSums: columnPart(both.0),
      rowSums: both.1.view)
    addProduct(of: o.e, columnVector: o.columnVector.view, rowSums: single.1.view)
    addTransposedProduct(of: o.e, rowVector: o.rowVector.view, columnSums: columnPart(single.0))
    for (sums, what) in [(both, "both"), (single, "one")] {
      compare(sums.0, columnSums, "columns, \(what)")
      compare(sums.1, rowSums, "rows, \(what)")
    }
  }

  @Test(arguments: [0, 1, 2, 3, 4, 5, 9, 64, 67, 131], [1, 7, 8, 15, 16, 17, 31, 32, 33, 64, 67])
  func referenceImplementation(rows: Int, columns: Int) {
    for vectors in [1, 2, 5, 6, 7, 10, 12, 13, 23] {
      check(Float.self, Float.self, rows: rows, columns: columns, vectors: vectors)
      check(Float.self, Double.self, rows: rows, columns: columns, vectors: vectors)
      check(Double.self, Double.self, rows: rows, columns: columns, vectors: vectors)
    }
  }
}
