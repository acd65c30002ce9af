import LinearAlgebra
import Runtime

/// Which samples stand for all of them in the pictures of a layer: evenly spaced ones of each class, so that the rank count
/// changes nothing.
public struct PictureSample: Sendable, Equatable {
  /// What a small picture can show.
  public static let mostSamples = 100
  static let mostClasses = 20

  /// Class-sorted, ascending.
  public let positions: [Int]

  /// *Local.* Of the first classes that have samples, the same number each, or all of a smaller class.
  public init(_ layout: Layout) {
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
public struct GramPictures {
  public let sample: PictureSample
  /// Of the layer's input X; (shown x shown).
  public let input: Matrix<Float>
  /// Of X R; (shown x shown).
  public let projected: Matrix<Float>

  /// *Collective.* Whole on rank 0; elsewhere without the matrices.
  /// - Parameters:
  ///   - shown: the sample's rows minus the mean of the class means, 0 where another rank holds them; (shown x width). Changed.
  ///   - projected: the same of the rows that R multiplies; nil: it is these.
  ///   - projection: R; (width x width).
  @specialized(where T == Float)
  @specialized(where T == Double)
  public init<T: Real>(
    of sample: PictureSample, shown: Matrix<Double>, projected other: Matrix<Double>? = nil, projection: Matrix<T>,
    context: Context
  ) throws {
    self.sample = sample
    try context.communicating {
      try context.world.sum(shown.buffer)
      if let other { try context.world.sum(other.buffer) }
    }
    guard context.world.rank == 0 else {
      (input, projected) = (Matrix(rows: 0, columns: 0), Matrix(rows: 0, columns: 0))
      return
    }
    // In the run's precision: R is stored so, and the rows are centred.
    let narrow = (other ?? shown).converted(to: T.self)
    let image = Matrix<T>(uninitialisedRows: shown.rows, columns: projection.columns)
    context.pool.multiply(narrow.view, projection.view, into: image.view)
    input = cosines(shown)
    projected = cosines(image.converted(to: Double.self))
  }
}

/// Cosines between the rows; (rows x rows). A row of zeros has the cosine 0 with all. *Local.*
public func cosines(_ rows: Matrix<Double>) -> Matrix<Float> {
  for i in 0..<rows.rows { divideByNorm(rows.row(i)) }
  let gram = Matrix<Double>(rows: rows.rows, columns: rows.rows)
  multiply(rows.view, rows.view, transposeB: true, into: gram.view)
  return gram.converted(to: Float.self)
}
