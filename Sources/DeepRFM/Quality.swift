import LinearAlgebra
import MPI
import Runtime

/// How good a predictor's outputs are where the classes are known.
struct Quality {
  /// The share of rows whose largest output is their class's.
  let accuracy: Double
  /// The mean over classes of the share of a class's rows that are taken for it. Labels that no class has count as one more class,
  /// of which no row is right.
  let balancedAccuracy: Double
  /// Over all entries, against the targets +-1.
  let meanSquaredError: Double
  /// Class of each own row's largest output, the first of equal ones.
  let predicted: [Int]
  /// f; (own rows x classes).
  let outputs: Matrix<Double>

  /// *Collective.*
  /// - Parameters:
  ///   - outputs: (own rows x classes).
  ///   - labels: of the own rows, a class or `Classes.unseen`.
  ///   - count: rows of all ranks.
  init(
    of outputs: Matrix<Double>, _ labels: [Int], over count: Int, _ world: Communicator, _ timer: PhaseTimer
  ) throws {
    let classes = outputs.columns
    var sums = [0.0, 0.0]
    var predicted: [Int] = []
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
    self.predicted = predicted
    self.outputs = outputs
  }
}
