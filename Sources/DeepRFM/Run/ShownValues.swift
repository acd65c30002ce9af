import Datasets
import Files
import LinearAlgebra
import Runtime

/// What a layer predicts of some rows beside what is true, for the report: evenly spaced ones, so that the rank count changes nothing.
struct ShownValues {
  private static let (mostRows, mostOutputs) = (400, 4)

  /// (shown x outputs) each, in their own units: the true values and the predicted ones. Of the first outputs.
  let targets, outputs: Matrix<Double>

  /// *Collective.* Whole on every rank; nil: classes are predicted.
  /// - Parameters:
  ///   - outputs, known: of the own rows.
  ///   - share: which of all `count` rows are the own ones.
  init?(
    _ outputs: Matrix<Double>, _ known: KnownTargets, _ share: Range<Int>, of count: Int, _ context: Context
  ) throws {
    guard case .values(let values) = known else { return nil }
    let rows = min(count, Self.mostRows)
    let columns = min(values.columns, Self.mostOutputs)
    let both = Matrix<Double>(rows: 2 * rows, columns: columns)
    for k in 0..<rows {
      let position = (2 * k + 1) * count / (2 * rows)
      guard share.contains(position) else { continue }
      for c in 0..<columns {
        both[k, c] = values[position - share.lowerBound, c]
        both[rows + k, c] = outputs[position - share.lowerBound, c]
      }
    }
    try context.communicating { try context.world.sum(both.buffer) }
    targets = Matrix(rows: rows, columns: columns, both.values.prefix(rows * columns))
    self.outputs = Matrix(rows: rows, columns: columns, both.values.suffix(rows * columns))
  }

  /// The names are those of docs/files.md.
  var tensors: [TensorInfo] {
    ["shownTargets", "shownOutputs"].map { TensorInfo($0, .float64, [targets.rows, targets.columns]) }
  }

  /// *Local: rank 0 alone.*
  func write(to writer: SafetensorsWriter) throws {
    try writer.append(UnsafeBufferPointer(targets.buffer))
    try writer.append(UnsafeBufferPointer(outputs.buffer))
  }
}
