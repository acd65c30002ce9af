/// What an NPY array's elements are.
public enum NPYElementType: Sendable, Equatable {
  case number(NumberFormat)
  /// Characters of 4 bytes (<U) or of one (S), filled up with zeros.
  case text(bytes: Int, isWide: Bool, bigEndian: Bool)

  /// Bytes of an element.
  var size: Int {
    switch self {
    case .number(let format): format.size
    case .text(let bytes, _, _): bytes
    }
  }
}

/// The header of an NPY file, versions 1 to 3 (NEP 1; numpy.lib.format): magic, version, length, then a Python
/// dictionary with the keys descr, fortran_order and shape.
public struct NPYHeader: Sendable {
  public let type: NPYElementType
  let isFortranOrder: Bool
  public let shape: [Int]
  /// Of the first number in the file.
  let dataOffset: Int
  /// Product of the shape.
  public let count: Int

  /// Longer headers belong to structured arrays, which are not read here.
  private static let longest = 1 << 16

  /// Throws `InputError` for another magic number, an element type that is neither a real number nor a text, or a shape
  /// that does not agree with the size.
  public init(_ source: NPYSource) throws {
    let path = source.name
    let start = try source.beginning(12)
    guard start.count >= 10, start.starts(with: [0x93] + "NUMPY".utf8) else {
      throw InputError("\(path) is not an NPY file: it does not begin with \\x93NUMPY")
    }
    guard 1...3 ~= start[6], start.count == 12 || start[6] == 1 else {
      throw InputError("\(path) is an NPY file of version \(start[6]), which is not known")
    }
    let lengthBytes = start[6] == 1 ? 2 : 4
    let length = start[8..<8 + lengthBytes].reversed().reduce(0) { $0 << 8 | Int($1) }
    dataOffset = 8 + lengthBytes + length
    if let size = source.size, dataOffset > size {
      throw InputError("\(path) is truncated: its header ends at byte \(dataOffset), the file at \(size)")
    }
    guard length <= NPYHeader.longest else {
      throw InputError("\(path) has a header of \(length) bytes: \(NPYHeader.structured)")
    }
    let text = try source.beginning(dataOffset).dropFirst(8 + lengthBytes)
    var fields = NPYHeaderFields(text: Array(text), path: path)
    try fields.parse()
    type = try NPYHeader.type(fields.descr, path)
    isFortranOrder = fields.isFortranOrder
    shape = fields.shape
    guard let count = checkedProduct(shape), let bytes = checkedProduct([count, type.size]),
      bytes < Int.max - dataOffset
    else {
      throw InputError("\(path) is damaged: its header gives the impossible shape \(shape)")
    }
    self.count = count
    try NPYHeader.check(source, expected: bytes, after: dataOffset, shape)
  }

  static let structured =
    "it is a structured array (records of named fields); save its numbers as a plain array of one type"

  private static func check(
    _ source: NPYSource, expected: Int, after offset: Int, _ shape: [Int]
  ) throws {
    guard let size = source.size else {
      guard Inflater.canHold(expected, in: source.range.count) else {
        throw InputError(
          "\(source.name) is damaged: its shape \(shape) takes \(expected) bytes, more than its \(source.range.count) can"
            + " unpack to")
      }
      return
    }
    let there = size - offset
    if there != expected {
      throw InputError(
        "\(source.name) \(there < expected ? "is truncated" : "has trailing bytes"): its shape \(shape) takes"
          + " \(expected) bytes of data, and it has \(there)")
    }
  }

  /// The element type of a `descr` such as <f4.
  private static func type(_ descr: String, _ path: String) throws -> NPYElementType {
    let marks = Array(descr)
    let known: [Character: (kind: NumberFormat.Kind, sizes: [Int])] = [
      "i": (.signed, [1, 2, 4, 8]), "u": (.unsigned, [1, 2, 4, 8]), "f": (.real, [2, 4, 8]), "b": (.unsigned, [1]),
    ]
    if marks.count >= 3, "<>|=".contains(marks[0]), let size = Int(String(marks[2...])), size >= 0 {
      let isBig = marks[0] == ">"
      if let number = known[marks[1]], number.sizes.contains(size) {
        return .number(NumberFormat(number.kind, size: size, bigEndian: isBig))
      }
      if "US".contains(marks[1]), size <= 1 << 16 {
        let isWide = marks[1] == "U"
        return .text(bytes: isWide ? 4 * size : size, isWide: isWide, bigEndian: isBig)
      }
    }
    throw InputError(
      "\(path) has elements of type \(descr): only f2, f4, f8, i1 to i8, u1 to u8 and bool are supported, and text (U, S) for"
        + " labels" + (descr.contains("O") ? "; these are Python objects (use .astype)" : "")
    )
  }
}

/// A parser of the small part of Python's syntax that NPY headers are written in.
private struct NPYHeaderFields {
  let text: [UInt8]
  let path: String
  var place = 0
  private(set) var descr = ""
  private(set) var isFortranOrder = false
  private(set) var shape: [Int] = []

  init(text: [UInt8], path: String) {
    self.text = text
    self.path = path
  }

  mutating func parse() throws {
    var seen: Set<String> = []
    try expect("{")
    while !accept("}") {
      let key = try string()
      try expect(":")
      switch key {
      case "descr":
        if accept("[") { throw InputError("\(path) cannot be read: \(NPYHeader.structured)") }
        descr = try string()
      case "fortran_order": isFortranOrder = try boolean()
      case "shape": shape = try tuple()
      default: throw damaged("has the unknown key \(key)")
      }
      guard seen.insert(key).inserted else { throw damaged("has the key \(key) twice") }
      if !accept(",") {
        try expect("}")
        break
      }
    }
    guard seen.count == 3 else {
      throw damaged("lacks one of the keys descr, fortran_order, shape")
    }
  }

  private mutating func skipSpace() {
    while place < text.count, text[place] == 0x20 || text[place] == 0x0a { place += 1 }
  }

  private mutating func accept(_ mark: Unicode.Scalar) -> Bool {
    skipSpace()
    guard place < text.count, text[place] == UInt8(ascii: mark) else { return false }
    place += 1
    return true
  }

  private mutating func expect(_ mark: Unicode.Scalar) throws {
    guard accept(mark) else { throw damaged("lacks a \(mark) at character \(place)") }
  }

  private mutating func string() throws -> String {
    guard let quote: UInt8 = accept("'") ? 0x27 : accept("\"") ? 0x22 : nil else {
      throw damaged("has no string at character \(place)")
    }
    guard let end = text[place...].firstIndex(of: quote) else {
      throw damaged("has a string without end")
    }
    defer { place = end + 1 }
    return String(decoding: text[place..<end], as: UTF8.self)
  }

  private mutating func boolean() throws -> Bool {
    skipSpace()
    for (word, value) in [("True", true), ("False", false)]
    where text[place...].starts(with: word.utf8) {
      place += word.utf8.count
      return value
    }
    throw damaged("has a fortran_order that is neither True nor False")
  }

  private mutating func tuple() throws -> [Int] {
    var sizes: [Int] = []
    try expect("(")
    while !accept(")") {
      sizes.append(try number())
      if !accept(",") {
        try expect(")")
        break
      }
    }
    return sizes
  }

  private mutating func number() throws -> Int {
    skipSpace()
    let digits = text[place...].prefix { 0x30...0x39 ~= $0 }
    guard let value = Int(String(decoding: digits, as: UTF8.self)) else {
      throw damaged("has a shape that is no list of sizes")
    }
    place += digits.count
    _ = accept("L")  // Python 2 wrote long integers so
    return value
  }

  private func damaged(_ what: String) -> InputError {
    InputError("\(path) is damaged: its NPY header \(what)")
  }
}
