import Files

/// One split of a data set in its own file format: samples with labels, in file order.
///
/// Values are the file's own numbers, nothing is scaled. A reader keeps a file open, not its contents.
public protocol SampleReader: Sendable {
  var sampleCount: Int { get }
  var featureCount: Int { get }
  /// Where the samples, and where their labels come from, for messages.
  var place: String { get }
  var labelPlace: String { get }
  /// What was found in the files that the user should know: a sentence each.
  var notes: [String] { get }

  /// Whether the samples have labels at all.
  var hasLabels: Bool { get }
  /// csv: how the file's columns are features.
  var coding: TableCoding? { get }
  /// What the values to be predicted are called, one an output; empty: nothing.
  var targetNames: [String] { get }
  /// Of more different whole numbers than this, labels are values unless the user says otherwise.
  var mostNumberedClasses: Int { get }

  /// Labels of the first `count` samples, in file order, as the file has them.
  func labels(first count: Int) throws -> [Label]

  /// What a class is called, where a file beside the labels names it.
  func className(of label: Label) -> String?

  /// Where a sample of a part is in the whole of its file.
  func place(ofSample sample: Int) -> Int

  /// A feature's name, or its number from 0 on, for messages: "column 3".
  func featureName(_ feature: Int) -> String

  /// A sample's dimensions, where the file tells more of them than how many features there are: [28, 28], [3, 32, 32].
  var sampleShape: [Int]? { get }

  /// Calls `body` once for every requested row, with its position in `indices` and its `featureCount` values,
  /// which are valid only during the call. Positions come in any order; an index may occur twice.
  /// Seeks where the format allows it, else goes through the file once.
  func readRows(
    _ indices: [Int],
    _ body: (_ position: Int, _ values: UnsafeBufferPointer<Double>) throws -> Void
  ) throws
}

extension SampleReader {
  public var labelPlace: String { place }
  public var notes: [String] { [] }
  public var hasLabels: Bool { true }
  public var coding: TableCoding? { nil }
  public var targetNames: [String] { [] }
  public var mostNumberedClasses: Int { .max }
  public func className(of label: Label) -> String? { nil }
  public func place(ofSample sample: Int) -> Int { sample }
  public func featureName(_ feature: Int) -> String { "column \(feature)" }
  public var sampleShape: [Int]? { nil }

  /// Throws unless the first `count` samples exist.
  func checkAsked(_ count: Int, of path: String) throws {
    guard count >= 0, count <= sampleCount else {
      throw InputError("\(path) holds \(sampleCount) samples; \(count) are asked for")
    }
  }

  /// `readRows` in one row of memory, zeros at first: `fill` puts a sample's numbers there, sample after sample in the file's order, once
  /// where the same is asked for twice.
  func readRows(
    _ indices: [Int], by fill: (_ row: UnsafeMutableBufferPointer<Double>, _ sample: Int) throws -> Void,
    _ body: (_ position: Int, _ values: UnsafeBufferPointer<Double>) throws -> Void
  ) throws {
    let requests = try RowRequest.inFileOrder(indices, count: sampleCount, of: place)
    let row = UnsafeMutableBufferPointer<Double>.allocate(capacity: featureCount)
    defer { row.deallocate() }
    row.initialize(repeating: 0)
    var current = -1
    for request in requests {
      if request.index != current { try fill(row, request.index) }
      current = request.index
      try body(request.position, UnsafeBufferPointer(row))
    }
  }
}

/// Some of another reader's samples: what is said of the whole holds for them too.
protocol SamplePart: SampleReader {
  var whole: any SampleReader { get }
}

extension SamplePart {
  public var featureCount: Int { whole.featureCount }
  public var place: String { whole.place }
  public var labelPlace: String { whole.labelPlace }
  public var notes: [String] { whole.notes }
  public var hasLabels: Bool { whole.hasLabels }
  public var coding: TableCoding? { whole.coding }
  public var targetNames: [String] { whole.targetNames }
  public var mostNumberedClasses: Int { whole.mostNumberedClasses }
  public func className(of label: Label) -> String? { whole.className(of: label) }
  public func featureName(_ feature: Int) -> String { whole.featureName(feature) }
  public var sampleShape: [Int]? { whole.sampleShape }
}

/// A range of another reader's samples, as `--samples` cuts it.
public struct SampleRange: SamplePart {
  let whole: any SampleReader
  let range: Range<Int>

  /// `range` must lie in the whole.
  public init(_ whole: any SampleReader, _ range: Range<Int>) {
    self.whole = whole
    self.range = range
  }

  public var sampleCount: Int { range.count }
  public func place(ofSample sample: Int) -> Int { whole.place(ofSample: range.lowerBound + sample) }

  public func labels(first count: Int) throws -> [Label] {
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

/// Samples of several files, one after another.
struct SampleSequence: SampleReader {
  let parts: [any SampleReader]
  /// Index of each part's first sample, and last the number of all.
  private let starts: [Int]

  /// At least one part. Throws `InputError` where the parts have different features.
  init(_ parts: [any SampleReader]) throws {
    self.parts = parts
    starts = parts.reduce(into: [0]) { $0.append($0[$0.count - 1] + $1.sampleCount) }
    for part in parts where part.featureCount != parts[0].featureCount {
      throw InputError(
        "\(part.place) has \(part.featureCount) features, but \(parts[0].place) has \(parts[0].featureCount)")
    }
  }

  var sampleCount: Int { starts[parts.count] }
  var featureCount: Int { parts[0].featureCount }
  var place: String { parts[0].place }
  var labelPlace: String { parts[0].labelPlace }
  var notes: [String] { parts.flatMap(\.notes) }
  var hasLabels: Bool { parts.allSatisfy(\.hasLabels) }
  var coding: TableCoding? { parts[0].coding }
  var targetNames: [String] { parts[0].targetNames }
  var mostNumberedClasses: Int { parts[0].mostNumberedClasses }
  func className(of label: Label) -> String? { parts[0].className(of: label) }
  func featureName(_ feature: Int) -> String { parts[0].featureName(feature) }
  var sampleShape: [Int]? { parts[0].sampleShape }

  func labels(first count: Int) throws -> [Label] {
    try checkAsked(count, of: place)
    return try zip(parts, starts).flatMap { part, start in
      try part.labels(first: max(0, min(part.sampleCount, count - start)))
    }
  }

  func readRows(
    _ indices: [Int],
    _ body: (_ position: Int, _ values: UnsafeBufferPointer<Double>) throws -> Void
  ) throws {
    var rest = try RowRequest.inFileOrder(indices, count: sampleCount, of: place)[...]
    for (number, part) in parts.enumerated() {
      let here = Array(rest.prefix { $0.index < starts[number + 1] })
      rest = rest.dropFirst(here.count)
      if here.isEmpty { continue }
      try part.readRows(here.map { $0.index - starts[number] }) { try body(here[$0].position, $1) }
    }
  }
}
