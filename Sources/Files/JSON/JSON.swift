/// A JSON value (RFC 8259) that keeps the order of its keys and the digits of its numbers.
///
/// Run files are read by people and compared byte for byte, so the writer's order is the declared order, and
/// a double is written with the fewest digits that give it back exactly.
public enum JSON: Sendable, Equatable {
  case null
  case bool(Bool)
  /// The literal as written. Make one with `JSON(_:)`, which cannot make an invalid one.
  case number(String)
  case string(String)
  case array([JSON])
  case object([Member])

  public struct Member: Sendable, Equatable {
    public var key: String
    public var value: JSON

    public init(_ key: String, _ value: JSON) {
      self.key = key
      self.value = value
    }
  }

  /// A number; `null` if it is infinite or not a number, which JSON cannot say.
  public init(_ value: Double) { self = value.isFinite ? .number("\(value)") : .null }

  public init(_ value: some FixedWidthInteger) { self = .number("\(value)") }

  /// The value at `key`, or nil if this is no object or has no such key.
  public subscript(key: String) -> JSON? {
    guard case .object(let members) = self else { return nil }
    return members.first { $0.key == key }?.value
  }

  /// The value at the end of `path`, or nil.
  public subscript(path: [String]) -> JSON? {
    path.reduce(Optional(self)) { value, key in value?[key] }
  }

  /// Sets the value at the end of `path`, making the objects on the way; new keys come last.
  public mutating func set(_ value: JSON, at path: ArraySlice<String>) {
    guard let key = path.first else {
      self = value
      return
    }
    var members: [Member] = []
    if case .object(let existing) = self { members = existing }
    let index = members.firstIndex { $0.key == key } ?? members.endIndex
    if index == members.endIndex { members.append(Member(key, .null)) }
    members[index].value.set(value, at: path.dropFirst())
    self = .object(members)
  }
}

// MARK: - Writing

extension JSON {
  /// On one line: `{"layer": 1, "ranks": 2}`.
  public var line: String {
    var text = ""
    write(to: &text, indentation: nil)
    return text
  }

  /// Two spaces a level, one member a line, for people.
  public var page: String {
    var text = ""
    write(to: &text, indentation: 0)
    return text + "\n"
  }

  private func write(to text: inout String, indentation: Int?) {
    switch self {
    case .null: text += "null"
    case .bool(let value): text += value ? "true" : "false"
    case .number(let literal): text += literal
    case .string(let value): Self.quote(value, to: &text)
    case .array(let values):
      // Arrays here are short lists of names: always on one line.
      Self.list(values, "[", "]", to: &text, indentation: nil) { value, text, level in
        value.write(to: &text, indentation: level)
      }
    case .object(let members):
      Self.list(members, "{", "}", to: &text, indentation: indentation) { member, text, level in
        Self.quote(member.key, to: &text)
        text += ": "
        member.value.write(to: &text, indentation: level)
      }
    }
  }

  private static func list<Item>(
    _ items: [Item], _ open: String, _ close: String, to text: inout String, indentation: Int?,
    write: (Item, inout String, Int?) -> Void
  ) {
    let inner = items.isEmpty ? nil : indentation.map { $0 + 2 }
    text += open
    for (index, item) in items.enumerated() {
      if index > 0 { text += inner == nil ? ", " : "," }
      if let inner { text += "\n" + String(repeating: " ", count: inner) }
      write(item, &text, inner)
    }
    if let indentation, inner != nil { text += "\n" + String(repeating: " ", count: indentation) }
    text += close
  }

  private static func quote(_ value: String, to text: inout String) {
    text += "\""
    for scalar in value.unicodeScalars {
      switch scalar {
      case "\"": text += "\\\""
      case "\\": text += "\\\\"
      case "\n": text += "\\n"
      case "\r": text += "\\r"
      case "\t": text += "\\t"
      case "\0"..<" ":
        let digits = String(scalar.value, radix: 16)
        text += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
      default: text.unicodeScalars.append(scalar)
      }
    }
    text += "\""
  }
}
