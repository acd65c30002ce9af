import LinearAlgebra

/// Operations on tall matrices, a right-hand side in each column, on all threads. Sums are over this rank's rows, and made
/// in an order that depends on the thread count alone.
struct ColumnBlock {
  let team: ThreadTeam

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

  /// Inner products of the columns of each of `many` with those of y, one after the other. *Local.*
  ///
  /// A block of y's rows stays in the first cache while all the others pass.
  func dots(_ many: [Matrix<Double>], _ y: Matrix<Double>) -> [Double] {
    let columns = y.columns
    let partial = Matrix<Double>(rows: team.count, columns: many.count * columns)
    team.forEachPart(of: y.rows) { rows, lane in
      for block in rows.pieces(ofAtMost: Self.blockRows) {
        for (index, x) in many.enumerated() {
          let sums = partial.pointer + lane * partial.columns + index * columns
          for i in block {
            let (a, b) = (x.pointer + i * columns, y.pointer + i * columns)
            for k in 0..<columns { sums[k] += a[k] * b[k] }
          }
        }
      }
    }
    return (0..<partial.columns).map { k in (0..<team.count).reduce(0) { $0 + partial[$1, k] } }
  }

  /// y -= sum over `many` of x diag(alpha), with the alphas one after the other. *Local.*
  func subtract(_ many: [Matrix<Double>], times alpha: [Double], from y: Matrix<Double>) {
    let columns = y.columns
    team.forEachPart(of: y.rows) { rows, _ in
      alpha.withUnsafeBufferPointer { alpha in
        for block in rows.pieces(ofAtMost: Self.blockRows) {
          for (index, x) in many.enumerated() {
            for i in block {
              let (a, b) = (x.pointer + i * columns, y.pointer + i * columns)
              for k in 0..<columns { b[k] -= a[k] * alpha[index * columns + k] }
            }
          }
        }
      }
    }
  }

  private static let blockRows = 128

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
