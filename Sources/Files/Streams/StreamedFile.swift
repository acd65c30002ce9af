/// A file that is read forward and may be gzip-compressed, which its first bytes tell.
public struct StreamedFile: Sendable {
  public let file: InputFile
  public let isCompressed: Bool
  public var path: String { file.path }
  /// Its size, if it is compressed.
  public var packedBytes: Int? { isCompressed ? file.size : nil }

  public init(_ path: String) throws {
    file = try InputFile(path)
    isCompressed = try file.beginning(2) == [0x1f, 0x8b]
    if path.hasSuffix(".gz"), !isCompressed {
      throw InputError("\(path) is not a gzip file: it does not begin with the bytes 1f 8b")
    }
  }

  /// A stream of the (decompressed) bytes from the start.
  public func stream() throws -> ByteStream {
    let all = 0..<file.size
    let producer: any ByteProducer =
      isCompressed ? try Inflater(file, all, format: .gzip) : FileBytes(file, all)
    return ByteStream(path: path, producer: producer)
  }

  /// The records behind a header of `offset` bytes. Nothing may follow them.
  public func records(of recordBytes: Int, count: Int, after offset: Int) -> RecordTable {
    let whole = self
    return RecordTable(
      path: path, count: count, recordBytes: recordBytes, endCheck: isCompressed ? .always : .never
    ) {
      let stream = try whole.stream()
      try stream.skip(offset)
      return stream
    }
  }

  /// Throws `InputError` unless the file holds `bytes` bytes: exactly, where the file is not compressed; as far
  /// as its compressed size allows, where it is.
  public func expectSize(_ bytes: Int, because reason: String) throws {
    if isCompressed {
      guard Inflater.canHold(bytes, in: file.size) else {
        throw InputError(
          "\(path) is damaged: \(reason), which is \(bytes) bytes, more than its \(file.size) can unpack to"
        )
      }
    } else if file.size < bytes {
      throw InputError(
        "\(path) is truncated: \(reason), which needs \(bytes) bytes, and it has \(file.size)")
    } else if file.size > bytes {
      throw InputError(
        "\(path) has trailing bytes: \(reason), which takes \(bytes) bytes, and it has \(file.size)"
      )
    }
  }
}
