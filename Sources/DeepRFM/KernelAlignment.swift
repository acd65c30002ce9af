import KernelMachine
import LinearAlgebra
import MPI
import Runtime
import Solve

/// *Collective.* How far K and Y Y^T agree, both centred (Cortes, Mohri, Rostamizadeh, JMLR 13, 2012):
///
///     <H K H, H Y Y^T H> / (|H K H| |H Y Y^T H|),    H = I - 1 1^T / N
///
/// One product with K and one reading of its tiles, in double precision. K is a matrix of means by pairs of centres, C, and what is left of
/// the deviations, E, whose sum over each pair of centres is 0: then |H K H|^2 = |H C H|^2 + |E|^2 - 2 |E 1|^2 / N, of which no part is
/// the difference of larger ones where K is nearly constant or nearly constant between classes.
/// - Parameters:
///   - k: without the ridge.
///   - y: Y's own rows, (own rows x outputs).
///   - stop: breaks it off; the caller then asks the ranks whether it was set, and uses no result.
/// - Returns: not a number where K or Y is constant.
public func kernelAlignment<T: Real>(
  of k: KernelOperator<T>, _ y: Matrix<Double>, stop: StopSwitch? = nil
) throws -> Double {
  let context = k.rows.context
  let n = Double(k.rows.layout.sampleCount)
  let (centred, images) = try imagesOfCentred(y, k, stop)
  let columns = ColumnBlock(pool: context.pool)
  let targets = centred.view.columns(0..<y.columns)
  let own = Matrix<Double>(uninitialisedRows: y.rows, columns: y.columns)
  own.view.copy(from: targets)
  let means = try BlockMeans(of: k, stop)
  // Of each own row of E, its sum.
  let sums = means.rowSums(images, column: y.columns, k.rows)
  var all = columns.products([own.view], own).values
  let along = columns.dots(centred, images).prefix(y.columns).reduce(0, +)
  all += [along, sums.reduce(0) { $0 + $1 * $1 }]
  try context.communicating { try context.world.sum(&all) }
  let gram = all.dropLast(2).reduce(0) { $0 + $1 * $1 }.squareRoot()  // |H Y Y^T H| = |Y^T H Y|
  let square = means.centredSquare + means.deviationSquare - 2 * all[all.count - 1] / n  // |H K H|^2
  // What is left of a constant K is rounding.
  guard gram > 0, square > (8 * Double.ulpOfOne * n) * (8 * Double.ulpOfOne * n) else { return .nan }
  return all[all.count - 2] / (square.squareRoot() * gram)
}

/// *Collective.* Y with its columns' means taken off and a column of ones beside it, and K times these; (own rows x (outputs + 1)).
private func imagesOfCentred<T: Real>(
  _ y: Matrix<Double>, _ k: KernelOperator<T>, _ stop: StopSwitch?
) throws -> (centred: Matrix<Double>, images: Matrix<Double>) {
  let context = k.rows.context
  var means = [Double](repeating: 0, count: y.columns)
  for i in 0..<y.rows { for (c, value) in y.row(i).enumerated() { means[c] += value } }
  try context.communicating { try context.world.sum(&means) }
  let centred = Matrix<Double>(uninitialisedRows: y.rows, columns: y.columns + 1)
  let n = Double(k.rows.layout.sampleCount)
  centred.fill { $1 < y.columns ? y[$0, $1] - means[$1] / n : 1 }
  let images = Matrix<Double>(rows: y.rows, columns: centred.columns)
  try k.apply(centred, into: images, in: Double.self, stop: stop)
  return (centred, images)
}

/// K's means by pairs of centres, and the square of what is left of it.
private struct BlockMeans {
  /// Rows of each centre.
  private let counts: [Double]
  /// Mean of K between two centres' rows; (centres x centres).
  private let means: Matrix<Double>
  /// |E|^2, E the deviations of K from these.
  let deviationSquare: Double

  /// *Collective.*
  init<T: Real>(of k: KernelOperator<T>, _ stop: StopSwitch?) throws {
    let (sums, squares) = try k.deviationSums(stop: stop)
    counts = k.rows.layout.classCounts.map { Double($0) }
    means = Matrix(rows: sums.rows, columns: sums.rows)
    var left = squares
    for (a, own) in counts.enumerated() {
      for (b, other) in counts.enumerated() where own * other > 0 {
        means[a, b] = k.builder.constant(a, b) + sums[a, b] / (own * other)
        left -= sums[a, b] * sums[a, b] / (own * other)
      }
    }
    deviationSquare = max(0, left)
  }

  /// |H C H|^2, C as large as K with the means in place of its entries.
  var centredSquare: Double {
    let n = counts.reduce(0, +)
    let rows = counts.indices.map { a in counts.indices.reduce(0) { $0 + counts[$1] * means[a, $1] } / n }
    let all = zip(counts, rows).reduce(0) { $0 + $1.0 * $1.1 } / n
    var square = 0.0
    for (a, own) in counts.enumerated() {
      for (b, other) in counts.enumerated() {
        let value = means[a, b] - rows[a] - rows[b] + all
        square += own * other * value * value
      }
    }
    return square
  }

  /// *Local.* E 1 of the own rows, from K 1. - Parameter column: of K 1 in `images`.
  func rowSums<T: Real>(_ images: Matrix<Double>, column: Int, _ rows: Rows<T>) -> [Double] {
    var sums = [Double](repeating: 0, count: images.rows)
    for segment in rows.segments {
      let mean = counts.indices.reduce(0) { $0 + counts[$1] * means[segment.centre, $1] }
      for i in segment.rows { sums[i] = images[i, column] - mean }
    }
    return sums
  }
}
