import Files

/// Samples in NumPy's arrays: x of two or more dimensions, and y, or no labels.
public struct NPYSamples: SampleReader {
  let x: NPYArray
  /// nil: no labels, as for `predict --input`.
  private let allLabels: [Label]?
  public let labelPlace: String
  public let notes: [String]

  public var sampleCount: Int { x.rows }
  public var featureCount: Int { x.columns }
  public var place: String { x.path }
  public var hasLabels: Bool { allLabels != nil }

  /// - Parameter mayBeEmpty: a test part of no samples is none.
  init(x source: NPYSource, y labels: NPYSource?, mayBeEmpty: Bool = false, notes: [String] = []) throws {
    x = try NPYArray(source)
    labelPlace = labels?.name ?? x.path
    self.notes = notes
    if mayBeEmpty, x.header.count == 0 {
      allLabels = []
      return
    }
    guard x.header.shape.count >= 2 else {
      throw InputError("\(x.path) has the shape \(x.header.shape): samples x features are needed")
    }
    try Limits.checkSamples(x.rows, of: x.path, packed: source.packedBytes)
    try Limits.checkFeatures(x.columns, of: x.path)
    let rows = x.rows
    allLabels = try labels.map { try NPYLabels($0, samples: rows).values }
    if let labels, let allLabels { try Limits.checkCounts(x.rows, x.path, labels: allLabels.count, labels.name) }
  }

  /// The rows of a file as samples without labels: two or more dimensions, the first counts samples.
  public static func unlabelled(_ path: String) throws -> NPYSamples { try NPYSamples(x: NPYSource(path), y: nil) }

  public func labels(first count: Int) throws -> [Label] {
    guard let allLabels else { throw InputError("\(x.path) has no labels with it") }
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
