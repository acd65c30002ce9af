import LinearAlgebra

extension Reference {
  /// A = (K + ridge I)^-1 Y by Cholesky's factor L, row after row. Throws `FactorizationError` if there is none.
  public static func solution(_ k: Matrix<Double>, ridge: Double, _ y: Matrix<Double>) throws -> Matrix<Double> {
    let (n, l) = (k.rows, Matrix<Double>(rows: k.rows, columns: k.rows))
    for i in 0..<n {
      for j in 0...i {
        var sum = k[i, j] + (i == j ? ridge : 0)
        for m in 0..<j { sum -= l[i, m] * l[j, m] }
        guard i != j || sum > 0 else { throw FactorizationError.notPositiveDefinite(order: i + 1) }
        l[i, j] = i == j ? sum.squareRoot() : sum / l[j, j]
      }
    }
    let a = y.copy()
    for c in 0..<y.columns {
      for i in 0..<n {
        for m in 0..<i { a[i, c] -= l[i, m] * a[m, c] }
        a[i, c] /= l[i, i]
      }
      for i in (0..<n).reversed() {
        for m in (i + 1)..<max(n, i + 1) { a[i, c] -= l[m, i] * a[m, c] }
        a[i, c] /= l[i, i]
      }
    }
    return a
  }

  /// |Y - (K + ridge I) A| / |Y| of the worst column.
  public static func residual(
    _ k: Matrix<Double>, ridge: Double, _ a: Matrix<Double>, _ y: Matrix<Double>
  ) -> Double {
    let product = product(k, a)
    return (0..<y.columns).map { c in
      var (square, scale) = (0.0, 0.0)
      for i in 0..<y.rows {
        let residual = y[i, c] - product[i, c] - ridge * a[i, c]
        square += residual * residual
        scale += y[i, c] * y[i, c]
      }
      return (square / scale).squareRoot()
    }.max() ?? 0
  }
}
