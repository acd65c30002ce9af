/// A piece of HTML or SVG. Text that is interpolated into it is escaped; another piece of markup is not.
///
/// Names of directories, classes and hosts come from outside: this type is why none of them can become markup.
struct Markup: Sendable, Equatable, ExpressibleByStringInterpolation, CustomStringConvertible {
  private(set) var description: String

  init(stringLiteral value: String) { description = value }

  init(stringInterpolation: StringInterpolation) { description = stringInterpolation.text }

  private init(verbatim text: String) { description = text }

  struct StringInterpolation: StringInterpolationProtocol, Sendable {
    var text = ""

    init(literalCapacity: Int, interpolationCount: Int) {
      text.reserveCapacity(literalCapacity + 16 * interpolationCount)
    }

    mutating func appendLiteral(_ literal: String) { text += literal }
    mutating func appendInterpolation(_ value: String) { text += Markup.escaped(value) }
    mutating func appendInterpolation(_ value: Int) { text += "\(value)" }
    mutating func appendInterpolation(_ markup: Markup) { text += markup.description }

    /// A coordinate: in pixels, to a hundredth.
    mutating func appendInterpolation(_ value: Double) { text += Figure.coordinate(value) }
  }

  static func + (a: Markup, b: Markup) -> Markup { Markup(verbatim: a.description + b.description) }
  static func += (a: inout Markup, b: Markup) { a.description += b.description }

  /// Text for an element's content or a quoted attribute. What HTML forbids even as a reference becomes U+FFFD.
  static func escaped(_ text: String) -> String {
    var result = ""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "&": result += "&amp;"
      case "<": result += "&lt;"
      case ">": result += "&gt;"
      case "\"": result += "&quot;"
      case "'": result += "&#39;"
      case "\t", "\n": result.unicodeScalars.append(scalar)
      case _ where isForbidden(scalar.value): result += "\u{FFFD}"
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result
  }

  /// Control characters and noncharacters (HTML, "Preprocessing the input stream").
  private static func isForbidden(_ code: UInt32) -> Bool {
    code < 0x20 || (0x7F...0x9F).contains(code) || (0xFDD0...0xFDEF).contains(code) || code & 0xFFFE == 0xFFFE
  }
}

extension Sequence<Markup> {
  func joined(_ separator: String = "\n") -> Markup {
    var result = Markup(stringLiteral: "")
    for (index, piece) in enumerated() {
      if index > 0 { result += Markup(stringLiteral: separator) }
      result += piece
    }
    return result
  }
}
