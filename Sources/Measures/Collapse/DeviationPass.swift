import LinearAlgebra
import Runtime

/// The second pass: sums over deviations z = x - p_y from the points that the first one found, each corrected by what the points are off
/// the means: sum |x - m|^2 = sum |z|^2 - |sum z|^2 / n.
struct DeviationPass: Sendable {
  let points: ClassPoints
  let axes: PrincipalAxes
  let map: LinearMap?
  /// W p_y + b; (classes x outputs).
  let heights: Matrix<Double>?
  /// The means that a row may be nearest to.
  let nearest: NearestMeans?
  /// Numbers whose largest is a row's class: of W x + b where no others are given.
  let outputs: (any RowSource)?

  /// Which means a row's nearest is sought among, seen from another set of rows' points.
  struct NearestMeans: Sendable {
    /// m_c - m_G; (means x width).
    let deviations: Matrix<Double>
    /// (p_y - m_G) . (m_c - m_G) - |m_c - m_G|^2 / 2; (classes x means): with z . (m_c - m_G) the larger, the nearer.
    let offsets: Matrix<Double>
  }

  /// A worker's sums.
  final class Sums: @unchecked Sendable {
    /// Sum of z; (classes x width).
    let deviations: Matrix<Double>
    /// Sum of |z|^2 of each class.
    let scatter: Matrix<Double>
    /// Sum of (v_k . z)^2.
    let axes: Matrix<Double>
    /// Of the activation's deviations; (classes x outputs).
    let activated: Matrix<Double>
    /// Sums of |W z|^2, of the activation's squares, and of rows that agree.
    let totals: Matrix<Double>

    init(_ pass: DeviationPass) {
      let classes = pass.points.classCount
      deviations = Matrix(rows: classes, columns: pass.points.width)
      scatter = Matrix(rows: 1, columns: classes)
      axes = Matrix(rows: 1, columns: pass.axes.eigenvalues.count)
      activated = Matrix(rows: classes, columns: pass.map?.activation == nil ? 0 : pass.map?.outputs ?? 0)
      totals = Matrix(rows: 1, columns: 3)
    }

    var all: [Matrix<Double>] { [deviations, scatter, axes, activated, totals] }
  }

  /// What every block is multiplied by: axes, means, weights; (rows x width), with the columns of the product that each gives.
  private struct Directions: Sendable {
    let matrix: Matrix<Double>
    let axes, means, weights: Range<Int>

    init(_ pass: DeviationPass) {
      let parts = [pass.axes.vectors, pass.nearest?.deviations, pass.map?.weights]
      let counts = parts.map { $0?.rows ?? 0 }
      axes = 0..<counts[0]
      means = axes.upperBound..<axes.upperBound + counts[1]
      weights = means.upperBound..<means.upperBound + counts[2]
      matrix = Matrix(uninitialisedRows: counts.reduce(0, +), columns: pass.points.width)
      for (part, rows) in zip(parts, [axes, means, weights]) {
        if let part { matrix.rows(rows).copy(from: part.view) }
      }
    }
  }

  /// *Collective.* The sums of all ranks.
  func sums<Source: RowSource>(of source: Source, labels: [Int], context: Context) throws -> Sums {
    let workers = (0..<context.pool.count).map { _ in Sums(self) }
    let directions = Directions(self)
    try context.world.together {
      try context.pool.forEachBlock(of: source) { rows, values, worker in
        let own = labels[rows]
        subtractPoints(from: values, own, workers[worker])
        let products = Matrix<Double>(uninitialisedRows: rows.count, columns: directions.matrix.rows)
        multiply(values, directions.matrix.view, transposeB: true, into: products.view)
        addSquares(products.view.columns(directions.axes), workers[worker])
        let linear = products.view.columns(directions.weights)
        if map != nil { addImages(linear, own, workers[worker]) }
        try addAgreements(rows, own, nearness: products.view.columns(directions.means), linear, workers[worker])
        withExtendedLifetime(products) {}
      }
    }
    let total = workers[0]
    for (place, sum) in total.all.enumerated() {
      _ = workers.map { $0.all[place] }.summed
      try context.communicating { try context.world.sum(sum.buffer) }
    }
    return total
  }

  /// z <- x - p_y, with its sums. A row of no class is made 0.
  private func subtractPoints(from values: MatrixView<Double>, _ labels: ArraySlice<Int>, _ sums: Sums) {
    let width = points.width
    for (i, label) in labels.enumerated() {
      let row = values.pointer + i * width
      guard label >= 0 else {
        values.row(i).update(repeating: 0)
        continue
      }
      let (point, sum) = (points.points.pointer + label * width, sums.deviations.pointer + label * width)
      for k in 0..<width {
        let z = row[k] - point[k]
        row[k] = z
        sum[k] += z
      }
      sums.scatter.pointer[label] += squaredNorm(row, width)
    }
  }

  private func addSquares(_ products: MatrixView<Double>, _ sums: Sums) {
    for i in 0..<products.rows {
      let row = products.row(i)
      for k in row.indices { sums.axes.pointer[k] += row[k] * row[k] }
    }
  }

  /// |W z|^2, and what the activation makes of it.
  private func addImages(_ linear: MatrixView<Double>, _ labels: ArraySlice<Int>, _ sums: Sums) {
    var (square, activatedSquare) = (0.0, 0.0)
    for (i, label) in labels.enumerated() where label >= 0 {
      let row = linear.row(i)
      if let start = row.baseAddress { square += squaredNorm(start, row.count) }
      guard let activation = map?.activation, let heights else { continue }
      let (height, sum) = (heights.row(label), sums.activated.row(label))
      for k in row.indices {
        let difference = activation.difference(from: height[k], by: row[k])
        sum[k] += difference
        activatedSquare += difference * difference
      }
    }
    sums.totals.pointer[0] += square
    sums.totals.pointer[1] += activatedSquare
  }

  /// Counts rows whose largest output is the class of the nearest mean; of equals the first counts.
  private func addAgreements(
    _ rows: Range<Int>, _ labels: ArraySlice<Int>, nearness: MatrixView<Double>, _ linear: MatrixView<Double>,
    _ sums: Sums
  ) throws {
    guard let nearest else { return }
    var given: Matrix<Double>?
    if let outputs {
      let block = Matrix<Double>(uninitialisedRows: rows.count, columns: outputs.width)
      try outputs.read(rows, into: block.buffer)
      given = block
    }
    for (i, label) in labels.enumerated() where label >= 0 {
      let row = linear.row(i)
      let class_ =
        if let given { place(ofLargestOf: nearness.columns) { given[i, $0] } } else {
          place(ofLargestOf: nearness.columns) { row[$0] + (heights?[label, $0] ?? 0) }
        }
      let mean = place(ofLargestOf: nearness.columns) { nearness[i, $0] + nearest.offsets[label, $0] }
      if class_ == mean { sums.totals.pointer[2] += 1 }
    }
  }

  private func place(ofLargestOf count: Int, _ value: (Int) -> Double) -> Int {
    var best = 0
    for k in 1..<max(1, count) where value(k) > value(best) { best = k }
    return best
  }
}
