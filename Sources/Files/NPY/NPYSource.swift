/// Where an NPY array's bytes are: a file, plain or gzip-compressed, or an entry of an .npz archive, stored or deflated.
public struct NPYSource: Sendable {
  private enum Packing: Sendable {
    case none
    case gzip
    case deflated(Fingerprint)
  }

  let file: InputFile
  /// The array's, in the file.
  let range: Range<Int>
  /// For messages: the file's path, and the entry's name behind it.
  public let name: String
  private let packing: Packing

  /// A file of its own. Throws `InputError`.
  public init(_ path: String) throws {
    let streamed = try StreamedFile(path)
    (file, range, name) = (streamed.file, 0..<streamed.file.size, path)
    packing = streamed.isCompressed ? .gzip : .none
  }

  public init(_ entry: ZIPArchive.Entry, of archive: ZIPArchive) {
    file = archive.file
    range = entry.range
    name = "\(entry.name) in \(archive.path)"
    packing = entry.isDeflated ? .deflated(entry.fingerprint) : .none
  }

  /// Whether any byte can be read at once.
  var isPlain: Bool { if case .none = packing { true } else { false } }

  /// Bytes it is packed to, if it is.
  public var packedBytes: Int? { isPlain ? nil : range.count }

  /// Bytes of the array with its header; nil where only unpacking tells.
  var size: Int? {
    switch packing {
    case .none: range.count
    case .gzip: nil
    case .deflated(let fingerprint): fingerprint.bytes
    }
  }

  /// A stream of the unpacked bytes from the start.
  func stream() throws -> ByteStream {
    switch packing {
    case .none: return ByteStream(path: name, producer: FileBytes(file, range))
    case .gzip: return ByteStream(path: name, producer: try Inflater(file, range, format: .gzip))
    case .deflated(let fingerprint):
      let bytes = try Inflater(
        path: name, source: FileBytes(file, range), compressedBytes: range.count, format: .bare)
      return ByteStream(path: name, producer: CheckedBytes(bytes, expected: fingerprint, path: name))
    }
  }

  /// The first `count` bytes, or all where there are fewer.
  func beginning(_ count: Int) throws -> [UInt8] {
    if isPlain { return try file.bytes(at: range.lowerBound, count: min(count, range.count)) }
    let stream = try stream()
    var bytes: [UInt8] = []
    while bytes.count < count, let byte = try stream.next() { bytes.append(byte) }
    return bytes
  }
}
