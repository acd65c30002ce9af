import Files

/// An IDX file of unsigned bytes, the format of MNIST (http://yann.lecun.com/exdb/mnist): big-endian magic
/// 0x000008DD, D the number of dimensions, D sizes of 32 bits, then the bytes, last dimension fastest.
public struct IDXFile: Sendable {
  /// The first size is the number of records.
  public let sizes: [Int]
  public let table: RecordTable
  /// Size of the file, if it is compressed.
  public let packedBytes: Int?
  public var path: String { table.path }

  /// Throws `InputError` for another magic number, or a size that the file cannot have.
  public init(_ path: String, dimensions: Int) throws {
    let streamed = try StreamedFile(path)
    let stream = try streamed.stream()
    let magic = try IDXFile.bigEndian(stream)
    guard magic == 0x0800 + dimensions else {
      throw InputError(
        "\(path) is not an IDX file of bytes with \(dimensions) dimensions: its magic number is \(magic),"
          + " not \(0x0800 + dimensions)")
    }
    let sizes = try (0..<dimensions).map { _ in try IDXFile.bigEndian(stream) }
    let header = 4 * (1 + dimensions)
    guard let recordBytes = checkedProduct(Array(sizes.dropFirst())),
      let bytes = checkedProduct([sizes[0], recordBytes]), bytes < Int.max - header
    else {
      throw InputError("\(path) is damaged: its header gives impossible sizes \(sizes)")
    }
    try streamed.expectSize(header + bytes, because: "its header gives the sizes \(sizes)")
    self.sizes = sizes
    packedBytes = streamed.packedBytes
    table = streamed.records(of: recordBytes, count: sizes[0], after: header)
  }

  private static func bigEndian(_ stream: ByteStream) throws -> Int {
    Int(UInt32(bigEndian: try stream.take(4).loadUnaligned(as: UInt32.self)))
  }
}
