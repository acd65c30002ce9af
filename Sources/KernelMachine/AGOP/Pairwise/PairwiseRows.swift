import LinearAlgebra
import Runtime

/// This rank's rows as `PairwiseAGOP` multiplies them: deviations from the class means, or from the mean of all.
///
/// The AGOP does not change if all rows are moved. Where classes have not collapsed, those of the means and of the deviations are far larger
/// than their sum (CIFAR-10 itself: 200 times) and one centre keeps more digits; where they have, Q within a class is huge
/// and must not meet its mean.
struct PairwiseRows<T: Real>: @unchecked Sendable {
  /// (own rows x width)
  let deviations: MatrixView<T>
  /// (centres x width)
  let centres: Matrix<Double>
  /// Of the shard.
  let segments: [Segment]
  /// Of two samples, on the average.
  let squareDistance: Double
  private let isByClass: Bool

  /// Below this share of the whole scatter, that inside classes makes deviations from the mean of all too coarse.
  private static var collapsed: Double { 0.05 }

  /// *Collective.*
  init(_ rows: Rows<T>) throws {
    let (layout, context) = (rows.layout, rows.context)
    let n = Double(max(1, layout.sampleCount))
    let mean = Matrix<Double>(rows: 1, columns: rows.width)
    for c in layout.presentClasses {
      for k in 0..<rows.width { mean[0, k] += Double(layout.classCounts[c]) * rows.centres[c, k] / n }
    }
    let shifts = rows.centres.copy()
    for c in 0..<shifts.rows { for k in 0..<shifts.columns { shifts[c, k] -= mean[0, k] } }
    let inside = try context.communicating { try context.world.sum(rows.scatter) }
    let between = layout.presentClasses.reduce(0.0) { sum, c in
      sum + Double(layout.classCounts[c]) * shifts.row(c).reduce(0) { $0 + $1 * $1 }
    }
    squareDistance = 2 * (inside + between) / n
    segments = rows.segments
    isByClass = inside < Self.collapsed * (inside + between)
    if isByClass {
      (deviations, centres) = (rows.deviations, rows.centres)
      return
    }
    let moved = Matrix<T>(uninitialisedRows: rows.rowCount, columns: rows.width)
    context.pool.forEach(0..<rows.segments.count) { index, _ in
      let shift = shifts.row(rows.segments[index].centre)
      for i in rows.segments[index].rows {
        let (source, target) = (rows.deviations.row(i), moved.row(i))
        for k in shift.indices { target[k] = T(Double(source[k]) + shift[k]) }
      }
    }
    (deviations, centres) = (moved.view, mean)
  }

  /// Bytes of the moved rows, where they are moved.
  static func bytes(_ sizes: AGOPCost) -> Int { sizes.rows * sizes.width * MemoryLayout<T>.stride }

  func centre(ofClass index: Int) -> Int { isByClass ? index : 0 }

  func centre(of segment: Segment) -> Int { centre(ofClass: segment.centre) }
}
