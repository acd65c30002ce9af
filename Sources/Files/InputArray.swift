/// An array of numbers in a file that any program may have written: an NPY file, an array of an npz archive, or one tensor of a
/// safetensors file by its name. Open, its header proven, its numbers still on the disk.
///
/// The first dimension counts rows, the others are flattened in C order.
public struct InputArray: Sendable {
  private enum Storage: Sendable {
    /// Rows one after another from this byte of the file on: any of them can be read at once.
    case plain(InputFile, offset: Int)
    /// Compressed, or column by column.
    case packed(NPYArray)
  }

  /// The file's path, with the array's name where it has one: for messages.
  public let name: String
  public let shape: [Int]
  public let format: NumberFormat
  public private(set) var rows: Int
  public private(set) var columns: Int
  private let storage: Storage

  /// Whether rows can be read from anywhere, by several threads at once; else each reading goes through the file from its start.
  public var isPlain: Bool { if case .plain = storage { true } else { false } }

  /// *Local.* - Parameter array: which of a safetensors file's tensors or an npz archive's arrays; nil: its only one.
  /// - Throws: `InputError`, also where there is no such array: the sentence lists those that are there.
  public init(_ path: String, array: String? = nil) throws {
    let start = try InputFile(path).beginning(4)
    if start.starts(with: [0x50, 0x4b, 3, 4]) {
      try self.init(ZIPArchive(path), array: array)
    } else if start.starts(with: [0x93]) || start.starts(with: [0x1f, 0x8b]) || path.hasSuffix(".npy") {
      guard array == nil else {
        throw InputError("\(path) is one NPY array: a name behind a colon is for safetensors and npz files")
      }
      try self.init(NPYArray(path))
    } else {
      try self.init(SafetensorsFile(path), tensor: array)
    }
  }

  /// *Local.* From FILE or FILE:ARRAY, as typed. A file whose name has a colon is found too. Throws `InputError`.
  public init(argument: String) throws {
    let (path, array) = Self.split(argument)
    try self.init(path, array: array)
  }

  /// The longest path is right that is a file's.
  private static func split(_ argument: String) -> (path: String, array: String?) {
    if InputFile.exists(argument) { return (argument, nil) }
    let colons = argument.indices.filter { argument[$0] == ":" && $0 > argument.startIndex }
    guard
      let colon = colons.last(where: { InputFile.exists(String(argument[..<$0])) }) ?? colons.last,
      argument.index(after: colon) < argument.endIndex
    else { return (argument, nil) }
    return (String(argument[..<colon]), String(argument[argument.index(after: colon)...]))
  }

  /// *Local.* An NPY array of a known place. Throws `InputError`, also where it is text.
  public init(_ source: NPYSource) throws { self.init(try NPYArray(source)) }

  /// Bytes it is compressed to, if it is.
  public var packedBytes: Int? { if case .packed(let array) = storage { array.source.packedBytes } else { nil } }

  private init(_ array: NPYArray) {
    (name, shape, format) = (array.path, array.header.shape, array.format)
    (rows, columns) = (array.rows, array.columns)
    storage =
      array.isInRows
      ? .plain(array.source.file, offset: array.source.range.lowerBound + array.header.dataOffset) : .packed(array)
  }

  private init(_ archive: ZIPArchive, array: String?) throws {
    let arrays = archive.entries.filter { $0.name.hasSuffix(".npy") }
    let names = arrays.map { String($0.name.dropLast(4)) }
    guard let place = try Self.choice(array, of: names, "array", archive.path) else {
      throw InputError("\(archive.path) has no array \"\(array ?? "")\": it has \(names.listed)")
    }
    self.init(try NPYArray(NPYSource(arrays[place], of: archive)))
  }

  private init(_ file: SafetensorsFile, tensor: String?) throws {
    let infos = file.tensors
    let names = infos.map(\.name)
    guard let place = try Self.choice(tensor, of: names, "tensor", file.path) else {
      throw InputError("\(file.path) has no tensor \"\(tensor ?? "")\": it has \(names.listed)")
    }
    let info = infos[place]
    guard let columns = checkedProduct(Array(info.shape.dropFirst())) else {
      throw InputError("\(file.path): tensor \"\(info.name)\" has the impossible shape \(info.shape)")
    }
    name = "\(file.path), tensor \"\(info.name)\","
    (shape, format) = (info.shape, info.type.format)
    (rows, self.columns) = (info.rows, columns)
    let (bytes, offset) = try file.place(of: info.name)
    storage = .plain(bytes, offset: offset)
  }

  /// Place of the wanted name; without one, of the only one. nil: there is no such.
  private static func choice(_ wanted: String?, of names: [String], _ kind: String, _ path: String) throws -> Int? {
    if let wanted { return names.firstIndex(of: wanted) }
    guard names.count <= 1 else {
      throw InputError("\(path) has \(names.count) \(kind)s: name one, \(path):NAME, of \(names.listed)")
    }
    return names.isEmpty ? nil : 0
  }

  /// The same numbers as rows of the last dimension. Throws `InputError` where they do not lie so.
  public func inRowsOfLast() throws(InputError) -> InputArray {
    let last = shape.last ?? 1
    guard shape.count != 2, last != columns else { return self }
    guard isPlain, last > 0 else {
      throw InputError(
        "\(name) has the shape \(shape), and is compressed or in Fortran order: two dimensions are needed")
    }
    var result = self
    (result.rows, result.columns) = (rows * columns / last, last)
    return result
  }
}

// MARK: - Reading

extension InputArray {
  /// Bytes read at once by a thread.
  private static let pieceBytes = 1 << 17

  /// *Local.* A range of rows, (rows x columns), as they are in the file. `values` has exactly that many.
  /// - Throws: `InputError`, also for the first number that is not finite: its row and column are named.
  public func read(_ range: Range<Int>, into values: UnsafeMutableBufferPointer<Double>) throws {
    guard range.lowerBound >= 0, range.upperBound <= rows, values.count == range.count * columns else {
      throw InputError("\(name) has \(rows) rows of \(columns); rows up to \(range.upperBound) are asked for")
    }
    guard case .packed(let array) = storage else {
      try readAnything(range, into: values)
      return try checkFinite(UnsafeBufferPointer(values), firstRow: range.lowerBound)
    }
    try array.readRows(Array(range)) { position, row in
      _ = UnsafeMutableBufferPointer(rebasing: values[(position * columns)..<((position + 1) * columns)]).update(
        from: row)
    }
  }

  private func checkFinite(_ values: UnsafeBufferPointer<Double>, firstRow: Int) throws {
    guard format.isReal, let place = firstNotFinite(values) else { return }
    throw InputError.notFinite(name, row: firstRow + place / columns, column: place % columns, value: values[place])
  }

  /// Of plain storage; numbers that are not finite too.
  private func readAnything(_ range: Range<Int>, into values: UnsafeMutableBufferPointer<Double>) throws {
    guard case .plain(let file, let offset) = storage else { return }
    try read(file, at: offset + range.lowerBound * columns * format.size, into: values)
  }

  private func read(_ file: InputFile, at offset: Int, into values: UnsafeMutableBufferPointer<Double>) throws {
    let size = format.size
    let bytes = UnsafeMutableRawBufferPointer.allocate(
      byteCount: min(Self.pieceBytes, values.count * size), alignment: 64)
    defer { bytes.deallocate() }
    let most = Self.pieceBytes / size
    for start in stride(from: 0, to: values.count, by: most) {
      let count = min(most, values.count - start)
      let piece = UnsafeMutableRawBufferPointer(rebasing: bytes[..<(count * size)])
      try file.readExactly(at: offset + start * size, into: piece)
      format.decode(
        UnsafeRawBufferPointer(piece), into: UnsafeMutableBufferPointer(rebasing: values[start..<(start + count)]))
    }
  }

  /// *Local.* Calls `body` once for every wanted row, with its position in `indices`; see `NPYArray.readRows`. Throws `InputError`.
  public func readRows(
    _ indices: [Int], _ body: (_ position: Int, _ values: UnsafeBufferPointer<Double>) throws -> Void
  ) throws {
    if case .packed(let array) = storage { return try array.readRows(indices, body) }
    let requests = try RowRequest.inFileOrder(indices, count: rows, of: name)
    let most = max(1, Self.pieceBytes / max(1, columns * MemoryLayout<Double>.size))
    let block = UnsafeMutableBufferPointer<Double>.allocate(capacity: min(most, rows) * columns)
    defer { block.deallocate() }
    block.initialize(repeating: 0)
    var next = 0
    while next < requests.count {
      // As many wanted rows as lie within one block of the file.
      let first = requests[next].index
      let end = requests[next...].firstIndex { $0.index >= first + most } ?? requests.count
      let count = requests[end - 1].index - first + 1
      try readAnything(first..<first + count, into: UnsafeMutableBufferPointer(rebasing: block[..<(count * columns)]))
      for request in requests[next..<end] {
        let start = (request.index - first) * columns
        let row = UnsafeBufferPointer(rebasing: block[start..<start + columns])
        try checkFinite(row, firstRow: request.index)
        try body(request.position, row)
      }
      next = end
    }
  }
}
