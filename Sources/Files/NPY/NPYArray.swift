/// The array of numbers of an NPY file as rows: the first dimension counts samples, the others are flattened in C order.
public struct NPYArray: Sendable {
  let source: NPYSource
  let header: NPYHeader
  let format: NumberFormat
  public let rows: Int
  public let columns: Int
  /// For messages.
  public var path: String { source.name }

  public init(_ path: String) throws { try self.init(NPYSource(path)) }

  init(_ source: NPYSource) throws { try self.init(source, NPYHeader(source)) }

  /// Throws `InputError` for an array of text, and one whose columns lie apart in a compressed file.
  public init(_ source: NPYSource, _ header: NPYHeader) throws {
    guard case .number(let format) = header.type else {
      throw InputError("\(source.name) holds text: numbers are needed")
    }
    (self.source, self.header, self.format) = (source, header, format)
    rows = header.shape.first ?? 1
    columns = checkedProduct(Array(header.shape.dropFirst())) ?? 0
    if isScattered, !source.isPlain {
      throw InputError(
        "\(source.name) is compressed and in Fortran order, so that a row lies in all of it: save it in C order"
          + " (numpy.ascontiguousarray) or uncompressed")
    }
  }

  /// Whether a row's numbers lie apart. An array of one column or one row is the same in both orders.
  private var isScattered: Bool {
    header.isFortranOrder && header.shape.count { $0 != 1 } > 1
  }

  /// Whether the rows lie one after another in the file, uncompressed.
  var isInRows: Bool { source.isPlain && !isScattered }

  /// Calls `body` for every wanted row; NaN and infinity throw `InputError`.
  public func readRows(
    _ indices: [Int],
    _ body: (_ position: Int, _ values: UnsafeBufferPointer<Double>) throws -> Void
  ) throws {
    let requests = try RowRequest.inFileOrder(indices, count: rows, of: path)
    if isScattered {
      try FortranRows(self).read(requests, body)
    } else {
      try source.records(of: header, perRecord: columns).readRows(
        requests[...], features: columns, format: format, body)
    }
  }
}

extension NPYSource {
  /// The array's elements in the file's order, so many a record.
  public func records(of header: NPYHeader, perRecord: Int) -> RecordTable {
    let (source, offset) = (self, header.dataOffset)
    return RecordTable(
      path: name, count: perRecord == 0 ? 0 : header.count / perRecord, recordBytes: perRecord * header.type.size,
      endCheck: isPlain ? .never : .always
    ) {
      let stream = try source.stream()
      try stream.skip(offset)
      return stream
    }
  }
}
