/// The array of an NPY file as rows: the first dimension counts samples, the others are flattened in C order.
public struct NPYArray: Sendable {
  public let file: InputFile
  public let header: NPYHeader
  public let rows: Int
  public let columns: Int

  public init(_ path: String) throws {
    file = try InputFile(path)
    header = try NPYHeader(file)
    rows = header.shape.first ?? 1
    columns = checkedProduct(Array(header.shape.dropFirst())) ?? 0
  }

  /// Calls `body` for every wanted row; NaN and infinity throw `InputError`.
  public func readRows(
    _ indices: [Int],
    _ body: (_ position: Int, _ values: UnsafeBufferPointer<Double>) throws -> Void
  ) throws {
    let requests = try RowRequest.inFileOrder(indices, count: rows, of: file.path)
    if header.isFortranOrder && header.shape.count > 1 {
      try FortranRows(self).read(requests, body)
    } else {
      try table.readRows(requests[...], features: columns, format: header.format, body)
    }
  }

  /// Rows of a C-ordered array.
  private var table: RecordTable {
    let (file, offset) = (file, header.dataOffset)
    return RecordTable(
      path: file.path, count: rows, recordBytes: columns * header.format.size, endCheck: .never
    ) {
      ByteStream(path: file.path, producer: FileBytes(file, offset..<file.size))
    }
  }
}
