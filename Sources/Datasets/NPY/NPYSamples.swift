import Files

/// Samples in arrays of NumPy's or safetensors' files: x of two or more dimensions, and y, or no labels.
public struct NPYSamples: SampleReader {
  let x: InputArray
  /// nil: no labels, as for `predict --input`.
  private let allLabels: [Label]?
  public let labelPlace: String
  public let notes: [String]

  public var sampleCount: Int { x.rows }
  public var featureCount: Int { x.columns }
  public var place: String { x.name }
  public var hasLabels: Bool { allLabels != nil }
  public var sampleShape: [Int]? { x.shape.count > 2 ? Array(x.shape.dropFirst()) : nil }

  /// - Parameter mayBeEmpty: a test part of no samples is none.
  init(x source: NPYSource, y labels: NPYSource?, mayBeEmpty: Bool = false, notes: [String] = []) throws {
    try self.init(InputArray(source), labelPlace: labels?.name, mayBeEmpty: mayBeEmpty, notes: notes) { rows in
      try labels.map { try NPYLabels($0, samples: rows).values }
    }
  }

  /// Tensors, of any type of number.
  init(x: InputArray, y labels: InputArray, mayBeEmpty: Bool = false) throws {
    try self.init(x, labelPlace: labels.name, mayBeEmpty: mayBeEmpty) { try TensorLabels(labels, samples: $0).values }
  }

  private init(
    _ x: InputArray, labelPlace: String?, mayBeEmpty: Bool = false, notes: [String] = [],
    _ labels: (_ samples: Int) throws -> [Label]?
  ) throws {
    self.x = x
    self.labelPlace = labelPlace ?? x.name
    self.notes = notes
    if mayBeEmpty, checkedProduct(x.shape) == 0 {
      allLabels = []
      return
    }
    guard x.shape.count >= 2 else {
      throw InputError("\(x.name) has the shape \(x.shape): samples x features are needed")
    }
    try Limits.checkSamples(x.rows, of: x.name, packed: x.packedBytes)
    try Limits.checkFeatures(x.columns, of: x.name)
    allLabels = try labels(x.rows)
    if let labelPlace, let allLabels { try Limits.checkCounts(x.rows, x.name, labels: allLabels.count, labelPlace) }
  }

  /// The rows of an array as samples without labels: two or more dimensions, the first counts samples. - Parameter argument: a .npy
  /// file, or a safetensors or .npz file, with a colon and the array's name behind it where it has several.
  public static func unlabelled(_ argument: String) throws -> NPYSamples {
    try NPYSamples(InputArray(argument: argument), labelPlace: nil) { _ in nil }
  }

  public func labels(first count: Int) throws -> [Label] {
    guard let allLabels else { throw InputError("\(x.name) has no labels with it") }
    try checkAsked(count, of: labelPlace)
    return Array(allLabels.prefix(count))
  }

  public func readRows(
    _ indices: [Int],
    _ body: (_ position: Int, _ values: UnsafeBufferPointer<Double>) throws -> Void
  ) throws {
    try x.readRows(indices, body)
  }
}
