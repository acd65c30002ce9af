/// Records of equal size, one after another, from some place of a stream on: an IDX file, a CIFAR-10 batch, a
/// MATLAB array, a C-ordered NPY file.
public struct RecordTable: Sendable {
  /// When to read on to the stream's end, where a decompressor's checksum and trailing bytes come to light.
  public enum EndCheck: Sendable {
    /// The file's size was checked when it was opened.
    case never
    /// A whole-file gzip: only this tells a file whose download broke off.
    case always
    /// A compressed element inside a file whose size was checked: once the last record was read anyway.
    case afterLastRecord
  }

  public let path: String
  public let count: Int
  public let recordBytes: Int
  let endCheck: EndCheck
  /// Bytes between the last record and the stream's end.
  var padding = 0
  /// Opens a stream that stands at the first record.
  let start: @Sendable () throws -> ByteStream

  public init(
    path: String, count: Int, recordBytes: Int, endCheck: EndCheck, padding: Int = 0,
    start: @escaping @Sendable () throws -> ByteStream
  ) {
    self.path = path
    self.count = count
    self.recordBytes = recordBytes
    self.endCheck = endCheck
    self.padding = padding
    self.start = start
  }

  /// Calls `body` for every request, which must be in file order. `firstIndex` is the index of record 0.
  func visit(
    _ requests: ArraySlice<RowRequest>, firstIndex: Int = 0,
    _ body: (_ request: RowRequest, _ record: UnsafeRawBufferPointer) throws -> Void
  ) throws {
    guard let last = requests.last else { return }
    let stream = try start()
    let origin = stream.position
    var record = UnsafeRawBufferPointer(start: nil, count: 0)
    var recordIndex = -1
    for request in requests {
      let index = request.index - firstIndex
      if index != recordIndex {  // else the same row is asked for twice
        try stream.skip(origin + index * recordBytes - stream.position)
        record = try stream.take(recordBytes)
        recordIndex = index
      }
      try body(request, record)
    }
    if endCheck == .always || (endCheck == .afterLastRecord && last.index - firstIndex == count - 1) {
      try stream.skip(origin + count * recordBytes + padding - stream.position)
      try stream.expectEnd()
    }
  }

  func visit(
    _ indices: [Int],
    _ body: (_ request: RowRequest, _ record: UnsafeRawBufferPointer) throws -> Void
  ) throws {
    try visit(RowRequest.inFileOrder(indices, count: count, of: path)[...], body)
  }

  /// Calls `body` for the first `wanted` records, in order.
  public func visit(
    first wanted: Int, _ body: (_ index: Int, _ record: UnsafeRawBufferPointer) throws -> Void
  ) throws {
    try visit(Array(0..<wanted)) { try body($0.index, $1) }
  }

  /// Calls `body` with every wanted record's numbers as Double. `features` numbers a record, from byte `offset`
  /// of it on.
  public func readRows(
    _ requests: ArraySlice<RowRequest>, firstIndex: Int = 0, offset: Int = 0, features: Int,
    format: NumberFormat,
    _ body: (_ position: Int, _ values: UnsafeBufferPointer<Double>) throws -> Void
  ) throws {
    let row = UnsafeMutableBufferPointer<Double>.allocate(capacity: features)
    defer { row.deallocate() }
    row.initialize(repeating: 0)
    let values = UnsafeBufferPointer(row)
    try visit(requests, firstIndex: firstIndex) { request, record in
      format.decode(UnsafeRawBufferPointer(rebasing: record[offset...]), into: row)
      if format.kind == .real, let column = firstNotFinite(values) {
        throw InputError.notFinite(path, row: request.index, column: column, value: values[column])
      }
      try body(request.position, values)
    }
  }
}

extension InputError {
  /// Rows and columns count from 0, as in NumPy.
  static func notFinite(_ path: String, row: Int, column: Int, value: Double) -> InputError {
    InputError("\(path) has \(value) at row \(row), column \(column): a finite number is needed")
  }
}
