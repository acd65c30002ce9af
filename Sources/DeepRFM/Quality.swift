import Datasets
import LinearAlgebra
import MPI
import Runtime

/// How good a predictor's outputs are where it is known what is true, of all ranks' rows together. Of classes or of values: the figures
/// of the other are not a number.
struct Quality {
  let predictsValues: Bool
  /// The share of rows whose largest output is their class's.
  private(set) var accuracy = Double.nan
  /// The mean over classes of the share of a class's rows that are taken for it. Labels that no class has count as one more class,
  /// of which no row is right.
  private(set) var balancedAccuracy = Double.nan
  /// Over all entries, against the targets +-1.
  private(set) var meanSquaredError = Double.nan
  /// The root of the mean squared error over rows and outputs together, in the values' own units.
  private(set) var rmse = Double.nan
  /// R^2, the mean over outputs of 1 - sum of squared errors / sum of squares about the rows' own mean: nan where an output is constant.
  private(set) var r2 = Double.nan
  /// Class of each own row's largest output, the first of equal ones; empty: values.
  private(set) var predicted: [Int] = []
  /// f; (own rows x outputs).
  let outputs: Matrix<Double>

  /// *Collective.*
  /// - Parameters:
  ///   - outputs: (own rows x outputs); values in their own units.
  ///   - known: of the own rows.
  ///   - count: rows of all ranks.
  init(
    of outputs: Matrix<Double>, _ known: KnownTargets, over count: Int, _ world: Communicator, _ timer: PhaseTimer
  ) throws {
    self.outputs = outputs
    predictsValues = known.labels == nil
    switch known {
    case .classes(let labels): try judge(labels, count, world, timer)
    case .values(let values): try judge(values, count, world, timer)
    }
  }

  private mutating func judge(_ labels: [Int], _ count: Int, _ world: Communicator, _ timer: PhaseTimer) throws {
    let classes = outputs.columns
    var sums = [0.0, 0.0]
    // Rows of each class, and those of them that are right; last those of no class.
    var (rows, right) = ([Double](repeating: 0, count: classes + 1), [Double](repeating: 0, count: classes + 1))
    for (i, label) in labels.enumerated() {
      let row = outputs.row(i)
      let choice = row.indices.max(by: { row[$0] < row[$1] }) ?? 0
      predicted.append(choice)
      let place = label < 0 ? classes : label
      rows[place] += 1
      if choice == label {
        right[place] += 1
        sums[0] += 1
      }
      for c in row.indices {
        let error = row[c] - (c == label ? 1 : -1)
        sums[1] += error * error
      }
    }
    var byClass = rows + right
    try timer.measure(.communication) {
      try world.sum(&sums)
      try world.sum(&byClass)
    }
    accuracy = sums[0] / Double(count)
    meanSquaredError = sums[1] / Double(count * classes)
    let shares = (0...classes).filter { byClass[$0] > 0 }.map { byClass[classes + 1 + $0] / byClass[$0] }
    balancedAccuracy = shares.reduce(0, +) / Double(shares.count)
  }

  private mutating func judge(
    _ values: Matrix<Double>, _ count: Int, _ world: Communicator, _ timer: PhaseTimer
  ) throws {
    let (m, n) = (outputs.columns, Double(count))
    // Of each output the least value negated, the largest; then sums: counted from the least, no digits cancel.
    var ends = [Double](repeating: -.infinity, count: 2 * m)
    for i in 0..<values.rows {
      for k in 0..<m {
        ends[k] = max(ends[k], -values[i, k])
        ends[m + k] = max(ends[m + k], values[i, k])
      }
    }
    try timer.measure(.communication) { try world.maximum(&ends) }
    var means = [Double](repeating: 0, count: m)
    for i in 0..<values.rows { for k in 0..<m { means[k] += (values[i, k] + ends[k]) / n } }
    try timer.measure(.communication) { try world.sum(&means) }
    var sums = [Double](repeating: 0, count: 2 * m)
    for i in 0..<values.rows {
      for k in 0..<m {
        let (error, deviation) = (outputs[i, k] - values[i, k], values[i, k] + ends[k] - means[k])
        sums[k] += error * error
        sums[m + k] += deviation * deviation
      }
    }
    try timer.measure(.communication) { try world.sum(&sums) }
    let isConstant = (0..<m).contains { ends[$0] == -ends[m + $0] }
    r2 = isConstant ? .nan : (0..<m).reduce(0) { $0 + 1 - sums[$1] / sums[m + $1] } / Double(m)
    rmse = (sums[..<m].reduce(0, +) / (n * Double(m))).squareRoot()
  }

  /// For people, a line a figure.
  var lines: [String] {
    predictsValues
      ? ["RMSE: \(rmse)", "R2: \(r2.isFinite ? "\(r2)" : "undefined, an output is constant")"]
      : [
        "accuracy: \(accuracy)", "balanced accuracy: \(balancedAccuracy)", "mean squared error: \(meanSquaredError)",
      ]
  }
}

extension LayerMetrics {
  mutating func note(train: Quality, validation: Quality?, test: Quality?) {
    func splits(_ value: (Quality) -> Double) -> Splits {
      Splits(train: value(train), validation: validation.map(value), test: test.map(value))
    }
    predictsValues = train.predictsValues
    if predictsValues {
      (rmse, r2) = (splits(\.rmse), splits(\.r2))
    } else {
      (accuracy, balancedAccuracy) = (splits(\.accuracy), splits(\.balancedAccuracy))
      meanSquaredError = splits(\.meanSquaredError)
    }
  }
}
