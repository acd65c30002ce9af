import Glibc

/// Numbers as people read them. What is not a number, or is infinite, is a dash.
enum Figure {
  static let none = "–"

  /// 7.527e-05
  static func scientific(_ value: Double, digits: Int = 3) -> String {
    value.isFinite ? formatted("%.\(digits)e", value) : none
  }

  /// 12.34
  static func fixed(_ value: Double, digits: Int) -> String {
    value.isFinite ? formatted("%.\(digits)f", value) : none
  }

  /// A fraction as 98.76 %, the space a narrow one that does not break.
  static func percent(_ fraction: Double) -> String {
    fraction.isFinite ? fixed(fraction * 100, digits: 2) + "\u{202F}%" : none
  }

  /// In a sentence: 0.447, 7.53 × 10⁻⁵.
  static func prose(_ value: Double) -> String {
    guard value.isFinite else { return none }
    guard value != 0 else { return "0" }
    let magnitude = abs(value)
    if magnitude >= 0.01 && magnitude < 1000 { return formatted("%.3g", value) }
    let parts = scientific(value, digits: 2).split(separator: "e")
    return "\(parts[0]) × \(power(Int(parts[1]) ?? 0))"
  }

  /// A ratio: 1.3, 27, 5,940, 1.2 × 10⁷.
  static func factor(_ value: Double) -> String {
    guard value.isFinite else { return none }
    if value < 10 { return formatted("%.2g", value) }
    if value >= 1e6 { return prose(value) }
    let step = value >= 1000 ? 10.0 : 1
    return grouped(Int((value / step).rounded() * step))
  }

  /// 12,345
  static func grouped(_ value: Int) -> String {
    let digits = Array("\(value.magnitude)")
    var text = value < 0 ? "−" : ""
    for (index, digit) in digits.enumerated() {
      if index > 0 && (digits.count - index) % 3 == 0 { text += "," }
      text.append(digit)
    }
    return text
  }

  /// 1.94 s, 1 min 31 s, 2 h 05 min
  static func duration(_ seconds: Double) -> String {
    guard seconds.isFinite, seconds >= 0, seconds < 1e9 else { return none }
    if seconds < 60 { return formatted(seconds < 10 ? "%.2f" : "%.1f", seconds) + " s" }
    let whole = Int(seconds.rounded())
    if whole < 3600 { return "\(whole / 60) min \(whole % 60) s" }
    return "\(whole / 3600) h \(whole / 60 % 60) min"
  }

  /// 512 MiB, 1.50 GiB
  static func bytes(_ count: Int) -> String {
    count < 1 << 30 ? "\(count >> 20) MiB" : fixed(Double(count) / 0x1p30, digits: 2) + " GiB"
  }

  /// 10⁻⁵
  static func power(_ exponent: Int) -> String {
    let raised: [Character: Character] = [
      "-": "⁻", "0": "⁰", "1": "¹", "2": "²", "3": "³", "4": "⁴", "5": "⁵", "6": "⁶", "7": "⁷", "8": "⁸", "9": "⁹",
    ]
    return "10" + String("\(exponent)".map { raised[$0] ?? $0 })
  }

  /// A number for an axis, with no more digits than it needs.
  static func tick(_ value: Double) -> String { formatted("%.6g", value) }

  /// 104.5: pixels, to a hundredth.
  static func coordinate(_ value: Double) -> String {
    var text = fixed(value, digits: 2)
    while text.hasSuffix("0") && text.contains(".") { text.removeLast() }
    if text.hasSuffix(".") { text.removeLast() }
    return text == "-0" ? "0" : text
  }

  /// C's printf of one number.
  private static func formatted(_ format: String, _ value: Double) -> String {
    var text = [CChar](repeating: 0, count: 400)
    let length = withVaList([value]) { vsnprintf(&text, text.count, format, $0) }
    let bytes = text[..<min(Int(max(0, length)), text.count - 1)].map { UInt8(bitPattern: $0) }
    return String(decoding: bytes, as: UTF8.self)
  }
}
