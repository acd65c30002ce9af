import Files

/// Goes through the sub-elements of one miMATRIX: array flags, dimensions, name, numbers.
struct MATElementParser {
  private let element: MATElement
  private let mat: MATFile
  private let stream: ByteStream

  /// Longer ones are no variable that anybody asks for: MATLAB allows 63 characters.
  private static let longestName = 256
  private static let largestDimensionCount = 32

  init(_ element: MATElement, in mat: MATFile) throws {
    self.element = element
    self.mat = mat
    stream = try element.stream(mat.file)
  }

  /// A sub-element's tag. Data of up to 4 bytes may sit in the tag itself.
  private struct Tag {
    let type: UInt32
    let bytes: Int
    /// The tag's own 4 bytes of data; empty for the usual form, whose data follow, padded to 8 bytes.
    var payload: [UInt8] = []
    var isSmall: Bool { !payload.isEmpty }
    var paddedBytes: Int { (bytes + 7) & ~7 }
  }

  /// The element's array if it is one of the wanted variables, else nil.
  func array(wanted names: [String]) throws -> MATArray? {
    let outer = try tag()
    guard outer.type == MATType.matrix, !outer.isSmall else { return nil }
    if element.isCompressed, !Inflater.canHold(outer.bytes, in: element.range.count) {
      throw damaged("declares \(outer.bytes) bytes, more than its data can unpack to")
    }
    let flags = try flags()
    // Numeric classes: mxDOUBLE_CLASS to mxUINT64_CLASS.
    guard 6...15 ~= flags & 0xff else { return nil }
    let dimensions = try dimensions()
    let name = try name()
    guard names.contains(name) else { return nil }
    guard flags & 0x0800 == 0 else {
      throw InputError("\(mat.path) has complex numbers in its variable \(name)")
    }
    return try locate(name: name, dimensions: dimensions, end: outer.bytes + 8)
  }

  private func locate(name: String, dimensions: [Int], end: Int) throws -> MATArray {
    let tag = try tag()
    guard let format = MATType.format(tag.type, bigEndian: mat.bigEndian) else {
      throw damaged("stores variable \(name) with data type \(tag.type), which is not numeric")
    }
    guard let count = checkedProduct(dimensions), let bytes = checkedProduct([count, format.size])
    else {
      throw damaged("gives variable \(name) the impossible size \(dimensions)")
    }
    guard bytes == tag.bytes else {
      throw damaged(
        "gives variable \(name) the size \(dimensions), which is \(bytes) bytes, but \(tag.bytes) bytes of data"
      )
    }
    let dataOffset = stream.position - (tag.isSmall ? 4 : 0)
    guard dataOffset + bytes <= end else {
      throw damaged("declares \(end - 8) bytes, fewer than its variable \(name) needs")
    }
    return MATArray(
      name: name, dimensions: dimensions, count: count, format: format, file: mat.file,
      element: element,
      dataOffset: dataOffset, padding: end - dataOffset - bytes)
  }

  private func flags() throws -> UInt32 {
    let tag = try tag()
    guard tag.type == 6, tag.bytes == 8, !tag.isSmall else { throw damaged("has no array flags") }
    return mat.word(try stream.take(8), 0)
  }

  private func dimensions() throws -> [Int] {
    let tag = try tag()
    let count = tag.bytes / 4
    guard tag.type == 5, tag.bytes % 4 == 0, 2...Self.largestDimensionCount ~= count, !tag.isSmall
    else {
      throw damaged("has no valid dimensions")
    }
    let bytes = try stream.take(tag.paddedBytes)
    return (0..<count).map { Int(Int32(bitPattern: mat.word(bytes, 4 * $0))) }
  }

  private func name() throws -> String {
    let tag = try tag()
    guard tag.type == 1, tag.bytes <= Self.longestName else { throw damaged("has no valid name") }
    if tag.isSmall { return String(decoding: tag.payload.prefix(tag.bytes), as: UTF8.self) }
    return String(decoding: try stream.take(tag.paddedBytes)[..<tag.bytes], as: UTF8.self)
  }

  private func tag() throws -> Tag {
    let bytes = try stream.take(8)
    let first = mat.word(bytes, 0)
    if first >> 16 != 0 {
      guard first >> 16 <= 4 else { throw damaged("has a small element of \(first >> 16) bytes") }
      return Tag(type: first & 0xffff, bytes: Int(first >> 16), payload: Array(bytes[4..<8]))
    }
    return Tag(type: first, bytes: Int(mat.word(bytes, 4)))
  }

  private func damaged(_ what: String) -> InputError {
    InputError("\(mat.path) is damaged: its element at byte \(element.tagOffset) \(what)")
  }
}
