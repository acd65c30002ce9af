import Files

/// One split of a data set in its own file format: samples with labels, in file order.
///
/// Values are the file's own numbers, nothing is scaled. A reader keeps a file open, not its contents.
public protocol SampleReader: Sendable {
  var sampleCount: Int { get }
  var featureCount: Int { get }

  /// Class labels in `0..<classCount` of the first `count` samples, in file order.
  func labels(first count: Int) throws -> [Int]

  /// Calls `body` once for every requested row, with its position in `indices` and its `featureCount` values,
  /// which are valid only during the call. Positions come in any order; an index may occur twice.
  /// Seeks where the format allows it, else goes through the file once.
  func readRows(
    _ indices: [Int],
    _ body: (_ position: Int, _ values: UnsafeBufferPointer<Double>) throws -> Void
  ) throws
}

extension SampleReader {
  /// Throws unless the first `count` samples exist.
  public func checkAsked(_ count: Int, of path: String) throws {
    guard count >= 0, count <= sampleCount else {
      throw InputError("\(path) holds \(sampleCount) samples; \(count) are asked for")
    }
  }
}

/// A range of another reader's samples, as `--samples` cuts it.
public struct SampleRange: SampleReader {
  let whole: any SampleReader
  let range: Range<Int>

  /// `range` must lie in the whole.
  public init(_ whole: any SampleReader, _ range: Range<Int>) {
    self.whole = whole
    self.range = range
  }

  public var sampleCount: Int { range.count }
  public var featureCount: Int { whole.featureCount }

  public func labels(first count: Int) throws -> [Int] {
    try checkAsked(count, of: "the part of the data set")
    return Array(try whole.labels(first: range.lowerBound + count).dropFirst(range.lowerBound))
  }

  public func readRows(
    _ indices: [Int],
    _ body: (_ position: Int, _ values: UnsafeBufferPointer<Double>) throws -> Void
  ) throws {
    let shifted = try indices.map { index in
      guard index >= 0, index < range.count else {
        throw InputError(
          "the part of the data set has no sample \(index): it holds \(range.count)")
      }
      return range.lowerBound + index
    }
    try whole.readRows(shifted, body)
  }
}
