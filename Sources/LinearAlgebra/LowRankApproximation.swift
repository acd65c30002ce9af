#if canImport(Glibc)
  import Glibc
#endif

/// A matrix as the product of two thin ones, A ~ L R, found by sketching what is left of it, some probes at a time, until that is small
/// enough (Yu, Gu, Li, SIAM J. Matrix Anal. Appl. 39, 1339, 2018; Halko, Martinsson, Tropp, SIAM Review 53, 217, 2011):
///
///     Y = A Omega,  L_k = orth(Y),  R_k = L_k^T A,  A <- A - L_k R_k
///
/// What is left is made whole each time: its norm is the error itself, not an estimate of it.
public struct LowRankApproximation<T: Scalar>: Sendable {
  /// L; (rows x rank), each row padded with zeros as `addProduct` wants it.
  public let left: MatrixView<T>
  /// R; (rank x columns), padded the same way.
  public let right: MatrixView<T>
  /// |A - L R|^2 and |A|^2, in the Frobenius norm.
  public let squares: (left: Double, all: Double)

  public var rank: Int { left.columns }
  /// Elements in memory, padding included.
  public var elements: Int { Self.elements(rows: left.rows, columns: right.columns, rank: rank) }

  public static func elements(rows: Int, columns: Int, rank: Int) -> Int {
    rows * paddedForProduct(rank) + rank * paddedForProduct(columns)
  }

  /// Columns of a sketch: as many as the loops of `addProduct` read at a time.
  public static var batch: Int { paddedForProduct(1) }

  /// *Local.* nil: the rank would be above the limit, or is bound to be from how slowly the error falls.
  /// - Parameters:
  ///   - remainder: A, of which A - L R is left.
  ///   - tolerance: of |A - L R| / |A|.
  ///   - largestEntry: of the root mean square of the entries of A - L R.
  ///   - probes: Omega, random numbers of mean 0; (A's columns or more x limit or more).
  @specialized(where T == Float)
  @specialized(where T == Double)
  public init?(
    sketching remainder: MatrixView<T>, tolerance: Double, largestEntry: Double = .infinity, limit: Int,
    probes: MatrixView<T>
  ) {
    precondition(probes.rows >= remainder.columns && probes.columns >= limit)
    let (rows, columns) = (remainder.rows, remainder.columns)
    let all = sumOfSquares(remainder)
    guard all.isFinite else { return nil }
    let enough = min(tolerance * tolerance * all, largestEntry * largestEntry * Double(rows * columns))
    var (rest, rank) = (all, 0)
    var pieces: [(left: Matrix<T>, right: Matrix<T>)] = []
    while rest > enough {
      let wanted = min(Self.batch, limit - rank)
      guard wanted > 0 else { return nil }
      let omega = probes.rows(0..<columns).columns(rank..<(rank + wanted))
      let l = Self.orthonormalRange(of: remainder, omega)
      guard l.columns > 0 else { return nil }
      let r = Matrix<T>(uninitialisedRows: l.columns, columns: columns)
      multiply(l.view, remainder, transposeA: true, into: r.view)  // R_k <- L_k^T A
      multiply(l.view, r.view, alpha: -1, beta: 1, into: remainder)  // A <- A - L_k R_k
      pieces.append((l, r))
      rank += l.columns
      let before = rest
      rest = sumOfSquares(remainder)
      // The first sketch takes the constant part along; after it errors fall ever more slowly.
      if pieces.count > 1 && Self.steps(from: rest, to: enough, falling: rest / before) * Self.batch > limit - rank {
        return nil
      }
    }
    (left, right) = Self.joined(pieces, rows: rows, columns: columns, rank: rank)
    squares = (rest, all)
  }

  /// Sketches that are needed at the least, if each takes as much away as the last one.
  private static func steps(from rest: Double, to enough: Double, falling ratio: Double) -> Int {
    guard rest > enough else { return 0 }
    guard ratio < 1, enough > 0 else { return Int(Int32.max) }
    return Int(min((log(enough / rest) / log(ratio)).rounded(.up), Double(Int32.max)))
  }

  /// An orthonormal basis of the range of A Omega, which may have fewer columns: Cholesky of the Gram matrix, twice.
  private static func orthonormalRange(of a: MatrixView<T>, _ omega: MatrixView<T>) -> Matrix<T> {
    let sketch = Matrix<T>(uninitialisedRows: a.rows, columns: omega.columns)
    multiply(a, omega, into: sketch.view)  // Y <- A Omega
    var basis = sketch.converted(to: Double.self)
    for _ in 0..<2 {
      let gram = Matrix<Double>(rows: basis.columns, columns: basis.columns)
      addGram(of: basis.view, beta: 0, intoLower: gram.view)
      mirrorLower(gram.view)
      let largest = (0..<gram.rows).map { gram[$0, $0] }.max() ?? 0
      let cholesky = PivotedCholesky(of: gram, tolerance: 1e-10 * largest)
      let next = Matrix<Double>(uninitialisedRows: basis.rows, columns: cholesky.rank)
      for i in 0..<basis.rows { for k in 0..<cholesky.rank { next[i, k] = basis[i, cholesky.order[k]] } }
      solveRightTransposed(cholesky.factor, rows: next.view)
      basis = next
    }
    return basis.converted(to: T.self)
  }

  private static func joined(
    _ pieces: [(left: Matrix<T>, right: Matrix<T>)], rows: Int, columns: Int, rank: Int
  ) -> (MatrixView<T>, MatrixView<T>) {
    let left = Matrix<T>(rows: rows, columns: paddedForProduct(rank))
    let right = Matrix<T>(rows: rank, columns: paddedForProduct(columns))
    var first = 0
    for piece in pieces {
      let place = first..<(first + piece.left.columns)
      left.view.columns(place).copy(from: piece.left.view)
      right.rows(place).columns(0..<columns).copy(from: piece.right.view)
      first = place.upperBound
    }
    return (left.view.columns(0..<rank), right.view.columns(0..<columns))
  }

  /// out = L R. *Local.*
  public func product(into out: MatrixView<T>) { multiply(left, right, into: out) }
}

/// The sum of a matrix's squares, in double precision. *Local.*
@specialized(where T == Float)
@specialized(where T == Double)
public func sumOfSquares<T: Scalar>(_ a: MatrixView<T>) -> Double {
  let wide = Matrix<Double>(rows: 1, columns: (a.columns + 7) / 8 * 8)
  var sums = SIMD8<Double>.zero
  for i in 0..<a.rows {
    T.widen(a.pointer + i * a.stride, wide.pointer, a.columns)
    for k in stride(from: 0, to: wide.columns, by: 8) {
      let part = UnsafeRawPointer(wide.pointer + k).loadUnaligned(as: SIMD8<Double>.self)
      sums += part * part
    }
  }
  return withExtendedLifetime(wide) { sums.sum() }
}
