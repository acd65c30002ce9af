import LinearAlgebra
import Runtime

/// Gradients of some of this rank's rows for several outputs, while their terms are added up: deviations from the class means in T,
/// the means through sums by class in double.
final class GradientStack<T: Real>: @unchecked Sendable {
  let segments: [Segment]
  /// Row at which each segment starts, and after the last the height.
  let starts: [Int]
  let outputs: Int
  var height: Int { starts.last ?? 0 }
  /// G: of each row all outputs' gradients, (height x (outputs * width)).
  let gradients: Matrix<T>
  private let width: Int
  /// S_ibc = sum over samples j of class b of their weight in output c; (height x (centres * outputs)).
  let weightSums: Matrix<Double>

  init(_ segments: [Segment], outputs: Int, width: Int, centres: Int) {
    self.segments = segments
    self.outputs = outputs
    starts = segments.reduce(into: [0]) { $0.append(($0.last ?? 0) + $1.rows.count) }
    let height = starts.last ?? 0
    self.width = width
    gradients = Matrix(rows: height, columns: outputs * width)
    weightSums = Matrix(rows: height, columns: centres * outputs)
  }

  /// Bytes of a stack of so many rows.
  static func bytes(rows: Int, outputs: Int, width: Int, centres: Int) -> Int {
    rows * outputs * (width * MemoryLayout<T>.stride + centres * 8)
  }

  /// Some rows of one output's gradients.
  func gradients(_ output: Int, _ rows: Range<Int>) -> MatrixView<T> {
    gradients.rows(rows).columns((output * width)..<((output + 1) * width))
  }

  /// What has been added up so far.
  var saved: [SavedTensor] { [SavedTensor("gradients", gradients), SavedTensor("weightSums", weightSums)] }

  /// Throws `CheckpointError`.
  func restore(_ saved: [SavedTensor]) throws {
    try saved.restore("gradients", into: gradients)
    try saved.restore("weightSums", into: weightSums)
  }

  /// After all terms: with m the class means and a the row's class, G_c += sum over b of S_bc (m_b - m_a) - (sum over b of
  /// S_bc) (x_i - m_a). *Local.*
  func finish(_ rows: Rows<T>, _ pool: ThreadPool) {
    let pieces = segments.indices.flatMap { index in
      segments[index].rows.pieces(ofAtMost: Self.finishedRows(outputs: outputs)).map { (index, $0) }
    }
    pool.forEach(0..<pieces.count) { task, _ in self.finish(rows, pieces[task].0, pieces[task].1) }
  }

  /// Rows that are finished at a time, of all outputs: so many gradients that their product is a large one.
  private static func finishedRows(outputs: Int) -> Int { max(1, 2048 / max(1, outputs)) }

  /// Bytes that `finish` takes meanwhile: each worker the sums of some rows by centre, and the centres' offsets.
  static func finishBytes(outputs: Int, _ sizes: AGOPCost) -> Int {
    let rows = min(sizes.segmentRows, finishedRows(outputs: outputs))
    return sizes.threads * sizes.centres * (rows * outputs + sizes.width) * MemoryLayout<T>.stride
  }

  /// - Parameter piece: rows of a segment.
  private func finish(_ rows: Rows<T>, _ index: Int, _ piece: Range<Int>) {
    let (segment, centres) = (segments[index], rows.centres)
    let first = outputs * (starts[index] + piece.lowerBound - segment.rows.lowerBound)
    let g = gradients.reshaped(rows: height * outputs, columns: width).rows(first..<(first + outputs * piece.count))
    let sums = Matrix<T>(uninitialisedRows: g.rows, columns: centres.rows)
    for (k, i) in piece.enumerated() {
      let (all, deviation) = (weightSums.row(first / outputs + k), rows.deviations.row(i))
      for c in 0..<outputs {
        let (own, target) = (sums.row(k * outputs + c), g.row(k * outputs + c))
        var total = 0.0
        for b in own.indices {
          total += all[b * outputs + c]
          own[b] = T(all[b * outputs + c])
        }
        let weight = T(total)
        for j in target.indices { target[j] -= weight * deviation[j] }
      }
    }
    let offsets = Matrix<T>(uninitialisedRows: centres.rows, columns: centres.columns)
    for b in 0..<centres.rows {
      for k in 0..<centres.columns { offsets[b, k] = T(centres[b, k] - centres[segment.centre, k]) }
    }
    multiply(sums.view, offsets.view, beta: 1, into: g)
  }
}
