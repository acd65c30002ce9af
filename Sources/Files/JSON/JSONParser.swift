extension JSON {
  /// Why a text is not JSON: a sentence, and where.
  public struct SyntaxError: Error, Sendable, Equatable, CustomStringConvertible {
    /// Bytes from the start of the text.
    let offset: Int
    let reason: String
    public var description: String { "\(reason) at byte \(offset)" }
  }

  /// Reads one JSON value. Strict: no comments, no duplicate keys, valid UTF-8, 64 levels at most, so that a
  /// hostile file can neither exhaust the stack nor mean two things.
  public init(parsing text: some Sequence<UInt8>) throws(SyntaxError) {
    var parser = JSONParser(bytes: Array(text))
    self = try parser.document()
  }
}

private struct JSONParser {
  let bytes: [UInt8]
  var position = 0
  static let deepest = 64

  init(bytes: [UInt8]) { self.bytes = bytes }

  mutating func document() throws(JSON.SyntaxError) -> JSON {
    // A byte order mark, which some editors leave, may be passed over (RFC 8259, section 8.1).
    if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { position = 3 }
    let value = try value(depth: 0)
    skipSpace()
    guard position == bytes.count else { throw fault("something follows the value") }
    return value
  }

  private func fault(_ reason: String) -> JSON.SyntaxError {
    JSON.SyntaxError(offset: position, reason: reason)
  }

  private var next: UInt8? { position < bytes.count ? bytes[position] : nil }

  private mutating func skipSpace() {
    while let byte = next, [0x20, 0x09, 0x0A, 0x0D].contains(byte) { position += 1 }
  }

  private mutating func take(_ byte: UInt8) -> Bool {
    guard next == byte else { return false }
    position += 1
    return true
  }

  private mutating func expect(_ character: Character) throws(JSON.SyntaxError) {
    guard let byte = character.asciiValue, take(byte) else {
      throw fault("'\(character)' is missing")
    }
  }

  private mutating func value(depth: Int) throws(JSON.SyntaxError) -> JSON {
    guard depth < Self.deepest else { throw fault("nested more than \(Self.deepest) deep") }
    skipSpace()
    switch next {
    case UInt8(ascii: "{"): return try object(depth: depth)
    case UInt8(ascii: "["): return try array(depth: depth)
    case UInt8(ascii: "\""): return .string(try string())
    case UInt8(ascii: "t"): return try word("true", .bool(true))
    case UInt8(ascii: "f"): return try word("false", .bool(false))
    case UInt8(ascii: "n"): return try word("null", .null)
    case nil: throw fault("the text ends where a value is due")
    default: return try number()
    }
  }

  private mutating func word(_ word: String, _ value: JSON) throws(JSON.SyntaxError) -> JSON {
    guard bytes[position...].starts(with: word.utf8) else {
      throw fault("no value begins like this")
    }
    position += word.utf8.count
    return value
  }

  private mutating func object(depth: Int) throws(JSON.SyntaxError) -> JSON {
    try expect("{")
    var members: [JSON.Member] = []
    var keys: Set<String> = []
    skipSpace()
    if take(UInt8(ascii: "}")) { return .object([]) }
    repeat {
      skipSpace()
      let key = try string()
      guard keys.insert(key).inserted else { throw fault("the key \"\(key)\" comes twice") }
      skipSpace()
      try expect(":")
      members.append(JSON.Member(key, try value(depth: depth + 1)))
      skipSpace()
    } while take(UInt8(ascii: ","))
    try expect("}")
    return .object(members)
  }

  private mutating func array(depth: Int) throws(JSON.SyntaxError) -> JSON {
    try expect("[")
    var values: [JSON] = []
    skipSpace()
    if take(UInt8(ascii: "]")) { return .array([]) }
    repeat {
      values.append(try value(depth: depth + 1))
      skipSpace()
    } while take(UInt8(ascii: ","))
    try expect("]")
    return .array(values)
  }

  private mutating func digits() throws(JSON.SyntaxError) {
    let start = position
    while let byte = next, (0x30...0x39).contains(byte) { position += 1 }
    if position == start { throw fault("a digit is missing") }
  }

  private mutating func number() throws(JSON.SyntaxError) -> JSON {
    let start = position
    _ = take(UInt8(ascii: "-"))
    if !take(UInt8(ascii: "0")) { try digits() }
    if take(UInt8(ascii: ".")) { try digits() }
    if take(UInt8(ascii: "e")) || take(UInt8(ascii: "E")) {
      _ = take(UInt8(ascii: "+")) || take(UInt8(ascii: "-"))
      try digits()
    }
    return .number(String(decoding: bytes[start..<position], as: UTF8.self))
  }

  private mutating func string() throws(JSON.SyntaxError) -> String {
    try expect("\"")
    var utf8: [UInt8] = []
    while let byte = next, byte != UInt8(ascii: "\"") {
      guard byte >= 0x20 else { throw fault("a control character stands in a string") }
      position += 1
      if byte == UInt8(ascii: "\\") {
        utf8.append(contentsOf: String(try escape()).utf8)
      } else {
        utf8.append(byte)
      }
    }
    try expect("\"")
    guard let text = String(validating: utf8, as: UTF8.self) else {
      throw fault("a string is not UTF-8")
    }
    return text
  }

  private mutating func escape() throws(JSON.SyntaxError) -> Unicode.Scalar {
    guard let byte = next else { throw fault("the text ends inside a string") }
    position += 1
    switch byte {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return Unicode.Scalar(byte)
    case UInt8(ascii: "b"): return "\u{8}"
    case UInt8(ascii: "f"): return "\u{C}"
    case UInt8(ascii: "n"): return "\n"
    case UInt8(ascii: "r"): return "\r"
    case UInt8(ascii: "t"): return "\t"
    case UInt8(ascii: "u"): return try unicodeEscape()
    default: throw fault("no such escape")
    }
  }

  private mutating func unicodeEscape() throws(JSON.SyntaxError) -> Unicode.Scalar {
    var code = try hexadecimal()
    if (0xD800..<0xDC00).contains(code) {
      try expect("\\")
      try expect("u")
      let low = try hexadecimal()
      guard (0xDC00..<0xE000).contains(low) else { throw fault("half a surrogate pair") }
      code = 0x10000 + (code - 0xD800) << 10 + (low - 0xDC00)
    }
    guard let scalar = Unicode.Scalar(code) else { throw fault("half a surrogate pair") }
    return scalar
  }

  private mutating func hexadecimal() throws(JSON.SyntaxError) -> UInt32 {
    let end = position + 4
    guard end <= bytes.count,
      bytes[position..<end].allSatisfy({ Character(Unicode.Scalar($0)).isHexDigit }),
      let code = UInt32(String(decoding: bytes[position..<end], as: UTF8.self), radix: 16)
    else { throw fault("four hexadecimal digits are due") }
    position = end
    return code
  }
}
