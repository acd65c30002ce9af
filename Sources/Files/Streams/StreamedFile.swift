/// A file that is read forward and may be gzip-compressed, which its first bytes tell, not its name.
public struct StreamedFile: Sendable {
  public let file: InputFile
  public let isCompressed: Bool
  private let largestRatio: Int?
  public var path: String { file.path }
  /// Its size, if it is compressed.
  public var packedBytes: Int? { isCompressed ? file.size : nil }

  /// - Parameter isText: it has no header that says how much is to come.
  public init(_ path: String, isText: Bool = false) throws {
    file = try InputFile(path)
    let start = try file.beginning(6)
    if let error = OtherPacking.error(start, path) { throw error }
    isCompressed = start.starts(with: [0x1f, 0x8b])
    largestRatio = isText ? Inflater.textRatio : nil
  }

  /// A stream of the (decompressed) bytes from the start.
  public func stream() throws -> ByteStream {
    let all = 0..<file.size
    let producer: any ByteProducer =
      isCompressed ? try Inflater(file, all, format: .gzip, largestRatio: largestRatio) : FileBytes(file, all)
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

/// Packings that are not unpacked here: the sentence names the tool that does.
public enum OtherPacking {
  private static let known: [(start: [UInt8], name: String, tool: String)] = [
    (Array("BZh".utf8), "bzip2", "bunzip2"), ([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0], "xz", "xz -d"),
    ([0x28, 0xb5, 0x2f, 0xfd], "zstd", "zstd -d"), ([0x50, 0x4b, 3, 4], "zip", "unzip"),
  ]

  /// `start`: the file's first bytes.
  static func error(_ start: [UInt8], _ path: String, but allowed: String = "") -> InputError? {
    guard let found = known.first(where: { start.starts(with: $0.start) }), found.name != allowed else { return nil }
    return InputError(
      "\(path) is packed with \(found.name), which is not read here: unpack it first (\(found.tool) \(path))")
  }

  /// Endings of such files' names, and of gzip's: what `find` looks for.
  public static let endings = [".gz", ".bz2", ".xz", ".zst"]
}
