import LinearAlgebra
import MPI

/// Each feature: minus its mean, over its unbiased standard deviation; a constant feature becomes 0 (docs/method.md).
public struct Standardisation: Sendable, Equatable {
  /// Of the training samples, one a feature.
  public let mean: [Double]
  /// Unbiased standard deviation; infinite for a constant feature, so that dividing gives 0 wherever it is applied.
  public let scale: [Double]

  public init(mean: [Double], scale: [Double]) {
    self.mean = mean
    self.scale = scale
  }

  /// *Collective.* From all ranks' rows; (own rows x features).
  public init<T: Scalar & MPIElement>(of rows: Matrix<T>, world: Communicator) throws {
    let features = rows.columns
    let count = try Double(world.sum(rows.rows))
    var sums = [Double](repeating: 0, count: features)
    // One reduction for both ends: the minimum is the maximum of the negatives.
    var ends = [Double](repeating: -.infinity, count: 2 * features)
    for i in 0..<rows.rows {
      for (k, element) in rows.row(i).enumerated() {
        let value = Double(element)
        sums[k] += value
        ends[k] = max(ends[k], value)
        ends[features + k] = max(ends[features + k], -value)
      }
    }
    try world.sum(&sums)
    try world.maximum(&ends)
    let mean = sums.map { $0 / count }
    var squares = [Double](repeating: 0, count: features)
    for i in 0..<rows.rows {
      for (k, element) in rows.row(i).enumerated() {
        squares[k] += (Double(element) - mean[k]) * (Double(element) - mean[k])
      }
    }
    try world.sum(&squares)
    self.mean = mean
    scale = (0..<features).map { k in
      let constant = ends[k] == -ends[features + k]
      return constant ? .infinity : (squares[k] / (count - 1)).squareRoot()
    }
  }

  /// *Local.* In place.
  public func apply<T: Scalar>(to rows: Matrix<T>) {
    for i in 0..<rows.rows {
      let row = rows.row(i)
      for k in row.indices { row[k] = T((Double(row[k]) - mean[k]) / scale[k]) }
    }
  }
}
