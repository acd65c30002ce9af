import LinearAlgebra

extension Reference {
  /// Mean and unbiased standard deviation (over n - 1) of each feature of the file's rows; infinite for a constant one.
  static func standardisation(_ file: Matrix<Double>) -> (mean: [Double], scale: [Double]) {
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

  /// The file's rows sorted by class (stable); minus the mean, over the unbiased standard deviation, 0 for a constant feature; each
  /// row over its norm.
  public static func unitRows(_ file: Matrix<Double>, _ labels: [Int]) -> Matrix<Double> {
    let (n, d) = (file.rows, file.columns)
    let x = Matrix<Double>(rows: n, columns: d)
    var position = 0
    for c in 0...(labels.max() ?? 0) {
      for i in 0..<n where labels[i] == c {
        for k in 0..<d { x[position, k] = file[i, k] }
        position += 1
      }
    }
    let (mean, scale) = standardisation(file)
    for i in 0..<n { for k in 0..<d { x[i, k] = (x[i, k] - mean[k]) / scale[k] } }
    for i in 0..<n {
      let norm = x.row(i).reduce(0) { $0 + $1 * $1 }.squareRoot()
      for k in 0..<d where norm > 0 { x[i, k] /= norm }
    }
    return x
  }

  /// Y, (N x outputs): values minus the mean, over the unbiased standard deviation, 0 for a constant output.
  static func standardisedValues(_ values: Matrix<Double>) -> Matrix<Double> {
    let (mean, scale) = standardisation(values)
    let y = Matrix<Double>(rows: values.rows, columns: values.columns)
    for i in 0..<y.rows { for k in 0..<y.columns { y[i, k] = (values[i, k] - mean[k]) / scale[k] } }
    return y
  }

  /// Y, (N x K): +1 at a row's class, -1 elsewhere.
  static func targets(_ labels: [Int], classes: Int) -> Matrix<Double> {
    let y = Matrix<Double>(rows: labels.count, columns: classes)
    for i in labels.indices { for c in 0..<classes { y[i, c] = labels[i] == c ? 1 : -1 } }
    return y
  }
}
