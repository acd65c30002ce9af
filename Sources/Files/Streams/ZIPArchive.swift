/// The entries of a ZIP archive (PKWARE's APPNOTE, 64-bit sizes included), as NumPy's savez writes them: stored or deflated.
public struct ZIPArchive: Sendable {
  public struct Entry: Sendable {
    public let name: String
    /// Of the data in the file.
    let range: Range<Int>
    let isDeflated: Bool
    /// Of the data, unpacked.
    let fingerprint: Fingerprint
  }

  let file: InputFile
  public let entries: [Entry]
  var path: String { file.path }

  private static let longestComment = 1 << 16
  private static let largestDirectory = 1 << 24
  private static let mostEntries = 1000

  /// *Local.* Reads the directory at the archive's end. Throws `InputError`.
  public init(_ path: String) throws {
    file = try InputFile(path)
    let tail = try file.bytes(
      at: max(0, file.size - ZIPArchive.longestComment - 22), count: min(file.size, ZIPArchive.longestComment + 22))
    guard let end = ZIPArchive.endRecord(tail) else {
      throw InputError("\(path) is no ZIP archive, or is cut off: it has no directory at its end")
    }
    let directory = try ZIPArchive.place(end: end, tail: tail, file)
    guard directory.count <= ZIPArchive.largestDirectory, directory.upperBound <= file.size else {
      throw InputError("\(path) is damaged: its ZIP directory lies outside the file")
    }
    let bytes = LittleEndianBytes(try file.bytes(at: directory.lowerBound, count: directory.count))
    var entries: [Entry] = []
    var place = 0
    while place < bytes.count {
      guard entries.count < ZIPArchive.mostEntries else {
        throw InputError("\(path) holds more than \(ZIPArchive.mostEntries) files")
      }
      let (entry, next) = try ZIPArchive.entry(bytes, at: place, file)
      entries.append(entry)
      place = next
    }
    self.entries = entries
  }

  private static func endRecord(_ tail: [UInt8]) -> Int? {
    guard tail.count >= 22 else { return nil }
    return (0...tail.count - 22).last { tail[$0...].starts(with: [0x50, 0x4b, 5, 6]) }
  }

  /// Where the directory lies.
  private static func place(end: Int, tail: [UInt8], _ file: InputFile) throws -> Range<Int> {
    let bytes = LittleEndianBytes(tail)
    let (size, offset) = (bytes.number(end + 12, 4), bytes.number(end + 16, 4))
    guard size == 0xffff_ffff || offset == 0xffff_ffff, end >= 20,
      tail[(end - 20)...].starts(with: [0x50, 0x4b, 6, 7])
    else { return offset..<offset + size }
    let record = LittleEndianBytes(try file.bytes(at: min(bytes.number(end - 12, 8), file.size), count: 56))
    guard record.count == 56, record.number(0, 4) == 0x0606_4b50 else { throw damaged(file) }
    let (large, start) = (record.number(40, 8), record.number(48, 8))
    guard large <= file.size, start <= file.size else { throw damaged(file) }
    return start..<start + large
  }

  /// One entry of the directory, and where the next begins.
  private static func entry(_ bytes: LittleEndianBytes, at place: Int, _ file: InputFile) throws -> (Entry, Int) {
    guard place + 46 <= bytes.count, bytes.number(place, 4) == 0x0201_4b50 else { throw damaged(file) }
    let lengths = [28, 30, 32].map { bytes.number(place + $0, 2) }
    let next = place + 46 + lengths.reduce(0, +)
    guard next <= bytes.count else { throw damaged(file) }
    let name = String(decoding: bytes.bytes[place + 46..<place + 46 + lengths[0]], as: UTF8.self)
    let flags = bytes.number(place + 8, 2)
    let method = bytes.number(place + 10, 2)
    guard flags & 1 == 0, method == 0 || method == 8 else {
      throw InputError(
        "\(file.path) holds \(name) \(flags & 1 == 1 ? "encrypted" : "packed by method \(method)"): only stored and deflated"
          + " entries are read")
    }
    var sizes = [bytes.number(place + 24, 4), bytes.number(place + 20, 4), bytes.number(place + 42, 4)]
    let extra = place + 46 + lengths[0]
    try readLargeSizes(&sizes, bytes, extra..<extra + lengths[1], file)
    let start = try dataStart(sizes[2], file)
    guard sizes[1] <= file.size - start, method == 8 || sizes[0] == sizes[1] else { throw damaged(file) }
    let print = Fingerprint(bytes: sizes[0], crc32: UInt(bytes.number(place + 16, 4)))
    return (Entry(name: name, range: start..<start + sizes[1], isDeflated: method == 8, fingerprint: print), next)
  }

  /// Unpacked size, packed size and offset of more than 32 bits stand in an extra field of kind 1, those alone that need it.
  private static func readLargeSizes(
    _ sizes: inout [Int], _ bytes: LittleEndianBytes, _ extra: Range<Int>, _ file: InputFile
  ) throws {
    var place = extra.lowerBound
    while place + 4 <= extra.upperBound {
      let (kind, length) = (bytes.number(place, 2), bytes.number(place + 2, 2))
      let end = place + 4 + length
      guard end <= extra.upperBound else { throw damaged(file) }
      var field = place + 4
      for index in sizes.indices where kind == 1 && sizes[index] == 0xffff_ffff {
        guard field + 8 <= end else { throw damaged(file) }
        sizes[index] = bytes.number(field, 8)
        field += 8
      }
      place = end
    }
  }

  /// Behind an entry's own header, whose lengths may differ from the directory's.
  private static func dataStart(_ offset: Int, _ file: InputFile) throws -> Int {
    guard offset < file.size else { throw damaged(file) }
    let header = LittleEndianBytes(try file.bytes(at: offset, count: 30))
    guard header.count == 30, header.number(0, 4) == 0x0403_4b50 else { throw damaged(file) }
    let start = offset + 30 + header.number(26, 2) + header.number(28, 2)
    guard start <= file.size else { throw damaged(file) }
    return start
  }

  private static func damaged(_ file: InputFile) -> InputError {
    InputError("\(file.path) is damaged: its ZIP directory does not fit its contents")
  }
}

/// Unsigned numbers of a header, the lowest byte first.
private struct LittleEndianBytes {
  let bytes: [UInt8]
  var count: Int { bytes.count }

  init(_ bytes: [UInt8]) { self.bytes = bytes }

  /// Too large a number of 8 bytes becomes the largest: no size is.
  func number(_ place: Int, _ size: Int) -> Int {
    let value = bytes[place..<place + size].reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
    return Int(clamping: value)
  }
}
