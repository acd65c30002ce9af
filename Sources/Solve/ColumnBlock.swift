import LinearAlgebra

/// Operations on tall matrices, a right-hand side in each column, on all threads. Sums are over this rank's rows, and made
/// in an order that depends on the thread count alone.
public struct ColumnBlock {
  let pool: ThreadPool
  /// Each thread's partial sums, made once.
  private let partial = Scratch()

  public init(pool: ThreadPool) {
    self.pool = pool
  }

  /// Rows at a time: of all operands they stay in the L2 cache.
  private static let blockRows = 256

  /// *Local.* Each thread clears its part.
  func clear(_ matrix: Matrix<Double>) {
    pool.forEachPart(of: matrix.rows) { part, _ in matrix.rows(part).fill(0) }
  }

  /// *Local.* Each thread clears its part: most of the time goes into getting the memory.
  func zeros(_ rows: Int, _ columns: Int) -> Matrix<Double> {
    let matrix = Matrix<Double>(uninitialisedRows: rows, columns: columns)
    clear(matrix)
    return matrix
  }

  /// Inner products of x's and y's columns. *Local.*
  public func dots(_ x: Matrix<Double>, _ y: Matrix<Double>) -> [Double] {
    precondition(x.rows == y.rows && x.columns == y.columns)
    let partial = self.partial.zeros(rows: pool.count, columns: x.columns)
    pool.forEachPart(of: x.rows) { rows, worker in
      let sums = partial.pointer + worker * partial.columns
      for i in rows {
        let (a, b) = (x.pointer + i * x.columns, y.pointer + i * x.columns)
        for k in 0..<x.columns { sums[k] += a[k] * b[k] }
      }
    }
    return (0..<x.columns).map { k in (0..<pool.count).reduce(0) { $0 + partial[$1, k] } }
  }

  /// A^T y of each A, one below the other: (all A's columns x y's columns). The tile product is four times as fast as BLAS on so few
  /// columns, where it can read A. *Local.*
  public func products(_ many: [MatrixView<Double>], _ y: Matrix<Double>) -> Matrix<Double> {
    // Transposed, (y's columns x A's columns), as the tile product wants its sums.
    let widths = many.map { paddedForProduct($0.columns) }
    let length = y.columns * widths.reduce(0, +)
    let sums = partial.zeros(rows: pool.count, columns: length)
    let starts = widths.indices.map { y.columns * widths.prefix($0).reduce(0, +) }
    let count = y.columns
    @Sendable func part(_ worker: Int, _ k: Int) -> MatrixView<Double> {
      MatrixView(
        sums, pointer: sums.pointer + worker * length + starts[k], rows: count, columns: widths[k], stride: widths[k])
    }
    pool.forEachPart(of: y.rows) { rows, worker in
      for block in rows.pieces(ofAtMost: Self.blockRows) {
        let own = y.rows(block)
        for (k, a) in many.enumerated() {
          if a.isPaddedForProduct {
            addTransposedProduct(of: a.rows(block), rowVector: own, columnSums: part(worker, k))
          } else {
            multiply(
              own, a.rows(block), transposeA: true, beta: 1, into: part(worker, k).columns(0..<a.columns))
          }
        }
      }
    }
    let sum = Matrix<Double>(uninitialisedRows: many.reduce(0) { $0 + $1.columns }, columns: y.columns)
    var first = 0
    for (k, a) in many.enumerated() {
      for j in 0..<a.columns {
        for c in 0..<y.columns { sum[first + j, c] = (0..<pool.count).reduce(0) { $0 + part($1, k)[c, j] } }
      }
      first += a.columns
    }
    return sum
  }

  /// y = alpha (A_1 S_1 + A_2 S_2 + ...) + beta y; the S lie one below the other in `factors`, (all A's columns x y's columns). *Local.*
  /// - Parameter beta: 0 or 1.
  public func combine(
    _ many: [MatrixView<Double>], _ factors: Matrix<Double>, alpha: Double = 1, beta: Double,
    into y: MatrixView<Double>
  ) {
    precondition(factors.rows == many.reduce(0) { $0 + $1.columns } && factors.columns == y.columns)
    let transposed = self.transposed(many, factors, alpha)
    pool.forEachPart(of: y.rows) { rows, _ in
      for block in rows.pieces(ofAtMost: Self.blockRows) {
        let own = y.rows(block)
        if beta == 0 { own.fill(0) }
        var first = 0
        for (a, vectors) in zip(many, transposed) {
          if y.stride == y.columns && a.isPaddedForProduct {
            addProduct(of: a.rows(block), columnVector: vectors.view, rowSums: own)
          } else {
            multiply(a.rows(block), factors.rows(first..<(first + a.columns)), alpha: alpha, beta: 1, into: own)
          }
          first += a.columns
        }
      }
    }
  }

  /// alpha S^T of each S, (S's columns x A's columns), as the tile product wants its vectors.
  private func transposed(
    _ many: [MatrixView<Double>], _ factors: Matrix<Double>, _ alpha: Double
  ) -> [Matrix<Double>] {
    var first = 0
    return many.map { a in
      let vectors = Matrix<Double>(rows: factors.columns, columns: paddedForProduct(a.columns))
      for j in 0..<a.columns { for c in 0..<factors.columns { vectors[c, j] = alpha * factors[first + j, c] } }
      first += a.columns
      return vectors
    }
  }

  /// y += x diag(alpha). *Local.*
  public func add(_ x: Matrix<Double>, times alpha: [Double], to y: Matrix<Double>) {
    forEachRow(x, y) { a, b, k in b[k] += a[k] * alpha[k] }
  }

  /// y = x + y diag(beta). *Local.*
  public func scale(_ y: Matrix<Double>, by beta: [Double], adding x: Matrix<Double>) {
    forEachRow(x, y) { a, b, k in b[k] = a[k] + b[k] * beta[k] }
  }

  @inline(__always)
  private func forEachRow(
    _ x: Matrix<Double>, _ y: Matrix<Double>,
    _ body: @escaping @Sendable (UnsafeMutablePointer<Double>, UnsafeMutablePointer<Double>, Int) -> Void
  ) {
    precondition(x.rows == y.rows && x.columns == y.columns)
    pool.forEachPart(of: x.rows) { rows, _ in
      for i in rows {
        let (a, b) = (x.pointer + i * x.columns, y.pointer + i * x.columns)
        for k in 0..<x.columns { body(a, b, k) }
      }
    }
  }
}
