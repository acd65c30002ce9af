import Files

/// What a file says of a sample: a number, or a text.
public enum Label: Hashable, Sendable {
  case number(Double)
  case text(String)

  /// As it is shown, and as two files' labels are compared: 3, 0.5, cat.
  public var name: String {
    switch self {
    case .number(let value): Int(exactly: value).map(String.init) ?? "\(value)"
    case .text(let text): text
    }
  }

  /// Whether it can name a class: a real number such as 0.37 is a value to be predicted.
  var isWhole: Bool { if case .number(let value) = self { value == value.rounded() } else { true } }

  /// From here on a Double does not hold every whole number.
  static let largestWhole = 1 << 53
}

extension Label: Comparable {
  /// Numbers by their value, before texts by their characters' numbers.
  public static func < (a: Label, b: Label) -> Bool {
    switch (a, b) {
    case (.number(let a), .number(let b)): a < b
    case (.number, .text): true
    case (.text, .number): false
    case (.text(let a), .text(let b)): a.unicodeScalars.lexicographicallyPrecedes(b.unicodeScalars)
    }
  }
}

extension Label: ExpressibleByIntegerLiteral, ExpressibleByFloatLiteral, ExpressibleByStringLiteral {
  public init(_ number: Int) { self = .number(Double(number)) }
  public init(integerLiteral value: Int) { self.init(value) }
  public init(floatLiteral value: Double) { self = .number(value) }
  public init(stringLiteral value: String) { self = .text(value) }
}
