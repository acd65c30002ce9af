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

  /// A segment's rows of the stack.
  func rows(of segment: Int) -> Range<Int> { starts[segment]..<starts[segment + 1] }

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
    pool.forEach(0..<(segments.count * outputs)) { task, _ in
      let (index, c) = (task / self.outputs, task % self.outputs)
      self.finish(rows, index, c)
    }
  }

  /// Bytes that `finish` takes meanwhile: each worker the sums of a segment by centre, and its offsets.
  static func finishBytes(_ sizes: AGOPCost) -> Int {
    sizes.threads * sizes.centres * (min(sizes.tileRows, sizes.rows) + sizes.width) * MemoryLayout<T>.stride
  }

  private func finish(_ rows: Rows<T>, _ index: Int, _ c: Int) {
    let (segment, centres) = (segments[index], rows.centres)
    let sums = Matrix<T>(uninitialisedRows: segment.rows.count, columns: centres.rows)
    let g = gradients(c, self.rows(of: index))
    for i in 0..<segment.rows.count {
      let all = weightSums.row(starts[index] + i)
      var total = 0.0
      for b in 0..<centres.rows {
        total += all[b * outputs + c]
        sums[i, b] = T(all[b * outputs + c])
      }
      let (deviation, weight) = (rows.deviations.row(segment.rows.lowerBound + i), T(total))
      let target = g.row(i)
      for k in target.indices { target[k] -= weight * deviation[k] }
    }
    let offsets = Matrix<T>(uninitialisedRows: centres.rows, columns: centres.columns)
    for b in 0..<centres.rows {
      for k in 0..<centres.columns { offsets[b, k] = T(centres[b, k] - centres[segment.centre, k]) }
    }
    multiply(sums.view, offsets.view, beta: 1, into: g)
  }
}
