import LinearAlgebra

extension Reference {
  /// <H K H, H Y Y^T H> / (|H K H| |H Y Y^T H|), H = I - 1 1^T / N, as it is written down; (N x N), (N x outputs).
  public static func kernelAlignment(_ k: Matrix<Double>, _ y: Matrix<Double>) -> Double {
    let h = Matrix<Double>(rows: k.rows, columns: k.rows)
    h.fill { ($0 == $1 ? 1 : 0) - 1 / Double(k.rows) }
    let transposed = Matrix<Double>(rows: y.columns, columns: y.rows)
    transposed.fill { y[$1, $0] }
    let (a, b) = (product(product(h, k), h), product(product(h, product(y, transposed)), h))
    func inner(_ a: Matrix<Double>, _ b: Matrix<Double>) -> Double {
      zip(a.values, b.values).reduce(0) { $0 + $1.0 * $1.1 }
    }
    return inner(a, b) / (inner(a, a) * inner(b, b)).squareRoot()
  }
}
