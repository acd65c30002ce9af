import LinearAlgebra
import Measures
import Testing

@Suite struct MatrixRootTests {
  private let pool = ThreadPool(count: 2)

  /// V diag(values) V^T with V a product of reflections.
  private func symmetric(_ values: [Double]) -> Matrix<Double> {
    let n = values.count
    let a = Matrix<Double>(rows: n, columns: n)
    for i in 0..<n { a[i, i] = values[i] }
    let random = RandomStream(seed: 5, layer: 0, purpose: .probe)
    for step in 0..<3 {
      let v = (0..<n).map { random.normal(row: step, column: $0) }
      let square = v.reduce(0) { $0 + $1 * $1 }
      let reflection = Matrix<Double>(rows: n, columns: n)
      for i in 0..<n { for j in 0..<n { reflection[i, j] = (i == j ? 1 : 0) - 2 * v[i] * v[j] / square } }
      let half = Matrix<Double>(rows: n, columns: n)
      multiply(reflection.view, a.view, into: half.view)
      multiply(half.view, reflection.view, transposeB: true, into: a.view)
    }
    mirrorLower(a.view)
    return a
  }

  /// |A - B| / (eps n scale)
  private func scaledError(_ a: Matrix<Double>, _ b: Matrix<Double>) -> Double {
    var (difference, size) = (0.0, 0.0)
    for k in 0..<a.count {
      difference += (a.pointer[k] - b.pointer[k]) * (a.pointer[k] - b.pointer[k])
      size += b.pointer[k] * b.pointer[k]
    }
    return (difference / size).squareRoot() / (Double.ulpOfOne * Double(a.rows))
  }

  @Test(arguments: [[3.0], [1, 1e-4], [4, 1, 0.25, 0, 0, 1e-9], [1, 1, 1, 1e-3, 0]])
  func squareOfTheRoot(values: [Double]) throws {
    let m = symmetric(values)
    let root = try symmetricRoot(m, pool: pool)
    let square = Matrix<Double>(rows: m.rows, columns: m.rows)
    multiply(root.view, root.view, into: square.view)
    #expect(scaledError(square, m) < 10)
    for i in 0..<m.rows { for j in 0..<i { #expect(root[i, j] == root[j, i]) } }
    #expect(try SymmetricEigen(of: root).values.allSatisfy { $0 > -1e-12 })
  }

  @Test func negativeEigenvaluesCountAsZero() throws {
    let root = try symmetricRoot(symmetric([4, 1, -0.5, -1e-12]), pool: pool)
    let expected = try symmetricRoot(symmetric([4, 1, 0, 0]), pool: pool)
    #expect(scaledError(root, expected) < 1e8 * 4)  // the root of rounding
    let known = symmetric([2, 1, 0, 0])
    #expect(scaledError(root, known) < 4e8)
  }

  @Test func zeroMatrix() throws {
    let root = try symmetricRoot(Matrix(rows: 3, columns: 3), pool: pool)
    #expect(root.buffer.allSatisfy { $0 == 0 })
  }
}
