/// Rows of a Fortran-ordered NPY array, whose file goes column by column.
///
/// Rows are gathered in blocks of bounded memory; a block's rows are near each other in every column, so the
/// file is read about once in all.
struct FortranRows {
  private let array: NPYArray
  private let blockRows: Int
  /// Column of the file that each value of a row comes from.
  private let order: [Int]

  /// Memory for a block's values, and for the piece of a column that holds them.
  private static let blockBytes = 1 << 27
  private static let pieceBytes = 1 << 22

  init(_ array: NPYArray) {
    self.array = array
    blockRows = max(1, FortranRows.blockBytes / (8 * max(1, array.columns)))
    order = FortranRows.order(Array(array.header.shape.dropFirst()))
  }

  /// In the file the first of the row's dimensions runs fastest, in a row the last.
  private static func order(_ sizes: [Int]) -> [Int] {
    var order = [0]
    var stride = 1
    for size in sizes {
      order = order.flatMap { base in (0..<size).map { base + stride * $0 } }
      stride *= size
    }
    return order
  }

  func read(
    _ requests: [RowRequest],
    _ body: (_ position: Int, _ values: UnsafeBufferPointer<Double>) throws -> Void
  ) throws {
    let columns = array.columns
    let block = UnsafeMutableBufferPointer<Double>.allocate(
      capacity: min(blockRows, requests.count) * columns)
    defer { block.deallocate() }
    block.initialize(repeating: 0)
    for start in stride(from: 0, to: requests.count, by: blockRows) {
      let part = requests[start..<min(start + blockRows, requests.count)]
      for (place, column) in order.enumerated() {
        try gather(part, column: column) { row, value in block[row * columns + place] = value }
      }
      for (row, request) in part.enumerated() {
        let values = UnsafeBufferPointer(rebasing: block[row * columns..<(row + 1) * columns])
        if let column = firstNotFinite(values) {
          throw InputError.notFinite(
            array.path, row: request.index, column: column, value: values[column])
        }
        try body(request.position, values)
      }
    }
  }

  /// Calls `body` with the value of one column in every row of `part`.
  private func gather(
    _ part: ArraySlice<RowRequest>, column: Int, _ body: (_ row: Int, _ value: Double) -> Void
  ) throws {
    let size = array.format.size
    let columnOffset = array.source.range.lowerBound + array.header.dataOffset + column * array.rows * size
    var next = part.startIndex
    while next < part.endIndex {
      // A piece of the column from the next wanted row on, no longer than the memory for it.
      let first = part[next].index
      let limit = first + FortranRows.pieceBytes / size
      var last = next
      while last + 1 < part.endIndex, part[last + 1].index < limit { last += 1 }
      let piece = try values(at: columnOffset + first * size, count: part[last].index - first + 1)
      for request in next...last {
        body(request - part.startIndex, piece[part[request].index - first])
      }
      next = last + 1
    }
  }

  private func values(at offset: Int, count: Int) throws -> [Double] {
    let bytes = UnsafeMutableRawBufferPointer.allocate(
      byteCount: count * array.format.size, alignment: 8)
    defer { bytes.deallocate() }
    try array.source.file.readExactly(at: offset, into: bytes)
    return [Double](unsafeUninitializedCapacity: count) { values, filled in
      values.initialize(repeating: 0)
      array.format.decode(UnsafeRawBufferPointer(bytes), into: values)
      filled = count
    }
  }
}
