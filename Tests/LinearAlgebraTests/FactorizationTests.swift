import LinearAlgebra
import Testing

@Suite struct FactorizationTests {
  static let sizes = [1, 2, 7, 33, 100]

  private func lower<T: Scalar>(_ a: Matrix<T>) -> Matrix<T> {
    let l = Matrix<T>(rows: a.rows, columns: a.columns)
    for i in 0..<a.rows { for j in 0...i { l[i, j] = a[i, j] } }
    return l
  }

  private func checkCholesky<T: Scalar>(_ n: Int, _ type: T.Type) throws {
    let a = Noise.semidefinite(n, rank: n, shift: 1, seed: 11, as: T.self)
    let factor = a.copy()
    // Only the lower triangle may be read.
    for i in 0..<n { for j in (i + 1)..<max(n, i + 1) { factor[i, j] = .nan } }
    try factorizeCholesky(factor.view)
    let l = lower(factor)
    #expect(scaledError(a, referenceProduct(l, l, transposeB: true)) < 2)

    let x = Noise.matrix(3, n, seed: 12, as: T.self)
    let b: Matrix<T> = referenceProduct(x, a).converted()
    solveCholesky(factor.view, rows: b.view)
    // The residual, not the error: it does not know the condition.
    let again = referenceProduct(b, a)
    #expect(
      scaledError(referenceProduct(x, a).converted(to: T.self), again, scale: norm(a) * norm(b)) < 2)
  }

  @Test(arguments: sizes) func choleskyFloat(n: Int) throws { try checkCholesky(n, Float.self) }
  @Test(arguments: sizes) func choleskyDouble(n: Int) throws { try checkCholesky(n, Double.self) }

  @Test func choleskyNamesTheMinorThatFails() {
    let a = Matrix<Double>(rows: 3, columns: 3, [1, 0, 0, 0, 1, 0, 0, 0, -1])
    #expect(throws: FactorizationError.notPositiveDefinite(order: 3)) {
      try factorizeCholesky(a.view)
    }
  }

  @Test func nothingToFactorize() throws {
    let a = Matrix<Double>(rows: 0, columns: 0)
    try factorizeCholesky(a.view)
    solveCholesky(a.view, rows: a.view)
    #expect(PivotedCholesky(of: a, tolerance: 0).rank == 0)
    #expect(try SymmetricEigen(of: a).values.isEmpty)
  }

  @Test(arguments: [(1, 1), (20, 20), (40, 7), (40, 1), (33, 0)])
  func pivotedCholesky(n: Int, rank: Int) {
    let a = Noise.semidefinite(n, rank: rank, seed: 13, as: Double.self)
    let cholesky = PivotedCholesky(of: a, tolerance: 1e-10)
    #expect(cholesky.rank == rank)
    #expect(Set(cholesky.order) == Set(0..<n))
    let pivots = Matrix<Double>(rows: rank, columns: rank)
    for i in 0..<rank {
      for j in 0..<rank { pivots[i, j] = a[cholesky.order[i], cholesky.order[j]] }
    }
    let product = referenceProduct(cholesky.factor, cholesky.factor, transposeB: true)
    #expect(scaledError(product, pivots) < 4)
    // The pivots fall.
    for i in 1..<max(1, rank) {
      #expect(cholesky.factor[i, i] <= cholesky.factor[i - 1, i - 1] * 1.000001)
    }
  }

  /// What is left where every pivot is below the tolerance: nothing.
  @Test func pivotedCholeskyOfRounding() {
    let a = Matrix<Double>(rows: 2, columns: 2, [1e-20, 0, 0, 1e-21])
    #expect(PivotedCholesky(of: a, tolerance: 1e-10).rank == 0)
  }

  @Test func triangularSolve() {
    let l = lower(Noise.semidefinite(9, rank: 9, shift: 5, seed: 14, as: Double.self))
    let b = Noise.matrix(4, 9, seed: 15, as: Double.self)
    let x = b.copy()
    solveRightTransposed(l, rows: x.view)
    #expect(scaledError(referenceProduct(x, l, transposeB: true), b, scale: norm(x) * norm(l)) < 1)
  }

  @Test(arguments: sizes) func eigen(n: Int) throws {
    let a = Noise.semidefinite(n, rank: (n + 1) / 2, seed: 16, as: Double.self)
    for i in 0..<n { a[i, i] -= 1 }
    let lowerOnly = a.copy()
    for i in 0..<n { for j in (i + 1)..<max(n, i + 1) { lowerOnly[i, j] = .nan } }
    let eigen = try SymmetricEigen(of: lowerOnly)
    #expect(eigen.values == eigen.values.sorted())
    let scaled = eigen.vectors.copy()
    for i in 0..<n { for k in 0..<n { scaled[i, k] *= eigen.values[i] } }
    let product = referenceProduct(eigen.vectors, a)
    #expect(scaledError(product, scaled, scale: norm(a)) < 4)
    let identity = Matrix<Double>(rows: n, columns: n)
    for i in 0..<n { identity[i, i] = 1 }
    #expect(scaledError(referenceProduct(eigen.vectors, eigen.vectors, transposeB: true), identity) < 4)
  }
}
