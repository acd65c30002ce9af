import Datasets
import DeepRFM
import LinearAlgebra

extension DebugProblem {
  /// Standardised rows of unit norm in the order of their classes, against the formulas on the file's samples.
  public func checkData(twin: (Matrix<Double>, [Int]) -> Matrix<Double> = plainUnitRows) throws -> [Check] {
    let options = training.options
    let data = try Dataset.open(
      options.dataset, directory: options.data, seed: options.seed, trainSamples: n, testSamples: 0,
      variant: options.datasetVariant)
    let file: Matrix<Double> = try loadRows(Array(0..<n), data.train)
    let plain = twin(file, try data.classes().numbers(of: data.train.labels(first: n)))
    let (mean, scale) = plainStandardisation(file)
    let found = samples.standardisation
    return [
      // The norm hides a common factor of all scales, so they are looked at themselves.
      Check("data: mean", error: relativeError(found.mean, mean), bound: 1e-13),
      Check("data: 1 / scale", error: relativeError(found.scale.map { 1 / $0 }, scale.map { 1 / $0 }), bound: 1e-13),
      Check("data: standardised unit rows", error: relativeError(x, plain), bound: 1e-13),
    ]
  }
}

/// Mean and unbiased standard deviation of each feature; infinite for a constant one.
func plainStandardisation(_ file: Matrix<Double>) -> (mean: [Double], scale: [Double]) {
  let n = Double(file.rows)
  var (means, scales): ([Double], [Double]) = ([], [])
  for k in 0..<file.columns {
    let column = (0..<file.rows).map { file[$0, k] }
    let mean = column.reduce(0, +) / n
    let variance = column.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / (n - 1)
    means.append(mean)
    scales.append(column.allSatisfy { $0 == column[0] } ? .infinity : variance.squareRoot())
  }
  return (means, scales)
}

/// Sorted by class (stable); minus the mean, over the unbiased standard deviation, 0 for a constant feature; over the norm.
public func plainUnitRows(_ file: Matrix<Double>, _ labels: [Int]) -> Matrix<Double> {
  let (n, d) = (file.rows, file.columns)
  let x = Matrix<Double>(rows: n, columns: d)
  var position = 0
  for c in 0...(labels.max() ?? 0) {
    for i in 0..<n where labels[i] == c {
      for k in 0..<d { x[position, k] = file[i, k] }
      position += 1
    }
  }
  let (mean, scale) = plainStandardisation(file)
  for i in 0..<n { for k in 0..<d { x[i, k] = (x[i, k] - mean[k]) / scale[k] } }
  for i in 0..<n {
    let norm = x.row(i).reduce(0) { $0 + $1 * $1 }.squareRoot()
    for k in 0..<d where norm > 0 { x[i, k] /= norm }
  }
  return x
}
