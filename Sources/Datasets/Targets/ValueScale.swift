import Files
import LinearAlgebra

/// Values to be predicted are centred and scaled, y = (raw - mean) / scale, so that one ridge and one tolerance serve every output; what is
/// predicted is given back in their own units.
public struct ValueScale: Sendable, Equatable {
  /// Of the training samples, one an output.
  public let mean: [Double]
  /// Unbiased standard deviation; 0 for an output that is constant, which is predicted as its mean.
  public let scale: [Double]

  public var outputs: Int { mean.count }

  init(mean: [Double], scale: [Double]) {
    self.mean = mean
    self.scale = scale
  }

  /// *Local.* Of training values, (samples x outputs). Throws `InputError` where all outputs are constant, or one has no finite variance.
  public init(of values: Matrix<Double>, place: String) throws(InputError) {
    var (means, scales): ([Double], [Double]) = ([], [])
    for k in 0..<values.columns {
      let column = (0..<values.rows).map { values[$0, k] }
      let (mean, scale) = Self.moments(column)
      guard mean.isFinite, (scale * scale).isFinite, scale > 0 || column.allSatisfy({ $0 == column[0] }) else {
        throw InputError(
          "\(place): the variance of output \(k) is no number that can be divided by (values from \(column.min() ?? 0) to"
            + " \(column.max() ?? 0))")
      }
      means.append(mean)
      scales.append(scale)
    }
    guard scales.contains(where: { $0 > 0 }) else {
      throw InputError(
        "\(place): all \(values.rows) samples have one value (\(means.map { "\($0)" }.joined(separator: ", "))), so there is"
          + " nothing to learn")
    }
    (mean, scale) = (means, scales)
  }

  /// Two passes, the first counted from the first value: exact for constants, and safe from cancellation.
  private static func moments(_ column: [Double]) -> (mean: Double, scale: Double) {
    let first = column[0]
    if column.allSatisfy({ $0 == first }) { return (first, 0) }
    let n = Double(column.count)
    let mean = first + column.reduce(0) { $0 + ($1 - first) } / n
    let sums = column.reduce((0, 0)) { ($0.0 + ($1 - mean), $0.1 + ($1 - mean) * ($1 - mean)) }
    return (mean + sums.0 / n, (max(0, sums.1 - sums.0 * sums.0 / n) / (n - 1)).squareRoot())
  }

  /// (raw - mean) / scale, 0 for a constant output; (rows x outputs).
  public func standardised(_ values: Matrix<Double>) -> Matrix<Double> {
    let result = Matrix<Double>(rows: values.rows, columns: values.columns)
    result.fill { scale[$1] > 0 ? (values[$0, $1] - mean[$1]) / scale[$1] : 0 }
    return result
  }

  /// What a predictor of standardised values says, in the values' own units; (rows x outputs).
  public func inOwnUnits(_ outputs: Matrix<Double>) -> Matrix<Double> {
    let result = Matrix<Double>(uninitialisedRows: outputs.rows, columns: outputs.columns)
    result.fill { mean[$1] + scale[$1] * outputs[$0, $1] }
    return result
  }
}

extension ValueScale {
  /// *Local.* The first `count` samples' values, (samples x outputs). Throws `InputError` naming the sample that has none, or another number
  /// of them than the first one or than `outputs`.
  static func read(_ reader: any SampleReader, first count: Int, outputs: Int? = nil) throws -> Matrix<Double> {
    try matrix(of: reader.labels(first: count), outputs: outputs, place: reader.labelPlace)
  }

  public static func matrix(of labels: [Label], outputs: Int? = nil, place: String) throws(InputError) -> Matrix<Double>
  {
    let columns = outputs ?? labels.first?.values?.count ?? 1
    let matrix = Matrix<Double>(uninitialisedRows: labels.count, columns: columns)
    for (i, label) in labels.enumerated() {
      guard let values = label.values else {
        throw InputError(
          "\(place) has label \(label.name) at sample \(i), where a number is needed: values are predicted")
      }
      guard values.count == columns else {
        throw InputError("\(place) has \(values.count) values at sample \(i), where \(columns) are predicted")
      }
      for (k, value) in values.enumerated() { matrix[i, k] = value }
    }
    return matrix
  }
}
