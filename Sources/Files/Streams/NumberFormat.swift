/// How a file writes one number.
public struct NumberFormat: Sendable, Equatable {
  /// `real`: IEEE 754; `brain`: the first half of a float32 (bfloat16).
  public enum Kind: Sendable { case signed, unsigned, real, brain }
  let kind: Kind
  /// Bytes: 1, 2, 4 or 8; 2, 4 or 8 for real numbers; 2 for brain.
  public let size: Int
  let bigEndian: Bool

  public init(_ kind: Kind, size: Int, bigEndian: Bool = false) {
    self.kind = kind
    self.size = size
    self.bigEndian = bigEndian
  }

  public static let byte = NumberFormat(.unsigned, size: 1)

  /// Whether it can write numbers that are not finite.
  public var isReal: Bool { kind == .real || kind == .brain }

  /// The distance from 1 to the next number it can write; 1 for integers.
  public var spacing: Double {
    switch (kind, size) {
    case (.signed, _), (.unsigned, _): 1
    case (.brain, _): 0x1p-7
    case (.real, 2): 0x1p-10
    case (.real, 4): 0x1p-23
    case (.real, _): 0x1p-52
    }
  }

  /// Converts `values.count` numbers; `bytes` holds exactly that many.
  public func decode(
    _ bytes: UnsafeRawBufferPointer, into values: UnsafeMutableBufferPointer<Double>
  ) {
    switch (kind, size) {
    case (.unsigned, 1): convert(bytes, values) { (raw: UInt8) in Double(raw) }
    case (.signed, 1): convert(bytes, values) { (raw: UInt8) in Double(Int8(bitPattern: raw)) }
    case (.unsigned, 2): convert(bytes, values) { (raw: UInt16) in Double(raw) }
    case (.signed, 2): convert(bytes, values) { (raw: UInt16) in Double(Int16(bitPattern: raw)) }
    case (.unsigned, 4): convert(bytes, values) { (raw: UInt32) in Double(raw) }
    case (.signed, 4): convert(bytes, values) { (raw: UInt32) in Double(Int32(bitPattern: raw)) }
    case (.unsigned, _): convert(bytes, values) { (raw: UInt64) in Double(raw) }
    case (.signed, _): convert(bytes, values) { (raw: UInt64) in Double(Int64(bitPattern: raw)) }
    case (.real, 2): convert(bytes, values) { (raw: UInt16) in Double(Self.half(raw)) }
    case (.real, 4): convert(bytes, values) { (raw: UInt32) in Double(Float(bitPattern: raw)) }
    case (.real, _): convert(bytes, values) { (raw: UInt64) in Double(bitPattern: raw) }
    case (.brain, _): convert(bytes, values) { (raw: UInt16) in Double(Float(bitPattern: UInt32(raw) << 16)) }
    }
  }

  /// A float16 as a float, exactly. In place of `Float16`, which the baseline processor converts by a call a number: the exponent's
  /// bias is mended by a product, which is exact for subnormal numbers too.
  @inline(__always) private static func half(_ raw: UInt16) -> Float {
    let bits = UInt32(raw & 0x7fff) << 13
    let magnitude = raw & 0x7c00 == 0x7c00 ? Float(bitPattern: bits | 0x7f80_0000) : Float(bitPattern: bits) * 0x1p112
    return Float(bitPattern: magnitude.bitPattern | UInt32(raw & 0x8000) << 16)
  }

  @inline(__always)
  private func convert<Raw: FixedWidthInteger>(
    _ bytes: UnsafeRawBufferPointer, _ values: UnsafeMutableBufferPointer<Double>,
    _ value: (Raw) -> Double
  ) {
    let count = min(values.count, bytes.count / MemoryLayout<Raw>.size)
    for i in 0..<count {
      let raw = bytes.loadUnaligned(fromByteOffset: i * MemoryLayout<Raw>.size, as: Raw.self)
      values[i] = value(bigEndian ? raw.byteSwapped : raw)
    }
  }
}

/// The first value that is not a number or not finite, nil where all are fine.
func firstNotFinite(_ values: UnsafeBufferPointer<Double>) -> Int? {
  // x - x is 0 unless x is infinite or not a number: a sum without branches, and a search only if it fails.
  var sum = 0.0
  for value in values { sum += value - value }
  return sum == 0 ? nil : values.firstIndex { !$0.isFinite }
}
