import Glibc

/// Decimal numbers in text files.
public enum DecimalNumber {
  private static let powersOfTen: [Double] = [
    1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17,
    1e18, 1e19,
    1e20, 1e21, 1e22,
  ]

  /// The correctly rounded value of text such as -1.25e-3, nil where it is something else, or too large.
  /// Hexadecimal, inf and nan are something else.
  public static func value(_ text: ArraySlice<UInt8>) -> Double? {
    guard let parts = Parts(text) else { return nil }
    // Up to 2^53 and 10^22 both are exact, so one operation rounds once (Clinger 1990); else the C library.
    if parts.digits <= 15, abs(parts.exponent) <= 22 {
      let mantissa = Double(parts.mantissa)
      let power = powersOfTen[abs(parts.exponent)]
      let magnitude = parts.exponent < 0 ? mantissa / power : mantissa * power
      return parts.isNegative ? -magnitude : magnitude
    }
    let value = strtod(String(decoding: text, as: UTF8.self), nil)
    return value.isFinite ? value : nil
  }

  /// Sign, significant digits and power of ten.
  private struct Parts {
    var isNegative = false
    var mantissa: UInt64 = 0
    /// Significant digits; the mantissa is meaningful up to 18.
    var digits = 0
    var exponent = 0

    init?(_ text: ArraySlice<UInt8>) {
      var rest = text
      isNegative = rest.first == UInt8(ascii: "-")
      if isNegative || rest.first == UInt8(ascii: "+") { rest.removeFirst() }
      var digitsSeen = take(&rest, afterPoint: false)
      if rest.first == UInt8(ascii: ".") {
        rest.removeFirst()
        digitsSeen += take(&rest, afterPoint: true)
      }
      guard digitsSeen > 0 else { return nil }
      if rest.first == UInt8(ascii: "e") || rest.first == UInt8(ascii: "E") {
        guard let power = Int(String(decoding: rest.dropFirst(), as: UTF8.self)),
          abs(power.clamped(to: 1_000_000)) < 1_000_000
        else { return nil }
        exponent += power
        rest = []
      }
      guard rest.isEmpty else { return nil }
    }

    /// Takes digits into the mantissa; returns how many there were.
    private mutating func take(_ rest: inout ArraySlice<UInt8>, afterPoint: Bool) -> Int {
      var seen = 0
      while let byte = rest.first, 0x30...0x39 ~= byte {
        rest.removeFirst()
        seen += 1
        if digits > 0 || byte != 0x30 { digits += 1 }
        if digits <= 18 { mantissa = mantissa &* 10 &+ UInt64(byte &- 0x30) }
        if afterPoint { exponent -= 1 }
      }
      return seen
    }
  }
}

extension Int {
  fileprivate func clamped(to bound: Int) -> Int { Swift.min(Swift.max(self, -bound), bound) }
}
