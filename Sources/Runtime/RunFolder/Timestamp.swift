import Glibc

/// Moments as text. Times are seconds since 1970; nil is now.
public enum Timestamp {
  /// 2025-01-31T23:59:59Z
  public static func iso8601(_ time: Int? = nil) -> String {
    formatted("%Y-%m-%dT%H:%M:%SZ", time, gmtime_r)
  }

  /// 20250131-235959, local time.
  static func local(_ time: Int? = nil) -> String {
    formatted("%Y%m%d-%H%M%S", time, localtime_r)
  }

  private static func formatted(
    _ format: String, _ time: Int?,
    _ split: (UnsafePointer<time_t>, UnsafeMutablePointer<tm>) -> UnsafeMutablePointer<tm>?
  ) -> String {
    var seconds = time_t(time ?? Glibc.time(nil))
    var parts = tm()
    _ = split(&seconds, &parts)
    var text = [CChar](repeating: 0, count: 64)
    let length = strftime(&text, text.count, format, &parts)
    return String(decoding: text[..<length].map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }
}
