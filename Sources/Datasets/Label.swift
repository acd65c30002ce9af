import Files

/// What a file says of a sample: a number, a text, or a row of numbers.
public enum Label: Hashable, Sendable {
  case number(Double)
  case text(String)
  /// A 1 at this place of a row of zeros: the place names a class.
  case oneHot(Int, of: Int)
  /// Another row of numbers: values to be predicted, one an output.
  case row([Double])

  /// As it is shown, and as two files' labels are compared: 3, 0.5, cat.
  public var name: String {
    switch self {
    case .number(let value): Self.name(of: value)
    case .text(let text): text
    case .oneHot(let place, _): String(place)
    case .row(let values): values.map(Self.name).joined(separator: " ")
    }
  }

  private static func name(of value: Double) -> String { Int(exactly: value).map(String.init) ?? "\(value)" }

  /// Whether it can name a class: a real number such as 0.37 is a value to be predicted.
  var isWhole: Bool {
    switch self {
    case .number(let value): value == value.rounded()
    case .text, .oneHot: true
    case .row: false
    }
  }

  /// The values to be predicted that it stands for; nil: a text.
  var values: [Double]? {
    switch self {
    case .number(let value): [value]
    case .text: nil
    case .oneHot(let place, let count): (0..<count).map { $0 == place ? 1 : 0 }
    case .row(let values): values
    }
  }

  /// From 2^53 on a Double does not hold every whole number, and two classes could become one.
  var isTooLarge: Bool { if case .number(let value) = self { abs(value) >= 0x1p53 } else { false } }
}

extension Label: Comparable {
  /// Numbers by their value, before texts by their characters' numbers.
  public static func < (a: Label, b: Label) -> Bool {
    switch (a, b) {
    case (.text(let a), .text(let b)): a.unicodeScalars.lexicographicallyPrecedes(b.unicodeScalars)
    case (.text, _): false
    case (_, .text): true
    default: a.inOrder.lexicographicallyPrecedes(b.inOrder)
    }
  }

  private var inOrder: [Double] { if case .oneHot(let place, _) = self { [Double(place)] } else { values ?? [] } }
}

extension Label: ExpressibleByIntegerLiteral, ExpressibleByFloatLiteral, ExpressibleByStringLiteral {
  public init(_ number: Int) { self = .number(Double(number)) }
  public init(integerLiteral value: Int) { self.init(value) }
  public init(floatLiteral value: Double) { self = .number(value) }
  public init(stringLiteral value: String) { self = .text(value) }
}
