import Files

/// The next sample of a LIBSVM text file: `label index:value …`, each index once; blank lines, what follows a #, query numbers
/// (qid:7) and a byte order mark are passed over.
struct LIBSVMLines {
  let stream: ByteStream
  /// Lines begun so far.
  private(set) var line = 0
  /// Of the line read last, in the stream.
  private(set) var lineOffset = 0
  /// Whether a line had a query number.
  private(set) var hasQueries = false
  private var token: [UInt8] = []
  /// Of the line, so far.
  private var indices: [Int] = []

  private static let byteOrderMark: [UInt8] = [0xef, 0xbb, 0xbf]

  private static let longestToken = 256

  /// `line`: lines before the stream's place.
  init(_ stream: ByteStream) {
    self.stream = stream
    token.reserveCapacity(LIBSVMLines.longestToken)
  }

  /// For a line whose place is known.
  mutating func jump(to offset: Int, line: Int) throws {
    try stream.skip(offset - stream.position)
    self.line = line - 1
  }

  /// Reads on to the next sample. Calls `entry` for each of its numbers, index as it is written. Returns its label, nil
  /// at the end of the file. Throws `InputError` naming the line.
  mutating func next(_ entry: (_ index: Int, _ value: Double) throws -> Void) throws -> Double? {
    while true {
      line += 1
      lineOffset = stream.position
      var label: Double?
      indices.removeAll(keepingCapacity: true)
      var isSorted = true
      var end = try nextToken()
      if line == 1, token.starts(with: Self.byteOrderMark) { token.removeFirst(3) }
      if end == .file, token.isEmpty { return nil }
      while true {
        if !token.isEmpty {
          if label == nil {
            label = try parseLabel()
          } else if token.starts(with: "qid:".utf8), LIBSVMLines.index(token[4...]) != nil {
            hasQueries = true
          } else {
            let (index, value) = try parseEntry()
            if let last = indices.last, last >= index { isSorted = false }
            indices.append(index)
            guard indices.count <= Limits.features else {
              throw bad("it has more than the \(Limits.features) features that are supported")
            }
            try entry(index, value)
          }
        }
        if end != .token { break }
        end = try nextToken()
      }
      if !isSorted, let index = LIBSVMLines.repeated(indices) { throw bad("index \(index) occurs twice") }
      if let label { return label }
      if end == .file { return nil }
    }
  }

  /// An index that occurs more than once.
  private static func repeated(_ indices: [Int]) -> Int? {
    let sorted = indices.sorted()
    return zip(sorted, sorted.dropFirst()).first { $0 == $1 }?.0
  }

  private enum End { case token, line, file }

  /// Fills `token`, empty at the end of a line, and tells what ended it.
  private mutating func nextToken() throws -> End {
    token.removeAll(keepingCapacity: true)
    while let byte = try stream.next() {
      switch byte {
      case UInt8(ascii: "\n"): return .line
      case UInt8(ascii: " "), UInt8(ascii: "\t"), UInt8(ascii: "\r"):
        if !token.isEmpty { return .token }
      case UInt8(ascii: "#"): return try skipLine()
      default:
        guard token.count < LIBSVMLines.longestToken else {
          throw bad("it has a word of more than \(LIBSVMLines.longestToken) characters")
        }
        token.append(byte)
      }
    }
    return .file
  }

  private func skipLine() throws -> End {
    while let byte = try stream.next() {
      if byte == UInt8(ascii: "\n") { return .line }
    }
    return .file
  }

  private func parseLabel() throws -> Double {
    guard let label = DecimalNumber.value(token[...]) else {
      throw bad("its label \(shown(token)) is not a number")
    }
    return label
  }

  private func parseEntry() throws -> (index: Int, value: Double) {
    guard let colon = token.firstIndex(of: UInt8(ascii: ":")) else {
      throw bad("\(shown(token)) is not of the form index:value")
    }
    guard let index = LIBSVMLines.index(token[..<colon]) else {
      throw bad("\(shown(token)) has no index, a whole number from 0 or 1 on")
    }
    guard index <= Limits.features else {
      throw bad("index \(index) is more than the \(Limits.features) features that are supported")
    }
    guard let value = DecimalNumber.value(token[(colon + 1)...]) else {
      throw bad("\(shown(token)) has no finite number as value")
    }
    return (index, value)
  }

  private static func index(_ digits: ArraySlice<UInt8>) -> Int? {
    guard 1...18 ~= digits.count else { return nil }
    var value = 0
    for digit in digits {
      guard 0x30...0x39 ~= digit else { return nil }
      value = 10 * value + Int(digit - 0x30)
    }
    return value
  }

  /// Untrusted text for a message: printable ASCII only.
  private func shown(_ text: [UInt8]) -> String {
    "\"" + String(decoding: text.prefix(40).map { 0x20...0x7e ~= $0 ? $0 : 0x3f }, as: UTF8.self)
      + "\""
  }

  func bad(_ what: String) -> InputError { InputError("\(stream.path), line \(line): \(what)") }
}
