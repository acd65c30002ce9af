import Files
import Glibc

/// What predict writes, on rank 0: made before the work, so that a place that cannot be written is known at once; each file has its
/// name once it is whole.
public struct PredictionFiles {
  /// The files' paths; nil: not wanted.
  public struct Paths: Sendable, Equatable {
    public var outputs, labels, features: String?

    public init(outputs: String?, labels: String?, features: String?) {
      (self.outputs, self.labels, self.features) = (outputs, labels, features)
    }
  }

  private let outputs: NPYWriter<Double>?
  public let features: NPYWriter<Double>?
  private let labels: OutputFile?
  /// nil: values.
  private let names: [String]?
  /// Outputs of a row.
  private let width: Int

  /// *Local: rank 0 alone.* Throws `InputError`.
  /// - Parameters:
  ///   - names: of the classes; nil: values.
  ///   - width: outputs of a row.
  ///   - featureWidth: of a row as the layer sees it.
  public init(_ paths: Paths, names: [String]?, width: Int, featureWidth: Int, rows: Int) throws {
    for (option, path) in [
      ("--output", paths.outputs), ("--labels", paths.labels), ("--write-features", paths.features),
    ] {
      var status = stat()
      if let path, stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFDIR {
        throw InputError("\(option) \(path) is a folder; a file's name is needed")
      }
    }
    (self.names, self.width) = (names, width)
    outputs = try paths.outputs.map { try NPYWriter($0, shape: [rows, width]) }
    features = try paths.features.map { try NPYWriter($0, shape: [rows, featureWidth]) }
    do throws(FileError) {
      labels = if let path = paths.labels { try OutputFile(replacing: path) } else { nil }
    } catch {
      throw InputError(error.description)
    }
  }

  /// Adds the outputs of the next rows; (rows x outputs). Throws `FileError`.
  public func append(_ block: UnsafeBufferPointer<Double>) throws {
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
  public func finish() throws {
    try outputs?.finish()
    try features?.finish()
    try labels?.finish()
  }

  /// A class has one line, whatever its name is.
  private static func line(_ name: String) -> String {
    String(name.map { $0.isNewline ? " " : $0 }) + "\n"
  }
}
