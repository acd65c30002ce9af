/// Sizes and times as people type them.
public enum Quantity {
  private static let units: [(suffix: String, bytes: Double)] = [
    ("kib", 0x1p10), ("mib", 0x1p20), ("gib", 0x1p30), ("tib", 0x1p40),
    ("kb", 1e3), ("mb", 1e6), ("gb", 1e9), ("tb", 1e12), ("b", 1), ("", 1),
  ]

  /// Bytes in "20GiB", "1.5gib", "500MB" or "1048576"; nil if it is none of these or under one byte.
  public static func bytes(_ text: String) -> Int? {
    let text = text.lowercased()
    guard let unit = units.first(where: { text.hasSuffix($0.suffix) }),
      let number = plainNumber(text.dropLast(unit.suffix.count))
    else { return nil }
    let bytes = number * unit.bytes
    return bytes >= 1 && bytes < 0x1p60 ? Int(bytes) : nil
  }

  /// Seconds in "10m", "1h30m", "2.5h", "90s", "90" or "H:MM:SS"; nil if it is none of these or under a millisecond.
  public static func seconds(_ text: String) -> Double? {
    let seconds = text.contains(":") ? clockTime(text) : unitTime(text.lowercased())
    guard let seconds, seconds >= 1e-3, seconds < 1e10 else { return nil }
    return seconds
  }

  private static func clockTime(_ text: String) -> Double? {
    let parts = text.split(separator: ":", omittingEmptySubsequences: false)
    guard parts.count == 3, parts[1...].allSatisfy({ $0.count == 2 }),
      let hours = plainNumber(parts[0], digitsOnly: true),
      let minutes = plainNumber(parts[1], digitsOnly: true), minutes < 60,
      let seconds = plainNumber(parts[2], digitsOnly: true), seconds < 60
    else { return nil }
    return hours * 3600 + minutes * 60 + seconds
  }

  private static func unitTime(_ text: String) -> Double? {
    if let seconds = plainNumber(text[...]) { return seconds }
    var rest = text[...]
    var total = 0.0
    for (unit, seconds) in [("d", 86400.0), ("h", 3600.0), ("m", 60.0), ("s", 1.0)] {
      guard let end = rest.firstIndex(of: Character(unit)) else { continue }
      guard let count = plainNumber(rest[..<end]) else { return nil }
      total += count * seconds
      rest = rest[rest.index(after: end)...]
    }
    return rest.isEmpty ? total : nil
  }

  /// Digits and at most one point: none of the signs, exponents and names that `Double` would take.
  private static func plainNumber(_ text: Substring, digitsOnly: Bool = false) -> Double? {
    let point = UInt8(ascii: ".")
    guard text.utf8.allSatisfy({ (0x30...0x39).contains($0) || (!digitsOnly && $0 == point) })
    else {
      return nil
    }
    return Double(text)
  }
}
