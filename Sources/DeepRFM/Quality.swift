import LinearAlgebra
import MPI
import Runtime

/// *Collective.* Of a predictor's outputs: the share of rows whose largest one is their class's, and the mean squared error
/// over all entries against the targets +-1.
/// - Parameters:
///   - outputs: (own rows x classes).
///   - labels: of the own rows.
///   - count: rows of all ranks.
func quality(
  of outputs: Matrix<Double>, _ labels: [Int], over count: Int, _ world: Communicator,
  _ timer: PhaseTimer
) throws -> (accuracy: Double, meanSquaredError: Double) {
  var sums = [0.0, 0.0]
  for (i, label) in labels.enumerated() {
    let row = outputs.row(i)
    if row.indices.max(by: { row[$0] < row[$1] }) == label { sums[0] += 1 }
    for c in row.indices {
      let error = row[c] - (c == label ? 1 : -1)
      sums[1] += error * error
    }
  }
  try timer.measure(.communication) { try world.sum(&sums) }
  return (sums[0] / Double(count), sums[1] / Double(count * outputs.columns))
}
