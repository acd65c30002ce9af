/// How a file writes one number.
public struct NumberFormat: Sendable, Equatable {
  public enum Kind: Sendable { case signed, unsigned, real }
  public let kind: Kind
  /// Bytes: 1, 2, 4 or 8; 2, 4 or 8 for real numbers.
  public let size: Int
  public let bigEndian: Bool

  public init(_ kind: Kind, size: Int, bigEndian: Bool = false) {
    self.kind = kind
    self.size = size
    self.bigEndian = bigEndian
  }

  public static let byte = NumberFormat(.unsigned, size: 1)

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
    case (.real, 2): convert(bytes, values) { (raw: UInt16) in Double(Float16(bitPattern: raw)) }
    case (.real, 4): convert(bytes, values) { (raw: UInt32) in Double(Float(bitPattern: raw)) }
    case (.real, _): convert(bytes, values) { (raw: UInt64) in Double(bitPattern: raw) }
    }
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
public func firstNotFinite(_ values: UnsafeBufferPointer<Double>) -> Int? {
  // x - x is 0 unless x is infinite or not a number: a sum without branches, and a search only if it fails.
  var sum = 0.0
  for value in values { sum += value - value }
  return sum == 0 ? nil : values.firstIndex { !$0.isFinite }
}
