import Files

/// The records of a CSV file (RFC 4180), one after another, a field at a time: no more than a field is held. Lines end with LF, CRLF or
/// CR; blank ones are passed over, as is a byte order mark. Spaces and tabs around a field are not part of it, unless it is quoted.
struct CSVRecords {
  struct Field {
    let text: ArraySlice<UInt8>
    let isQuoted: Bool
    /// Its record's first.
    let line: Int
  }

  let stream: ByteStream
  /// Fields of every record, once the header has told.
  var fieldCount: Int?
  /// Of the record read last: its first line, from 1 on, and its place in the stream.
  private(set) var line = 0
  private(set) var offset = 0
  /// Of what comes next.
  private var nextLine = 1
  /// A byte that was read to see whether a carriage return stands alone.
  private var pending: UInt8?
  private var text: [UInt8] = []
  private var isQuoted = false

  /// Bytes of a field: what is longer is no table's, or has a quote that is never closed.
  static let longestField = 1 << 16

  private static let byteOrderMark: [UInt8] = [0xef, 0xbb, 0xbf]

  init(_ stream: ByteStream) {
    self.stream = stream
    text.reserveCapacity(256)
  }

  /// For a record whose place is known, ahead of the stream's.
  mutating func jump(to offset: Int, line: Int) throws {
    if offset > position {
      pending = nil
      try stream.skip(offset - stream.position)
    }
    nextLine = line
  }

  /// Reads on to the next record and calls `body` with each of its fields. Returns how many there were, nil at the end of the file.
  /// Throws `InputError` naming the line.
  mutating func next(_ body: (_ column: Int, _ field: Field) throws -> Void) throws -> Int? {
    while true {
      (line, offset) = (nextLine, position)
      var end = try nextField()
      if end != .field, text.isEmpty, !isQuoted {
        if end == .file { return nil }
        continue
      }
      var column = 0
      while true {
        if let fieldCount, column >= fieldCount {
          throw bad("it has more fields than the header, which has \(fieldCount)")
        }
        try body(column, Field(text: text[...], isQuoted: isQuoted, line: line))
        column += 1
        if end != .field { break }
        end = try nextField()
      }
      if let fieldCount, column != fieldCount { throw bad("it has \(column) fields, and the header \(fieldCount)") }
      return column
    }
  }

  private enum End { case field, record, file }

  private var position: Int { stream.position - (pending == nil ? 0 : 1) }

  private mutating func nextByte() throws -> UInt8? {
    guard let byte = pending else { return try stream.next() }
    pending = nil
    return byte
  }

  /// Fills `text` and tells what ended it.
  private mutating func nextField() throws -> End {
    text.removeAll(keepingCapacity: true)
    isQuoted = false
    let start = position
    while let byte = try nextByte() {
      switch byte {
      case UInt8(ascii: ","): return ended(.field)
      case UInt8(ascii: "\n"):
        nextLine += 1
        return ended(.record)
      case UInt8(ascii: "\r"):
        if let after = try stream.next(), after != UInt8(ascii: "\n") { pending = after }
        nextLine += 1
        return ended(.record)
      case UInt8(ascii: " ") where text.isEmpty || isQuoted, UInt8(ascii: "\t") where text.isEmpty || isQuoted: break
      case UInt8(ascii: "\"") where text.isEmpty && !isQuoted: try takeQuoted(start)
      default:
        guard !isQuoted else { throw bad("it has text behind a closing quote, where a comma is due") }
        try take(byte)
        if text.count == 3, start == 0, text == Self.byteOrderMark { text = [] }
      }
      try checkLength(from: start)
    }
    return ended(.file)
  }

  /// Up to the closing quote; a doubled one stands for itself.
  private mutating func takeQuoted(_ start: Int) throws {
    isQuoted = true
    while let byte = try nextByte() {
      if byte == UInt8(ascii: "\"") {
        guard let after = try nextByte() else { return }
        guard after == UInt8(ascii: "\"") else {
          pending = after
          return
        }
      }
      if byte == UInt8(ascii: "\n") { nextLine += 1 }
      try take(byte)
      try checkLength(from: start)
    }
    throw bad("it has a quote that is never closed")
  }

  private mutating func take(_ byte: UInt8) throws {
    guard byte != 0 else { throw bad("it has a zero byte: CSV is text, in UTF-8") }
    text.append(byte)
  }

  private func checkLength(from start: Int) throws {
    guard position - start <= Self.longestField else {
      throw bad(
        "it has a field of more than \(Self.longestField) bytes" + (isQuoted ? ": is a quote never closed?" : ""))
    }
  }

  private mutating func ended(_ end: End) -> End {
    if !isQuoted {
      while let last = text.last, last == UInt8(ascii: " ") || last == UInt8(ascii: "\t") { text.removeLast() }
    }
    return end
  }

  func bad(_ what: String) -> InputError { Self.bad(stream.path, line, what) }

  static func bad(_ path: String, _ line: Int, _ what: String) -> InputError {
    InputError("\(path), line \(line): \(what)")
  }
}

extension CSVRecords.Field {
  /// What stands for a value that is not there: nothing, or one of these words unless it is quoted.
  static let missingWords = ["NA", "N/A", "NaN", "nan", "null", "NULL"]
  private static let words = missingWords.map { Array($0.utf8) }

  var isMissing: Bool {
    guard let first = text.first else { return true }
    guard !isQuoted, first == UInt8(ascii: "N") || first == UInt8(ascii: "n"), text.count <= 4 else { return false }
    return Self.words.contains { $0.elementsEqual(text) }
  }

  /// nil: it is no number.
  var number: Double? { DecimalNumber.value(isQuoted ? trimmed : text) }

  private var trimmed: ArraySlice<UInt8> {
    let isSpace = { (byte: UInt8) in byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") }
    let rest = text.drop(while: isSpace)
    return rest.lastIndex { !isSpace($0) }.map { rest[...$0] } ?? []
  }

  /// nil: it is not UTF-8.
  var string: String? { String(validating: text, as: UTF8.self) }

  /// For messages.
  var shown: String {
    "\"" + printable(String(decoding: text.prefix(40), as: UTF8.self)) + (text.count > 40 ? "…\"" : "\"")
  }
}
