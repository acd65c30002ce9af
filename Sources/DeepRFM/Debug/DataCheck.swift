import LinearAlgebra

extension DebugProblem {
  /// Standardised rows of unit norm in the order of their classes, against the formulas on the file's samples.
  package func checkData(twin: (Matrix<Double>, [Int]) -> Matrix<Double> = plainUnitRows) throws -> [Check] {
    let options = training.options
    let data = try Dataset.open(
      options.dataset, directory: options.data, seed: options.seed, trainSamples: n, testSamples: 0)
    let file: Matrix<Double> = try loadRows(Array(0..<n), data.train)
    let plain = twin(file, try data.train.labels(first: n))
    return [Check("data: standardised unit rows", error: relativeError(x, plain), bound: 1e-13)]
  }
}

/// NUMERICS of the method, step 1 and the norm of step 2: sort by class (stable); minus the mean, over the unbiased
/// standard deviation, 0 for a constant feature; over the norm.
package func plainUnitRows(_ file: Matrix<Double>, _ labels: [Int]) -> Matrix<Double> {
  let (n, d) = (file.rows, file.columns)
  let x = Matrix<Double>(rows: n, columns: d)
  var position = 0
  for c in 0...(labels.max() ?? 0) {
    for i in 0..<n where labels[i] == c {
      for k in 0..<d { x[position, k] = file[i, k] }
      position += 1
    }
  }
  for k in 0..<d {
    let column = (0..<n).map { x[$0, k] }
    let mean = column.reduce(0, +) / Double(n)
    let variance = column.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(n - 1)
    let constant = column.allSatisfy { $0 == column[0] }
    for i in 0..<n { x[i, k] = constant ? 0 : (x[i, k] - mean) / variance.squareRoot() }
  }
  for i in 0..<n {
    let norm = x.row(i).reduce(0) { $0 + $1 * $1 }.squareRoot()
    for k in 0..<d where norm > 0 { x[i, k] /= norm }
  }
  return x
}
