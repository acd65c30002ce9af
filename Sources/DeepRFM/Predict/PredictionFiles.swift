import Files
import Glibc
import KernelMachine
import LinearAlgebra

/// What predict writes, on rank 0: made before the work, so that a place that cannot be written is known at once; each file has its
/// name once it is whole.
struct PredictionFiles {
  private let outputs: NPYWriter<Double>?
  let features: NPYWriter<Double>?
  private let labels: OutputFile?
  /// nil: values.
  private let names: [String]?
  /// Outputs of a row.
  private let width: Int

  /// *Local: rank 0 alone.* Throws `InputError`.
  init(_ options: PredictOptions, _ model: TrainedRun, rows: Int) throws {
    for (option, path) in [
      ("--output", options.output), ("--labels", options.labels), ("--write-features", options.features),
    ] {
      var status = stat()
      if let path, stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFDIR {
        throw InputError("\(option) \(path) is a folder; a file's name is needed")
      }
    }
    names = model.targets.classes?.names
    width = model.last.outputs
    outputs = try options.output.map { try NPYWriter($0, shape: [rows, model.last.outputs]) }
    features = try options.features.map { try NPYWriter($0, shape: [rows, model.last.inputWidth]) }
    do throws(FileError) {
      labels = if let path = options.labels { try OutputFile(replacing: path) } else { nil }
    } catch {
      throw InputError(error.description)
    }
  }

  /// Adds the outputs of the next rows; (rows x outputs). Throws `FileError`.
  func append(_ block: UnsafeBufferPointer<Double>) throws {
    try outputs?.append(block)
    guard let labels, width > 0 else { return }
    var text = ""
    for start in stride(from: 0, to: block.count, by: width) {
      let row = block[start..<(start + width)]
      guard let names else {
        text += row.map { "\($0)" }.joined(separator: ",") + "\n"
        continue
      }
      let choice = row.indices.max { row[$0] < row[$1] } ?? start
      text += Self.line(names[choice - start])
    }
    try labels.write(Array(text.utf8))
  }

  /// Throws `FileError`.
  func finish() throws {
    try outputs?.finish()
    try features?.finish()
    try labels?.finish()
  }

  /// A class has one line, whatever its name is.
  private static func line(_ name: String) -> String {
    String(name.map { $0.isNewline ? " " : $0 }) + "\n"
  }
}

extension GroupedRows {
  /// *Local.* The rows, centres and all, in the order that they had before they were grouped; (own rows x width).
  func inOrder() -> Matrix<Double> {
    let result = Matrix<Double>(uninitialisedRows: rows.rowCount, columns: rows.width)
    for segment in rows.segments {
      for i in segment.rows { rows.read(row: i, centre: segment.centre, into: result.row(order[i])) }
    }
    return result
  }
}
