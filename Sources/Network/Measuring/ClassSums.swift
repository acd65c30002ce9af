import LinearAlgebra
import MPI
import Measures
import Runtime

/// Collapse of some rows that are seen twice, block after block, and never all at once: class means in the first pass, scatter about them
/// in the second. In double, whatever the rows are.
final class ClassSums<T: NetworkReal>: @unchecked Sendable {
  let width: Int
  private let layout: Layout
  private let context: Context
  /// Sums, then means; (classes x width).
  private let means: Matrix<Double>
  /// Sums of x - m, which correct the scatter: sum |x - m|^2 less |sum (x - m)|^2 / n; (classes x width).
  private let deviations: Matrix<Double>
  /// Sums of |x - m|^2 by worker.
  private let squares: Matrix<Double>
  /// Which rows a picture shows, and these minus the mean of the class means; nil: no picture is wanted.
  private let picture: (sample: PictureSample, rows: Matrix<Double>)?

  /// - Parameter shown: of which rows a picture is made; nil: none is.
  init(width: Int, shown: PictureSample? = nil, _ layout: Layout, _ context: Context) {
    (self.width, self.layout, self.context) = (width, layout, context)
    picture = shown.map { ($0, Matrix(rows: $0.positions.count, columns: width)) }
    means = Matrix(rows: layout.classCount, columns: width)
    deviations = Matrix(rows: layout.classCount, columns: width)
    squares = Matrix(rows: context.pool.count, columns: 8)
  }

  /// Elements that it holds.
  static func elements(width: Int, shown: Int = 0, classes: Int) -> Int { (2 * classes + shown) * width }

  /// *Local.* The first pass. - Parameter labels: a class a row.
  func add(_ rows: MatrixView<T>, _ labels: UnsafePointer<Int32>) {
    let (means, width) = (means, width)
    nonisolated(unsafe) let labels = labels
    context.pool.forEachPart(of: width, roundedTo: 16) { columns, _ in
      let start = columns.lowerBound
      for i in 0..<rows.rows {
        T.accumulate(
          rows.pointer + i * rows.stride + start, means.pointer + Int(labels[i]) * width + start, columns.count)
      }
    }
  }

  /// *Collective.* The first pass is over.
  func finishMeans() throws {
    try context.timer.measure(.exchange) { try context.world.sum(means.buffer) }
    for c in layout.presentClasses {
      for k in 0..<width { means[c, k] /= Double(layout.classCounts[c]) }
    }
  }

  /// *Local.* The second pass. - Parameter first: the first row's class-sorted position.
  func addDeviations(_ rows: MatrixView<T>, _ labels: UnsafePointer<Int32>, first: Int) {
    show(rows, first)
    let (means, deviations, squares, width) = (means, deviations, squares, width)
    nonisolated(unsafe) let labels = labels
    context.pool.forEachPart(of: width, roundedTo: 16) { columns, worker in
      let start = columns.lowerBound
      var square = 0.0
      for i in 0..<rows.rows {
        let place = Int(labels[i]) * width + start
        square += T.deviation(
          rows.pointer + i * rows.stride + start, means.pointer + place, deviations.pointer + place, columns.count)
      }
      squares[worker, 0] += square
    }
  }

  private func show(_ rows: MatrixView<T>, _ first: Int) {
    guard let picture else { return }
    let own = picture.sample.positions.indices.filter {
      (first..<(first + rows.rows)).contains(picture.sample.positions[$0])
    }
    guard !own.isEmpty else { return }
    let present = layout.presentClasses
    let centre = (0..<width).map { k in present.reduce(0) { $0 + means[$1, k] } / Double(present.count) }
    for place in own {
      let target = picture.rows.row(place)
      T.widen(rows.row(picture.sample.positions[place] - first).baseAddress!, target.baseAddress!, width)
      for k in 0..<width { target[k] -= centre[k] }
    }
  }

  /// *Collective.* Cosines between the rows shown, on every rank; nil: none are.
  func finishPicture() throws -> Matrix<Float>? {
    guard let picture else { return nil }
    try context.timer.measure(.exchange) { try context.world.sum(picture.rows.buffer) }
    return cosines(picture.rows)
  }

  /// *Collective.* The second pass is over.
  func finish() throws -> Collapse {
    try context.timer.measure(.exchange) { try context.world.sum(deviations.buffer) }
    let own = (0..<squares.rows).reduce(0) { $0 + squares[$1, 0] }
    var scatter = try context.timer.measure(.exchange) { try context.world.sum(own) }
    for c in layout.presentClasses {
      let row = deviations.row(c)
      scatter -= row.reduce(0) { $0 + $1 * $1 } / Double(layout.classCounts[c])
    }
    return Collapse(scatter: max(0, scatter), means: means, layout: layout)
  }
}

/// What is said of rows whose scatter and class means are known (the paper's NC1 and NC2; traces of the usual S_W and S_B).
struct Collapse {
  let nc1, nc2: Double
  /// tr S_W / tr S_T and tr S_B / tr S_T, S_T = S_W + S_B, S_W over N, S_B over K.
  let withinShare, betweenShare: Double

  /// - Parameters:
  ///   - scatter: sum over all rows of |x - m|^2.
  ///   - means: (classes x width).
  init(scatter: Double, means: Matrix<Double>, layout: Layout) {
    nc1 = Measures.nc1(scatter: scatter, means: means, layout: layout)
    nc2 = Measures.nc2(means: means, layout: layout)
    let within = scatter / Double(layout.sampleCount)
    let between = Self.between(means, layout.presentClasses)
    withinShare = within / (within + between)
    betweenShare = between / (within + between)
  }

  /// tr S_B = (1/K) sum |m_c - m_G|^2
  private static func between(_ means: Matrix<Double>, _ present: [Int]) -> Double {
    let count = Double(present.count)
    return (0..<means.columns).reduce(0) { sum, k in
      let centre = present.reduce(0) { $0 + means[$1, k] } / count
      return sum + present.reduce(0) { $0 + (means[$1, k] - centre) * (means[$1, k] - centre) }
    } / count
  }
}
