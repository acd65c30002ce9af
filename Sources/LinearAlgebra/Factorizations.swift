import COpenBLAS

/// A factorization that does not exist for the matrix given.
public enum FactorizationError: Error, Sendable, Equatable, CustomStringConvertible {
  /// The leading minor of this order is not positive: the matrix is not positive definite.
  case notPositiveDefinite(order: Int)
  /// LAPACK's eigenvalue iteration did not converge.
  case eigenvaluesDidNotConverge(info: Int)
  /// The same of singular values.
  case singularValuesDidNotConverge(info: Int)

  public var description: String {
    switch self {
    case .notPositiveDefinite(let order):
      "the matrix is not positive definite: its leading minor of order \(order) fails"
    case .eigenvaluesDidNotConverge(let info):
      "the eigenvalues of a symmetric matrix did not converge (LAPACK info \(info))"
    case .singularValuesDidNotConverge(let info):
      "the singular values of a matrix did not converge (LAPACK info \(info))"
    }
  }
}

/// Cholesky factor L of a symmetric positive definite matrix, in place; only the lower triangle is read and
/// written. *Local.* (spotrf_, dpotrf_)
public func factorizeCholesky<T: Scalar>(_ a: MatrixView<T>) throws {
  precondition(a.rows == a.columns)
  let info = a.rows == 0 ? 0 : T.potrf(a.rows, a.pointer, a.stride)
  if info > 0 { throw FactorizationError.notPositiveDefinite(order: info) }
  precondition(info == 0, "potrf was called with a bad argument")
}

/// Solves L L^T X^T = B^T in place, for right-hand sides that lie as rows of `b` (count x n). *Local.* (spotrs_)
public func solveCholesky<T: Scalar>(_ factor: MatrixView<T>, rows b: MatrixView<T>) {
  precondition(factor.rows == b.columns)
  guard b.rows > 0 && b.columns > 0 else { return }
  let info = T.potrs(factor.rows, b.rows, factor.pointer, factor.stride, b.pointer, b.stride)
  precondition(info == 0, "potrs was called with a bad argument")
}

/// Cholesky with complete pivoting of a positive semidefinite matrix, stopped where the pivot falls to `tolerance`.
public struct PivotedCholesky: Sendable {
  /// order[i] is the row of the matrix that was taken as the i-th pivot; `rank` of them are good.
  public let order: [Int]
  /// Pivots above the tolerance: the numerical rank.
  public let rank: Int
  /// L (rank x rank), lower, row-major: the matrix's pivot rows and columns are L L^T.
  public let factor: Matrix<Double>

  /// What another process found.
  public init(order: [Int], rank: Int, factor: Matrix<Double>) {
    precondition(factor.rows == rank && factor.columns == rank && rank <= order.count)
    (self.order, self.rank, self.factor) = (order, rank, factor)
  }

  /// *Local.* (dpstrf_)
  public init(of a: Matrix<Double>, tolerance: Double) {
    precondition(a.rows == a.columns)
    let n = a.rows
    let work = a.copy()
    var pivots = (0..<Int32(max(1, n))).map { $0 + 1 }
    var scratch = [Double](repeating: 0, count: max(1, 2 * n))
    var size = Int32(n)
    var stride = Int32(max(1, n))
    var rank: Int32 = 0
    var info: Int32 = 0
    var tolerance = tolerance
    // LAPACK takes a first pivot of any size.
    if (0..<n).contains(where: { a[$0, $0] > tolerance }) {
      dpstrf_("U", &size, work.pointer, &stride, &pivots, &rank, &tolerance, &scratch, &info)
    }
    precondition(info >= 0, "dpstrf was called with a bad argument")
    self.rank = Int(rank)
    order = pivots.prefix(n).map { Int($0) - 1 }
    factor = Matrix(rows: self.rank, columns: self.rank)
    for i in 0..<self.rank { for j in 0...i { factor[i, j] = work[i, j] } }
  }
}

/// X = B L^-T in place, for the lower factor L (n x n) and rows B (count x n). *Local.* (cblas_dtrsm)
public func solveRightTransposed(_ factor: Matrix<Double>, rows b: MatrixView<Double>) {
  precondition(factor.rows == b.columns)
  guard b.rows > 0 && b.columns > 0 else { return }
  cblas_dtrsm(
    CblasRowMajor, CblasRight, CblasLower, CblasTrans, CblasNonUnit, Int32(b.rows), Int32(b.columns), 1,
    factor.pointer, Int32(factor.columns), b.pointer, Int32(b.stride))
}

/// Eigenvalues, ascending, and eigenvectors of a symmetric matrix; its lower triangle is read.
public struct SymmetricEigen {
  /// Ascending.
  public let values: [Double]
  /// Row i is the eigenvector of values[i].
  public let vectors: Matrix<Double>

  /// Bytes that `init` holds at once beside the matrix: the vectors, and dsyevd's workspace of two more such matrices.
  public static func bytes(order n: Int) -> Int { 8 * n * n + 8 * (1 + 6 * n + 2 * n * n) }

  /// *Local.* (dsyevd_)
  public init(of a: Matrix<Double>) throws {
    precondition(a.rows == a.columns)
    let vectors = a.copy()
    var n = Int32(a.rows)
    var stride = max(1, n)
    var values = [Double](repeating: 0, count: a.rows)
    var workSize: [Double] = [0]
    var integerSize: [Int32] = [0]
    var lwork: Int32 = -1
    var liwork: Int32 = -1
    var info: Int32 = 0
    if a.rows > 0 {
      // Row-major lower is column-major upper; eigenvectors come as columns there, as rows here.
      dsyevd_("V", "U", &n, vectors.pointer, &stride, &values, &workSize, &lwork, &integerSize, &liwork, &info)
      lwork = Int32(workSize[0])
      liwork = integerSize[0]
      let work = Matrix<Double>(uninitialisedRows: 1, columns: Int(lwork))
      var integers = [Int32](repeating: 0, count: Int(liwork))
      dsyevd_("V", "U", &n, vectors.pointer, &stride, &values, work.pointer, &lwork, &integers, &liwork, &info)
      withExtendedLifetime(work) {}
    }
    if info != 0 { throw FactorizationError.eigenvaluesDidNotConverge(info: Int(info)) }
    self.values = values
    self.vectors = vectors
  }
}

/// Singular values, descending, and right singular vectors of a matrix (m x n).
public struct SingularValues {
  /// Descending; min(m, n) of them.
  public let values: [Double]
  /// Row k belongs to values[k]; (min(m, n) x n).
  public let rightVectors: Matrix<Double>

  /// *Local.* (dgesdd_)
  public init(of a: Matrix<Double>) throws {
    // Row-major (m x n) is column-major (n x m): its left vectors, column by column, are the right ones here.
    let count = min(a.rows, a.columns)
    let (work, others) = (a.copy(), Matrix<Double>(uninitialisedRows: a.rows, columns: max(1, count)))
    let vectors = Matrix<Double>(uninitialisedRows: count, columns: a.columns)
    var (m, n, least) = (Int32(a.columns), Int32(a.rows), Int32(max(1, count)))
    var values = [Double](repeating: 0, count: count)
    var integers = [Int32](repeating: 0, count: 8 * max(1, count))
    var info: Int32 = 0
    if count > 0 {
      var (size, wanted): (Int32, [Double]) = (-1, [0])
      dgesdd_(
        "S", &m, &n, work.pointer, &m, &values, vectors.pointer, &m, others.pointer, &least, &wanted, &size, &integers,
        &info)
      size = Int32(wanted[0])
      let scratch = Matrix<Double>(uninitialisedRows: 1, columns: Int(size))
      dgesdd_(
        "S", &m, &n, work.pointer, &m, &values, vectors.pointer, &m, others.pointer, &least, scratch.pointer, &size,
        &integers,
        &info)
      withExtendedLifetime((work, others, scratch)) {}
    }
    if info > 0 { throw FactorizationError.singularValuesDidNotConverge(info: Int(info)) }
    precondition(info == 0, "dgesdd was called with a bad argument")
    (self.values, rightVectors) = (values, vectors)
  }
}
