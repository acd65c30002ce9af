import KernelMachine
import LinearAlgebra
import MPI
import Runtime
import Solve

/// *Collective.* How far K and Y Y^T agree, both centred (Cortes, Mohri, Rostamizadeh, JMLR 13, 2012):
///
///     <H K H, H Y Y^T H> / (|H K H| |H Y Y^T H|),    H = I - 1 1^T / N
///
/// One product with K, of at most 64 columns at a time, and one reading of its tiles, in double precision. K is a matrix of means by pairs of centres, C, and what is left of
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
  let centred = try CentredColumns(y, k.rows)
  let images = try ImageSums(of: centred, k, stop)
  let gram = try centred.gramNorm()  // |H Y Y^T H| = |Y^T H Y|
  let means = try BlockMeans(of: k, stop)
  // Of each own row of E, its sum.
  let sums = means.rowSums(images.ones, k.rows)
  var all = [images.along, sums.reduce(0) { $0 + $1 * $1 }]
  try context.communicating { try context.world.sum(&all) }
  let square = means.centredSquare + means.deviationSquare - 2 * all[1] / n  // |H K H|^2
  // What is left of a constant K is rounding.
  guard gram > 0, square > (8 * Double.ulpOfOne * n) * (8 * Double.ulpOfOne * n) else { return .nan }
  return all[0] / (square.squareRoot() * gram)
}

/// Y with its columns' means taken off, and a column of ones behind it: made some columns at a time.
private struct CentredColumns {
  let y: Matrix<Double>
  private let means: [Double]
  private let context: Context

  /// *Collective.* - Parameter y: own rows, (own rows x outputs).
  init<T: Real>(_ y: Matrix<Double>, _ rows: Rows<T>) throws {
    (self.y, context) = (y, rows.context)
    var sums = [Double](repeating: 0, count: y.columns)
    for i in 0..<y.rows { for (c, value) in y.row(i).enumerated() { sums[c] += value } }
    try rows.context.communicating { try rows.context.world.sum(&sums) }
    means = sums.map { $0 / Double(rows.layout.sampleCount) }
  }

  /// *Local.* (own rows x these columns)
  func columns(_ range: Range<Int>) -> Matrix<Double> {
    let part = Matrix<Double>(uninitialisedRows: y.rows, columns: range.count)
    part.fill { i, k in
      let c = range.lowerBound + k
      return c < y.columns ? y[i, c] - means[c] : 1
    }
    return part
  }

  /// *Collective.* |Y^T H Y|, from pairs of groups of columns.
  func gramNorm() throws -> Double {
    let block = ColumnBlock(pool: context.pool)
    let groups = ColumnGroups.of(y.columns)
    var squares = 0.0
    for (index, group) in groups.enumerated() {
      let own = columns(group)
      for other in groups[index...] {
        let left = other == group ? own : columns(other)
        var products = block.products([left.view], own).values
        try context.communicating { try context.world.sum(&products) }
        squares += (other == group ? 1 : 2) * products.reduce(0) { $0 + $1 * $1 }
      }
    }
    return squares.squareRoot()
  }
}

/// What is wanted of K H Y and K 1, from products with as many columns at a time as the solver's.
private struct ImageSums {
  /// The own rows' part of <K H Y, H Y>.
  private(set) var along = 0.0
  /// K 1, own rows.
  private(set) var ones: [Double] = []

  /// *Collective.*
  init<T: Real>(of centred: CentredColumns, _ k: KernelOperator<T>, _ stop: StopSwitch?) throws {
    let block = ColumnBlock(pool: k.rows.context.pool)
    let outputs = centred.y.columns
    for group in ColumnGroups.of(outputs + 1) {
      let part = centred.columns(group)
      let image = Matrix<Double>(rows: part.rows, columns: part.columns)
      try k.apply(part, into: image, in: Double.self, stop: stop)
      along += block.dots(part, image).prefix(outputs - group.lowerBound).reduce(0, +)
      if group.contains(outputs) { ones = (0..<image.rows).map { image[$0, outputs - group.lowerBound] } }
    }
  }
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

  /// *Local.* E 1 of the own rows, from K 1.
  func rowSums<T: Real>(_ ones: [Double], _ rows: Rows<T>) -> [Double] {
    var sums = ones
    for segment in rows.segments {
      let mean = counts.indices.reduce(0) { $0 + counts[$1] * means[segment.centre, $1] }
      for i in segment.rows { sums[i] -= mean }
    }
    return sums
  }
}
