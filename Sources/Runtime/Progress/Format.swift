import Glibc

/// Numbers for people. What is not a number is said to be undefined: printf's word has a sign or none, by the processor.
public enum Format {
  /// 1.234e-05
  public static func scientific(_ value: Double, digits: Int) -> String {
    formatted("%.\(digits)e", value)
  }

  /// 12.3
  public static func fixed(_ value: Double, digits: Int) -> String { formatted("%.\(digits)f", value) }

  /// A fraction as 98.76%
  public static func percent(_ fraction: Double) -> String { formatted("%.2f%%", fraction * 100) }

  /// 10 bytes, 100 KiB, 512 MiB, 1.50 GiB
  public static func bytes(_ count: Int) -> String {
    if count > 0 && count < 1 << 20 { return count < 10 << 10 ? "\(count) bytes" : "\(count >> 10) KiB" }
    return count < 1 << 30 ? "\(count >> 20) MiB" : fixed(Double(count) / Double(1 << 30), digits: 2) + " GiB"
  }

  /// Seconds as 0:12 or 1:02:03
  public static func clock(_ seconds: Double) -> String {
    guard seconds.isFinite, seconds < 3.6e6 else { return "very long" }
    let total = Int(seconds.rounded())
    func two(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
    let (hours, minutes) = (total / 3600, total / 60 % 60)
    return (hours > 0 ? "\(hours):\(two(minutes))" : "\(minutes)") + ":" + two(total % 60)
  }

  private static let undefined = "undefined"

  /// C's printf of one number.
  private static func formatted(_ format: String, _ value: Double) -> String {
    if value.isNaN { return undefined }
    var text = [CChar](repeating: 0, count: 400)
    let length = withVaList([value]) { vsnprintf(&text, text.count, format, $0) }
    let bytes = text[..<min(Int(max(0, length)), text.count - 1)].map { UInt8(bitPattern: $0) }
    return String(decoding: bytes, as: UTF8.self)
  }
}
