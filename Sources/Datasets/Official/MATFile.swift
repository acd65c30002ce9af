import Files

/// Numeric arrays of a MATLAB Level 5 MAT-file ("MAT-File Format", The MathWorks, chapter 1): a 128-byte
/// header, then data elements, each a tag (type, bytes) and its data; compressed elements are zlib streams. The whole may be
/// gzip-compressed.
///
/// Only the elements' headers are read at opening. Arrays are column-major: the first index runs fastest.
struct MATFile {
  let path: String
  let file: StreamedFile
  let bigEndian: Bool

  /// Top-level elements: far more than such files have.
  private static let largestElementCount = 1000
  private static let headerBytes = 128

  /// Throws `InputError` unless the header is that of a Level 5 MAT-file.
  init(_ path: String) throws {
    self.path = path
    file = try StreamedFile(path)
    let stream = try file.stream()
    var header: [UInt8] = []
    while header.count < MATFile.headerBytes, let byte = try stream.next() { header.append(byte) }
    // Version 7.3 has MATLAB's header of 512 bytes and HDF5's behind it; other programs write HDF5 alone.
    if header.starts(with: "MATLAB 7.3".utf8) || header.starts(with: [0x89] + Array("HDF".utf8)) {
      throw InputError(
        "\(path) is a MATLAB 7.3 file (HDF5), which is not read here: save it again with -v7 in MATLAB, or in Python with h5py"
          + " and scipy: f = h5py.File(NAME); scipy.io.savemat(NEW, {'X': f['X'][()].T, 'y': f['y'][()].T})")
    }
    guard header.count == MATFile.headerBytes else {
      throw InputError(
        "\(path) is truncated: a MAT-file has a header of 128 bytes, it has \(header.count)")
    }
    switch (header[126], header[127]) {
    case (0x49, 0x4d): bigEndian = false  // "IM": written as the 16-bit number "MI"
    case (0x4d, 0x49): bigEndian = true
    default:
      throw InputError(
        "\(path) is not a MATLAB Level 5 MAT-file: bytes 126 and 127 are not the mark MI")
    }
    let version = bigEndian ? header[124] : header[125]
    guard version == 1 else {
      throw InputError(
        "\(path) is not a MATLAB Level 5 MAT-file (version byte \(version)); save it with -v7 or -v6"
      )
    }
  }

  /// The variables of these names. Throws `InputError` where one is missing or not a real numeric array.
  func variables(_ names: [String]) throws -> [MATArray] {
    var found: [String: MATArray] = [:]
    var elements = 0
    let stream = try file.stream()
    try stream.skip(MATFile.headerBytes)
    while let element = try topElement(stream) {
      if found.count < names.count,
        let array = try MATElementParser(element, in: self).array(wanted: names)
      {
        found[array.name] = array
      }
      try stream.skip(element.range.count)
      elements += 1
      guard elements <= MATFile.largestElementCount else {
        throw InputError(
          "\(path) has more than \(MATFile.largestElementCount) variables")
      }
    }
    return try names.map { name in
      guard let array = found[name] else { throw InputError("\(path) has no variable \(name)") }
      return array
    }
  }

  /// Reads a top-level tag; nil at the end of the file, and where nothing but zeros follows.
  private func topElement(_ stream: ByteStream) throws -> MATElement? {
    let offset = stream.position
    var tag: [UInt8] = []
    while tag.count < 8, let byte = try stream.next() { tag.append(byte) }
    if tag.isEmpty { return nil }
    if tag.allSatisfy({ $0 == 0 }), try isZero(stream) { return nil }
    guard tag.count == 8 else {
      throw InputError("\(path) has trailing bytes: its last element ends at byte \(offset)")
    }
    let (type, bytes) = tag.withUnsafeBytes { (word($0, 0), Int(word($0, 4))) }
    let end = offset + 8 + bytes  // 32 bits, so no overflow
    let size = file.file.size
    guard file.isCompressed ? Inflater.canHold(end, in: size) : end <= size else {
      throw InputError(
        "\(path) is truncated: its element at byte \(offset) ends at byte \(end), the file at \(size)"
      )
    }
    let isCompressed = type == MATType.compressed
    guard isCompressed || type == MATType.matrix else {
      throw InputError("\(path) is damaged: at byte \(offset) begins no variable (type \(type))")
    }
    return MATElement(
      tagOffset: offset, range: offset + 8..<end, isCompressed: isCompressed)
  }

  /// Whether the rest is zeros, with which disks and downloads fill up a file.
  private func isZero(_ stream: ByteStream) throws -> Bool {
    while let byte = try stream.next() { if byte != 0 { return false } }
    return true
  }

  func word(_ bytes: UnsafeRawBufferPointer, _ offset: Int) -> UInt32 {
    let raw = bytes.loadUnaligned(fromByteOffset: offset, as: UInt32.self)
    return bigEndian ? raw.bigEndian : raw.littleEndian
  }
}

/// Data types of the format, as far as they matter here.
enum MATType {
  static let matrix: UInt32 = 14
  static let compressed: UInt32 = 15

  static func format(_ type: UInt32, bigEndian: Bool) -> NumberFormat? {
    switch type {
    case 1: NumberFormat(.signed, size: 1)
    case 2: NumberFormat(.unsigned, size: 1)
    case 3: NumberFormat(.signed, size: 2, bigEndian: bigEndian)
    case 4: NumberFormat(.unsigned, size: 2, bigEndian: bigEndian)
    case 5: NumberFormat(.signed, size: 4, bigEndian: bigEndian)
    case 6: NumberFormat(.unsigned, size: 4, bigEndian: bigEndian)
    case 7: NumberFormat(.real, size: 4, bigEndian: bigEndian)
    case 9: NumberFormat(.real, size: 8, bigEndian: bigEndian)
    case 12: NumberFormat(.signed, size: 8, bigEndian: bigEndian)
    case 13: NumberFormat(.unsigned, size: 8, bigEndian: bigEndian)
    default: nil
    }
  }
}

/// Where a top-level element lies.
struct MATElement: Sendable {
  let tagOffset: Int
  /// The bytes behind the tag.
  let range: Range<Int>
  let isCompressed: Bool

  /// A stream that stands at the matrix's own tag.
  func stream(_ file: StreamedFile) throws -> ByteStream {
    let start = isCompressed ? range.lowerBound : tagOffset
    var bytes: any ByteProducer = FileBytes(file.file, start..<range.upperBound)
    if file.isCompressed {
      let outer = try file.stream()
      try outer.skip(start)
      bytes = StreamBytes(outer, count: range.upperBound - start)
    }
    guard isCompressed else { return ByteStream(path: file.path, producer: bytes) }
    let unpacked = try Inflater(path: file.path, source: bytes, compressedBytes: range.count, format: .zlib)
    return ByteStream(path: file.path, producer: unpacked)
  }
}

/// A numeric array: where its numbers lie and how they are written.
struct MATArray: Sendable {
  let name: String
  /// At least two; MATLAB drops trailing ones beyond that.
  let dimensions: [Int]
  let count: Int
  let format: NumberFormat
  let file: StreamedFile
  let element: MATElement
  /// Of the first number, in the element's stream.
  let dataOffset: Int
  /// Bytes of the matrix behind its last number.
  let padding: Int

  /// The numbers as records of `size` numbers each; `size` divides `count`.
  func records(of size: Int) -> RecordTable {
    let (file, element, dataOffset) = (file, element, dataOffset)
    return RecordTable(
      path: file.path, count: size == 0 ? 0 : count / size, recordBytes: size * format.size,
      endCheck: element.isCompressed ? .afterLastRecord : .never, padding: padding
    ) {
      let stream = try element.stream(file)
      try stream.skip(dataOffset)
      return stream
    }
  }
}
