import Files

/// Samples in NPY files: x of two or more dimensions, and y of integers from 0 on, or none.
public struct NPYSamples: SampleReader {
  let x: NPYArray
  /// nil: no labels, as for `predict --input`.
  let labelPath: String?
  /// All of the file's labels.
  private let allLabels: [Int]

  public var sampleCount: Int { x.rows }
  public var featureCount: Int { x.columns }
  /// Largest label + 1; a class may be absent.
  public var classCount: Int { (allLabels.max() ?? -1) + 1 }

  /// Opens one split; nil where the folder has neither file of the test split.
  public static func open(_ split: Split, in folder: DataFolder) throws -> NPYSamples? {
    let names = ["\(split.rawValue)_x.npy", "\(split.rawValue)_y.npy"]
    let paths = names.map { "\(folder.path)/\($0)" }
    if split == .test, !paths.contains(where: { InputFile.exists($0) }) { return nil }
    return try NPYSamples(x: paths[0], y: paths[1])
  }

  public init(x path: String, y labelPath: String?) throws {
    x = try NPYArray(path)
    guard x.header.shape.count >= 2 else {
      throw InputError("\(path) has the shape \(x.header.shape): samples x features are needed")
    }
    try Limits.checkSamples(x.rows, of: path)
    try Limits.checkFeatures(x.columns, of: path)
    self.labelPath = labelPath
    allLabels = try labelPath.map(NPYSamples.readLabels) ?? []
    if let labelPath {
      try Limits.checkCounts(x.rows, path, labels: allLabels.count, labelPath)
    }
  }

  private static func readLabels(_ path: String) throws -> [Int] {
    let y = try NPYArray(path)
    let shape = y.header.shape
    guard shape.count == 1 || (shape.count == 2 && y.columns == 1) else {
      throw InputError("\(path) has the shape \(shape): one label a sample is needed")
    }
    var labels: [Int] = []
    try y.readRows(Array(0..<y.rows)) { row, value in
      guard let label = Int(exactly: value[0]), label >= 0, label < Limits.classes else {
        throw InputError(
          "\(path) has label \(value[0]) at row \(row): it must be an integer from 0 to"
            + " \(Limits.classes - 1)")
      }
      labels.append(label)
    }
    return labels
  }

  /// Throws `InputError` where a label is `count` or more: a class that training does not know.
  public func checkLabels(below count: Int) throws {
    if let row = allLabels.firstIndex(where: { $0 >= count }) {
      throw InputError(
        "\(labelPath ?? "") has label \(allLabels[row]) at row \(row), but training has only the classes 0 to"
          + " \(count - 1)")
    }
  }

  public func labels(first count: Int) throws -> [Int] {
    guard let labelPath else { throw InputError("\(x.file.path) has no labels with it") }
    try checkAsked(count, of: labelPath)
    return Array(allLabels.prefix(count))
  }

  public func readRows(
    _ indices: [Int],
    _ body: (_ position: Int, _ values: UnsafeBufferPointer<Double>) throws -> Void
  ) throws {
    try x.readRows(indices, body)
  }
}

extension NPYSamples {
  /// The rows of a file as samples without labels: two or more dimensions, the first counts samples.
  public static func unlabelled(_ path: String) throws -> NPYSamples { try NPYSamples(x: path, y: nil) }
}
