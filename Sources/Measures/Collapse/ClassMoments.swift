import LinearAlgebra
import Runtime

/// What the measures of collapse are made of: counts, means and scatter of the classes, over all ranks.
public struct ClassMoments: Sendable {
  /// Classes that have rows, of those that labels count.
  public let present: [Int]
  /// Of each present class, n_c.
  let counts: [Int]
  let width: Int
  /// m_c - m_G of the present classes, m_G the mean of their means; (present x width).
  let deviations: Matrix<Double>
  /// Of each present class, sum of |x - m_c|^2.
  let scatter: [Double]
  /// Squared length of each class mean, for the question what rounding may have left of the rows.
  let squaredMeans: [Double]
  /// tr(S_W S_B^+); not a number where an eigenvalue of S_B is lost in rounding.
  let pseudoinverseTrace: Double
  /// Of W x, and of activation(W x + b): sum of squared deviations, and centred means.
  let linear: Image?
  let activated: Image?
  /// Rows whose largest output is the class of the nearest mean; nil: there were no outputs.
  let agreements: Int?
  let points: ClassPoints
  /// Mean of the means from the points' origin; 1 x width.
  let centre: Matrix<Double>

  /// What a layer makes of the rows.
  struct Image: Sendable {
    let scatter: Double
    /// (present x outputs)
    let deviations: Matrix<Double>
  }

  /// N
  public var sampleCount: Int { counts.reduce(0, +) }
  /// K
  var classCount: Int { present.count }
}

extension Matrix<Double> {
  /// Rows less their mean, and the mean; (1 x columns).
  func centredOnMean() -> (rows: Matrix<Double>, mean: Matrix<Double>) {
    let (result, mean) = (copy(), Matrix<Double>(rows: 1, columns: columns))
    for i in 0..<rows { for k in 0..<columns { mean[0, k] += self[i, k] } }
    for k in 0..<columns { mean[0, k] /= Double(Swift.max(1, rows)) }
    for i in 0..<rows { for k in 0..<columns { result[i, k] -= mean[0, k] } }
    return (result, mean)
  }

  /// The rows of these numbers. *Local.*
  public func rows(at places: [Int]) -> Matrix<Double> {
    let result = Matrix<Double>(uninitialisedRows: places.count, columns: columns)
    for (row, place) in places.enumerated() { _ = result.row(row).update(from: self.row(place)) }
    return result
  }

  /// Sum of all entries' squares.
  var squaredSum: Double { squaredNorm(pointer, count) }
}
