import LinearAlgebra
import Runtime

/// A tall matrix U that is multiplied with a few vectors again and again: U^T x and U y, on all threads, at the speed of
/// memory. Elements and products in V.
public final class TallFactor<V: Real>: @unchecked Sendable {
  let rows: Int
  public let columns: Int
  /// (rows x columns), each row padded with zeros as the product wants it.
  private let storage: Matrix<V>
  private let pool: ThreadPool
  private let stripes: [Range<Int>]
  /// x in V, made once for so many vectors; (rows x vectors).
  private var narrow: Matrix<V>?

  /// Rows of a stripe: what a thread takes at a time.
  private static var stripeRows: Int { 512 }

  /// *Local.* Memory that `set` fills.
  public init(rows: Int, columns: Int, pool: ThreadPool) {
    self.rows = rows
    self.columns = columns
    self.pool = pool
    storage = Matrix(uninitialisedRows: rows, columns: paddedForProduct(columns))
    stripes = (0..<rows).pieces(ofAtMost: Self.stripeRows)
  }

  /// *Local.* Some rows, rounded to V.
  @specialized(where V == Float)
  @specialized(where V == Double)
  public func set(_ range: Range<Int>, _ values: MatrixView<Double>) {
    for (k, i) in range.enumerated() {
      let (source, target) = (values.row(k), storage.row(i))
      for c in 0..<columns { target[c] = V(source[c]) }
      for c in columns..<target.count { target[c] = 0 }
    }
  }

  private func stripe(_ index: Int) -> MatrixView<V> { storage.rows(stripes[index]).columns(0..<columns) }

  /// *Local.* out = U^T x over this rank's rows: x (rows x vectors), out (columns x vectors).
  @specialized(where V == Float)
  @specialized(where V == Double)
  public func multiplyTransposed(_ x: Matrix<Double>, into out: MatrixView<Double>) {
    guard columns > 0 else { return }
    let (own, vectors) = (inPrecision(x), x.columns)
    let sums = (0..<pool.count).map { _ in Matrix<Double>(rows: vectors, columns: storage.columns) }
    pool.run { worker in
      for index in Swift.stride(from: worker, to: self.stripes.count, by: self.pool.count) {
        addTransposedProduct(
          of: self.stripe(index), rowVector: own.rows(self.stripes[index]), columnSums: sums[worker].view)
      }
    }
    for k in 0..<columns {
      for c in 0..<vectors { out[k, c] = sums.reduce(0) { $0 + $1[c, k] } }
    }
  }

  private func inPrecision(_ x: Matrix<Double>) -> Matrix<V> {
    if let same = x as? Matrix<V> { return same }
    let other =
      narrow.flatMap { $0.columns == x.columns ? $0 : nil } ?? Matrix(uninitialisedRows: rows, columns: x.columns)
    narrow = other
    pool.forEachPart(of: x.count) { range, _ in for i in range { other.pointer[i] = V(x.pointer[i]) } }
    return other
  }

  /// *Local.* z += U y: y (columns x vectors), z (rows x vectors).
  @specialized(where V == Float)
  @specialized(where V == Double)
  public func addProduct(_ y: MatrixView<Double>, to z: Matrix<Double>) {
    guard columns > 0 else { return }
    let vectors = y.columns
    let transposed = Matrix<V>(rows: vectors, columns: storage.columns)
    for c in 0..<vectors { for k in 0..<columns { transposed[c, k] = V(y[k, c]) } }
    pool.run { worker in
      for index in Swift.stride(from: worker, to: self.stripes.count, by: self.pool.count) {
        LinearAlgebra.addProduct(
          of: self.stripe(index), columnVector: transposed.view, rowSums: z.rows(self.stripes[index]))
      }
    }
  }
}
