import LinearAlgebra
import MPI
import Runtime

/// Rows of samples, each stored as the deviation from a centre near it, so that small distances keep their digits in
/// float32 (docs/method.md): a rank's **shard**, or a **block**, another's shard on its way round the ring. For training samples the
/// centre is the class mean.
public final class Rows<T: Real>: @unchecked Sendable {
  /// Rows m_c + deviation; (rows x width). Memory may be shared with the block that travels round the ring.
  public let deviations: MatrixView<T>
  /// The centres m_c, known to every rank; (centres x width).
  public let centres: Matrix<Double>
  public let segments: [Segment]
  /// Who holds which of the training rows that the centres are of.
  public let layout: Layout
  public let context: Context
  /// The memory behind `deviations`.
  public let storage: Matrix<T>
  /// |deviation|^2 of each row, then its inner products with the centres; (rows or more x (1 + centres)).
  let terms: Matrix<Double>
  /// Place of row 0 among the class-sorted training samples; nil: these are other rows.
  let start: Int?

  public var rowCount: Int { deviations.rows }
  public var width: Int { deviations.columns }

  /// |deviation|^2 of a row. *Local.*
  @inline(__always) func squaredNorm(_ row: Int) -> Double { terms[row, 0] }

  /// A row's deviation times a centre. *Local.*
  @inline(__always) func innerProduct(_ row: Int, with centre: Int) -> Double { terms[row, 1 + centre] }

  /// Sum of all rows' |deviation|^2. *Local.*
  public var scatter: Double { (0..<rowCount).reduce(0) { $0 + squaredNorm($1) } }

  /// Whom a row is a copy of: equal rows have the same number above 0, whatever rounding made of them since. *Local.*
  @inline(__always) func copy(_ row: Int) -> Int32 {
    guard let start, !layout.copies.isEmpty else { return 0 }
    return layout.copies[start + row]
  }

  /// *Local.* The same rows, with their copies known.
  public func with(_ layout: Layout) -> Rows {
    Rows(
      storage, rowCount: rowCount, centres: centres, segments: segments, terms: terms, layout: layout, context: context,
      start: start)
  }

  /// *Local.* Rows 0..<rowCount of `storage`, with what the tiles need of each row as it came along.
  init(
    _ storage: Matrix<T>, rowCount: Int, centres: Matrix<Double>, segments: [Segment], terms: Matrix<Double>,
    layout: Layout, context: Context, start: Int? = nil
  ) {
    precondition(centres.columns == storage.columns && terms.columns == 1 + centres.rows && terms.rows >= rowCount)
    self.storage = storage
    deviations = storage.rows(0..<rowCount)
    self.centres = centres
    self.segments = segments
    self.terms = terms
    self.layout = layout
    self.context = context
    self.start = start
  }

  /// *Local.* Rows 0..<rowCount of `storage`, with what the tiles need of each row computed here.
  @specialized(where T == Float)
  @specialized(where T == Double)
  public convenience init(
    _ storage: Matrix<T>, rowCount: Int, centres: Matrix<Double>, segments: [Segment], layout: Layout, context: Context,
    start: Int? = nil
  ) {
    self.init(
      storage, rowCount: rowCount, centres: centres, segments: segments,
      terms: Self.terms(storage.rows(0..<rowCount), centres, context.pool), layout: layout, context: context,
      start: start)
  }

  private static func terms(_ rows: MatrixView<T>, _ centres: Matrix<Double>, _ pool: ThreadPool) -> Matrix<Double> {
    let terms = Matrix<Double>(uninitialisedRows: rows.rows, columns: 1 + centres.rows)
    pool.forEachPart(of: rows.rows) { part, _ in
      let wide = Matrix<Double>(uninitialisedRows: termsBatch, columns: rows.columns)
      for block in part.pieces(ofAtMost: termsBatch) {
        for (k, i) in block.enumerated() {
          T.widen(rows.row(i).baseAddress ?? rows.pointer, wide.row(k).baseAddress ?? wide.pointer, rows.columns)
          var norm = 0.0
          for value in wide.row(k) { norm += value * value }
          terms[i, 0] = norm
        }
        multiply(
          wide.rows(0..<block.count), centres.view, transposeB: true,
          into: terms.rows(block).columns(1..<(1 + centres.rows)))
      }
    }
    return terms
  }

  /// Writes row i, centre and all, as Double. *Local.*
  @specialized(where T == Float)
  @specialized(where T == Double)
  public func read(row i: Int, centre: Int, into out: UnsafeMutableBufferPointer<Double>) {
    guard let deviation = deviations.row(i).baseAddress, let values = out.baseAddress else { return }
    let mean = centres.row(centre)
    T.widen(deviation, values, width)
    for k in 0..<width { values[k] += mean[k] }
  }
}

/// Rows whose terms a thread computes at a time.
let termsBatch = 64

/// What works on a rank's rows has their context at hand.
protocol RowsWork {
  associatedtype Element: Real
  var rows: Rows<Element> { get }
}

extension RowsWork {
  var context: Context { rows.context }
  var layout: Layout { rows.layout }
  var world: Communicator { rows.context.world }
  var pool: ThreadPool { rows.context.pool }
  /// This rank's rows among all.
  var shard: Range<Int> { layout.shard(of: world.rank) }

  /// Runs `body` with its time charged to communication.
  func communicating<R>(_ body: () throws -> R) rethrows -> R { try context.communicating(body) }
}

/// The distances between the centres; (centres x centres). *Local.*
func centreDistances(_ centres: Matrix<Double>) -> Matrix<Double> {
  let result = Matrix<Double>(rows: centres.rows, columns: centres.rows)
  for a in 0..<centres.rows {
    for b in 0..<a {
      result[a, b] = squaredDistance(centres.row(a), centres.row(b)).squareRoot()
      result[b, a] = result[a, b]
    }
  }
  return result
}

/// Of differences, which do not cancel; eight sums at a time, which do not wait for each other.
private func squaredDistance(_ x: UnsafeMutableBufferPointer<Double>, _ y: UnsafeMutableBufferPointer<Double>) -> Double
{
  var sums = SIMD8<Double>.zero
  let whole = x.count / 8 * 8
  for k in stride(from: 0, to: whole, by: 8) {
    let difference =
      UnsafeRawPointer(x.baseAddress! + k).loadUnaligned(as: SIMD8<Double>.self)
      - UnsafeRawPointer(y.baseAddress! + k).loadUnaligned(as: SIMD8<Double>.self)
    sums += difference * difference
  }
  var sum = sums.sum()
  for k in whole..<x.count {
    let difference = x[k] - y[k]
    sum += difference * difference
  }
  return sum
}
