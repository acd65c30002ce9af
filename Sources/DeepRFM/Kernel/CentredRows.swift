import LinearAlgebra
import MPI

/// A real number that is both computed with and sent.
public typealias Real = MPIElement & Scalar

/// Rows of samples, each stored as the deviation from a centre near it, so that small distances keep their digits in
/// float32 (docs/method.md). For training samples the centre is the class mean.
public final class CentredRows<T: Real>: @unchecked Sendable {
  /// Rows m_c + deviation; (rows x width). Memory may be shared with the block that travels round the ring.
  public let deviations: MatrixView<T>
  /// The centres m_c, known to every rank; (centres x width).
  public let centres: Matrix<Double>
  public let segments: [Segment]
  /// |deviation|^2 of each row.
  public let squaredNorms: [Double]
  /// Inner products of each row's deviation with each centre; (rows x centres).
  public let projections: Matrix<Double>
  /// The memory behind `deviations`.
  let storage: Matrix<T>

  public var rowCount: Int { deviations.rows }
  public var width: Int { deviations.columns }

  /// *Local.* Rows 0..<rowCount of `storage`, with what the tiles need of each row computed here.
  public init(
    _ storage: Matrix<T>, rowCount: Int, centres: Matrix<Double>, segments: [Segment], team: ThreadTeam
  ) {
    precondition(centres.columns == storage.columns)
    self.storage = storage
    deviations = storage.rows(0..<rowCount)
    self.centres = centres
    self.segments = segments
    let norms = Matrix<Double>(uninitialisedRows: rowCount, columns: 1)
    let projections = Matrix<Double>(uninitialisedRows: rowCount, columns: centres.rows)
    let view = deviations
    team.forEachPart(of: rowCount) { part, _ in
      let wide = Matrix<Double>(uninitialisedRows: 64, columns: view.columns)
      for rows in part.pieces(ofAtMost: 64) {
        for (k, i) in rows.enumerated() {
          T.widen(view.row(i).baseAddress ?? view.pointer, wide.row(k).baseAddress ?? wide.pointer, view.columns)
          var norm = 0.0
          for value in wide.row(k) { norm += value * value }
          norms[i, 0] = norm
        }
        multiply(wide.rows(0..<rows.count), centres.view, transposeB: true, into: projections.rows(rows))
      }
    }
    squaredNorms = Array(norms.buffer)
    self.projections = projections
  }

  /// Writes row i, centre and all, as Double. *Local.*
  public func read(row i: Int, centre: Int, into out: UnsafeMutableBufferPointer<Double>) {
    let deviation = deviations.row(i)
    let mean = centres.row(centre)
    for k in 0..<width { out[k] = mean[k] + Double(deviation[k]) }
  }
}

/// The distances between the centres; (centres x centres). *Local.*
func centreDistances(_ centres: Matrix<Double>) -> Matrix<Double> {
  let result = Matrix<Double>(rows: centres.rows, columns: centres.rows)
  for a in 0..<centres.rows {
    for b in 0..<a {
      var sum = 0.0
      for (x, y) in zip(centres.row(a), centres.row(b)) { sum += (x - y) * (x - y) }
      result[a, b] = sum.squareRoot()
      result[b, a] = result[a, b]
    }
  }
  return result
}
