import LinearAlgebra
import Testing

/// Squares of eight, and what is left of each side, in both orders.
@Suite struct TransposeTests {
  static let sizes = [1, 2, 7, 8, 9, 16, 31, 40]

  @Test(arguments: sizes, sizes) func everySquareAndRest(rows: Int, columns: Int) {
    expectTransposed(rows, columns, of: Float.self)
    expectTransposed(rows, columns, of: Double.self)
  }

  /// What stands behind the result stays as it was.
  private func expectTransposed<T: ConvolutionScalar>(_ rows: Int, _ columns: Int, of type: T.Type) {
    let count = rows * columns
    let a: [T] = (0..<count).map { T($0 + 1) }
    var b: [T] = Array(repeating: T(-1), count: count + 8)
    a.withUnsafeBufferPointer { a in
      b.withUnsafeMutableBufferPointer { b in
        T.transposeInSquares(a.baseAddress!, rows, columns, b.baseAddress!)
      }
    }
    var wanted: [T] = Array(repeating: T(-1), count: count + 8)
    for i in 0..<rows {
      for j in 0..<columns { wanted[j * rows + i] = a[i * columns + j] }
    }
    #expect(b == wanted)
  }
}
