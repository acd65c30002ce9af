/// The big products, one part of the result a thread, each with a one-thread BLAS, and what else is done to whole matrices.
///
/// OpenBLAS's own threads go on looking for work some 30 ms after a call, on the cores that the pool's next task needs: they are for
/// large factorizations only.
extension ThreadPool {
  /// C = alpha op(A) op(B) + beta C as `LinearAlgebra.multiply`, on all threads. *Local.*
  public func multiply<T: Scalar>(
    _ a: MatrixView<T>, _ b: MatrixView<T>, transposeA: Bool = false, transposeB: Bool = false,
    alpha: T = 1, beta: T = 0, into c: MatrixView<T>
  ) {
    let byRows = c.rows >= c.columns
    forEachPart(of: byRows ? c.rows : c.columns, roundedTo: Self.stripe) { range, _ in
      if byRows {
        LinearAlgebra.multiply(
          transposeA ? a.columns(range) : a.rows(range), b, transposeA: transposeA, transposeB: transposeB,
          alpha: alpha, beta: beta, into: c.rows(range))
      } else {
        LinearAlgebra.multiply(
          a, transposeB ? b.rows(range) : b.columns(range), transposeA: transposeA, transposeB: transposeB,
          alpha: alpha, beta: beta, into: c.columns(range))
      }
    }
  }

  /// Lower triangle of C = alpha A^T A + beta C as `LinearAlgebra.addGram`, on all threads. *Local.*
  public func addGram<T: Scalar>(of a: MatrixView<T>, alpha: T = 1, beta: T = 1, intoLower c: MatrixView<T>) {
    forEachTrapezoid(of: c.rows) { rows in
      let (left, square) = (0..<rows.lowerBound, c.rows(rows).columns(rows))
      LinearAlgebra.multiply(
        a.columns(rows), a.columns(left), transposeA: true, alpha: alpha, beta: beta, into: c.rows(rows).columns(left))
      LinearAlgebra.addGram(of: a.columns(rows), alpha: alpha, beta: beta, intoLower: square)
    }
  }

  /// Lower triangle of C = alpha A A^T + beta C as `LinearAlgebra.addOuterGram`, on all threads. *Local.*
  public func addOuterGram<T: Scalar>(of a: MatrixView<T>, alpha: T = 1, beta: T = 1, intoLower c: MatrixView<T>) {
    forEachTrapezoid(of: c.rows) { rows in
      let (left, square) = (0..<rows.lowerBound, c.rows(rows).columns(rows))
      LinearAlgebra.multiply(
        a.rows(rows), a.rows(left), transposeB: true, alpha: alpha, beta: beta, into: c.rows(rows).columns(left))
      LinearAlgebra.addOuterGram(of: a.rows(rows), alpha: alpha, beta: beta, intoLower: square)
    }
  }

  /// Runs `body`, a factorization of a matrix of this order, with OpenBLAS on as many threads as it gains by. *Local.*
  /// - Parameter threads: at most; nil: the pool's.
  public func withThreadedLAPACK<R>(order: Int, threads: Int? = nil, _ body: () throws -> R) rethrows -> R {
    BLAS.setThreads(Self.lapackThreads(order: order, of: threads ?? count))
    defer { BLAS.setThreads(1) }
    return try body()
  }

  /// Threads of `count` that a factorization of this order takes. The eigenvectors of order 400 take two threads 20 ms in place of 28,
  /// which those 30 ms take away again.
  public static func lapackThreads(order: Int, of count: Int) -> Int { order > largestSerialOrder ? count : 1 }

  /// Of a factorization that one thread does alone.
  public static var largestSerialOrder: Int { 512 }

  /// Rows that a BLAS kernel takes at once go into this.
  private static var stripe: Int { 16 }

  /// One range of a lower triangle's rows a worker, of equal areas.
  private func forEachTrapezoid(of rows: Int, _ body: @escaping @Sendable (_ rows: Range<Int>) -> Void) {
    let bounds = (0...count).map { worker in
      let bound = Double(rows) * (Double(worker) / Double(count)).squareRoot()
      return worker == count ? rows : Int(bound) / Self.stripe * Self.stripe
    }
    run { worker in if bounds[worker] < bounds[worker + 1] { body(bounds[worker]..<bounds[worker + 1]) } }
  }

  /// The same values in another precision. *Local.*
  public func converted<A: Scalar, B: Scalar>(_ a: Matrix<A>, to type: B.Type) -> Matrix<B> {
    let other = Matrix<B>(uninitialisedRows: a.rows, columns: a.columns)
    convert(a.view, into: other.view)
    return other
  }

  /// The same into memory that is there; of whole rows, one behind the other. *Local.*
  public func convert<A: Scalar, B: Scalar>(_ a: MatrixView<A>, into b: MatrixView<B>) {
    precondition(a.rows == b.rows && a.columns == b.columns)
    precondition(a.stride == a.columns && b.stride == b.columns)
    forEachPart(of: a.rows * a.columns) { range, _ in for i in range { b.pointer[i] = B(a.pointer[i]) } }
  }
}
