import Files

/// An IDX file, the format of MNIST (http://yann.lecun.com/exdb/mnist): two zeros, the type of the elements, the number of
/// dimensions, their sizes of 32 bits, then the elements, last dimension fastest; numbers are big-endian.
struct IDXFile: Sendable {
  /// The first size is the number of records.
  let sizes: [Int]
  let format: NumberFormat
  let table: RecordTable
  /// Size of the file, if it is compressed.
  let packedBytes: Int?
  var path: String { table.path }
  /// Elements of a record.
  var recordCount: Int { table.recordBytes / format.size }

  private static let formats: [UInt8: NumberFormat] = [
    0x08: .byte, 0x09: NumberFormat(.signed, size: 1), 0x0b: NumberFormat(.signed, size: 2, bigEndian: true),
    0x0c: NumberFormat(.signed, size: 4, bigEndian: true), 0x0d: NumberFormat(.real, size: 4, bigEndian: true),
    0x0e: NumberFormat(.real, size: 8, bigEndian: true),
  ]

  /// Throws `InputError` for another magic number, other dimensions, or a size that the file cannot have.
  init(_ path: String, dimensions: ClosedRange<Int>) throws {
    let streamed = try StreamedFile(path)
    let stream = try streamed.stream()
    let magic = Array(try stream.take(4))
    guard magic[0] == 0, magic[1] == 0, let format = Self.formats[magic[2]] else {
      let number = magic.reduce(0) { $0 << 8 | Int($1) }
      throw InputError(
        "\(path) is not an IDX file: its magic number is \(number), where two zeros, an element type and the dimensions are"
          + " needed (\(0x0800 + dimensions.lowerBound) for bytes)")
    }
    guard dimensions ~= Int(magic[3]) else {
      let wanted = Set([dimensions.lowerBound, dimensions.upperBound]).sorted().map(String.init).joined(
        separator: " to ")
      throw InputError("\(path) is an IDX file of \(magic[3]) dimensions; \(wanted) are needed here")
    }
    let sizes = try (0..<Int(magic[3])).map { _ in try IDXFile.bigEndian(stream) }
    let header = 4 * (1 + sizes.count)
    guard let recordBytes = checkedProduct(Array(sizes.dropFirst()) + [format.size]),
      let bytes = checkedProduct([sizes[0], recordBytes]), bytes < Int.max - header
    else {
      throw InputError("\(path) is damaged: its header gives impossible sizes \(sizes)")
    }
    try streamed.expectSize(header + bytes, because: "its header gives the sizes \(sizes)")
    self.sizes = sizes
    self.format = format
    packedBytes = streamed.packedBytes
    table = streamed.records(of: recordBytes, count: sizes[0], after: header)
  }

  private static func bigEndian(_ stream: ByteStream) throws -> Int {
    Int(UInt32(bigEndian: try stream.take(4).loadUnaligned(as: UInt32.self)))
  }
}
