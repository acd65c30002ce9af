import LinearAlgebra
import MPI
import Runtime

/// Which samples stand for all of them in the pictures of a layer: evenly spaced ones of each class, so that the rank count
/// changes nothing.
package struct PictureSample: Sendable, Equatable {
  /// What a small picture can show.
  package static let mostSamples = 100
  package static let mostClasses = 20

  /// Class-sorted, ascending.
  package let positions: [Int]

  /// *Local.* Of the first classes that have samples, the same number each, or all of a smaller class.
  package init(_ layout: Layout) {
    let shown = Set(layout.presentClasses.prefix(Self.mostClasses))
    let share = Self.mostSamples / max(1, shown.count)
    var positions: [Int] = []
    var start = 0
    for (label, count) in layout.classCounts.enumerated() {
      let own = min(count, share)
      if shown.contains(label) { positions += (0..<own).map { start + (2 * $0 + 1) * count / (2 * own) } }
      start += count
    }
    self.positions = positions
  }
}

/// The paper's pictures of a layer: cosines between samples, the mean of the class means taken off.
package struct GramPictures {
  package let sample: PictureSample
  /// Of the layer's input X; (shown x shown).
  package let input: Matrix<Float>
  /// Of X R; (shown x shown).
  package let projected: Matrix<Float>

  /// *Collective.* Whole on rank 0; elsewhere without the matrices.
  /// - Parameter projection: R; (width x width).
  package init<T: Real>(
    _ rows: CentredRows<T>, projection: Matrix<T>, layout: Layout, world: Communicator,
    team: ThreadTeam, timer: PhaseTimer
  ) throws {
    sample = PictureSample(layout)
    let shown = Self.ownRows(sample, rows, layout, shard: layout.shard(of: world.rank))
    try timer.measure(.communication) { try world.sum(shown.buffer) }
    guard world.rank == 0 else {
      (input, projected) = (Matrix(rows: 0, columns: 0), Matrix(rows: 0, columns: 0))
      return
    }
    // In the run's precision: R is stored so, and the rows are centred.
    let narrow = shown.converted(to: T.self)
    let image = Matrix<T>(uninitialisedRows: shown.rows, columns: projection.columns)
    team.multiply(narrow.view, projection.view, into: image.view)
    input = cosines(shown)
    projected = cosines(image.converted(to: Double.self))
  }

  /// *Local.* The sample's rows minus the mean of the class means, 0 where another rank holds them; (shown x width).
  private static func ownRows<T: Real>(
    _ sample: PictureSample, _ rows: CentredRows<T>, _ layout: Layout, shard: Range<Int>
  ) -> Matrix<Double> {
    let result = Matrix<Double>(rows: sample.positions.count, columns: rows.width)
    let present = layout.presentClasses
    let mean = (0..<rows.width).map { k in present.reduce(0) { $0 + rows.centres[$1, k] } / Double(present.count) }
    for (row, position) in sample.positions.enumerated() where shard.contains(position) {
      let own = position - shard.lowerBound
      guard let segment = rows.segments.first(where: { $0.rows.contains(own) }) else { continue }
      let target = result.row(row)
      rows.read(row: own, centre: segment.centre, into: target)
      for k in target.indices { target[k] -= mean[k] }
    }
    return result
  }
}

/// Cosines between the rows; (rows x rows). A row of zeros has the cosine 0 with all. *Local.*
package func cosines(_ rows: Matrix<Double>) -> Matrix<Float> {
  for i in 0..<rows.rows { divideByNorm(rows.row(i)) }
  let gram = Matrix<Double>(rows: rows.rows, columns: rows.rows)
  multiply(rows.view, rows.view, transposeB: true, into: gram.view)
  return gram.converted(to: Float.self)
}
