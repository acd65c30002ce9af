import LinearAlgebra

/// Operations on tall matrices, a right-hand side in each column, on all threads. Sums are over this rank's rows, and made
/// in an order that depends on the thread count alone.
struct ColumnBlock {
  let team: ThreadTeam

  /// Rows at a time: of all operands they stay in the second-level cache.
  private static let blockRows = 256

  /// Inner products of x's and y's columns. *Local.*
  func dots(_ x: Matrix<Double>, _ y: Matrix<Double>) -> [Double] {
    precondition(x.rows == y.rows && x.columns == y.columns)
    let partial = Matrix<Double>(rows: team.count, columns: x.columns)
    team.forEachPart(of: x.rows) { rows, lane in
      let sums = partial.pointer + lane * partial.columns
      for i in rows {
        let (a, b) = (x.pointer + i * x.columns, y.pointer + i * x.columns)
        for k in 0..<x.columns { sums[k] += a[k] * b[k] }
      }
    }
    return (0..<x.columns).map { k in (0..<team.count).reduce(0) { $0 + partial[$1, k] } }
  }

  /// A^T y of each A, one below the other: (all A's columns x y's columns). *Local.*
  func products(_ many: [MatrixView<Double>], _ y: Matrix<Double>) -> Matrix<Double> {
    let total = many.reduce(0) { $0 + $1.columns }
    let parts = (0..<team.count).map { _ in Matrix<Double>(rows: total, columns: y.columns) }
    team.forEachPart(of: y.rows) { rows, lane in
      for block in rows.pieces(ofAtMost: Self.blockRows) {
        var first = 0
        for a in many {
          let out = parts[lane].rows(first..<(first + a.columns))
          multiply(a.rows(block), y.rows(block), transposeA: true, beta: 1, into: out)
          first += a.columns
        }
      }
    }
    let sum = parts[0]
    for part in parts.dropFirst() { for k in 0..<sum.count { sum.pointer[k] += part.pointer[k] } }
    return sum
  }

  /// y = alpha (A_1 S_1 + A_2 S_2 + ...) + beta y; the S lie one below the other in `factors`, (all A's columns x y's columns). *Local.*
  func combine(
    _ many: [MatrixView<Double>], _ factors: Matrix<Double>, alpha: Double = 1, beta: Double,
    into y: MatrixView<Double>
  ) {
    team.forEachPart(of: y.rows) { rows, _ in
      for block in rows.pieces(ofAtMost: Self.blockRows) {
        var (first, beta) = (0, beta)
        for a in many {
          let factor = factors.rows(first..<(first + a.columns))
          multiply(a.rows(block), factor, alpha: alpha, beta: beta, into: y.rows(block))
          first += a.columns
          beta = 1
        }
      }
    }
  }

  /// y += x diag(alpha). *Local.*
  func add(_ x: Matrix<Double>, times alpha: [Double], to y: Matrix<Double>) {
    forEachRow(x, y) { a, b, k in b[k] += a[k] * alpha[k] }
  }

  /// y = x + y diag(beta). *Local.*
  func scale(_ y: Matrix<Double>, by beta: [Double], adding x: Matrix<Double>) {
    forEachRow(x, y) { a, b, k in b[k] = a[k] + b[k] * beta[k] }
  }

  @inline(__always)
  private func forEachRow(
    _ x: Matrix<Double>, _ y: Matrix<Double>,
    _ body: @escaping @Sendable (UnsafeMutablePointer<Double>, UnsafeMutablePointer<Double>, Int) -> Void
  ) {
    precondition(x.rows == y.rows && x.columns == y.columns)
    team.forEachPart(of: x.rows) { rows, _ in
      for i in rows {
        let (a, b) = (x.pointer + i * x.columns, y.pointer + i * x.columns)
        for k in 0..<x.columns { body(a, b, k) }
      }
    }
  }
}
