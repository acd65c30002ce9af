import CDigits
import Files

/// The 1,797 handwritten digits that are part of the program (see CDigits.h). Row: 8 x 8 pixels 0...16, row by
/// row.
public struct Digits: SampleReader {
  private static let recordBytes = 1 + Int(DIGITS_PIXELS)

  public init() {}

  public var sampleCount: Int { Int(DIGITS_COUNT) }
  public var featureCount: Int { Int(DIGITS_PIXELS) }

  private func record(_ index: Int) -> UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(
      start: digits_records() + index * Digits.recordBytes, count: Digits.recordBytes)
  }

  public var place: String { "the digits data set" }

  public func labels(first count: Int) throws -> [Label] {
    try checkAsked(count, of: place)
    return (0..<count).map { Label(Int(record($0)[0])) }
  }

  public func readRows(
    _ indices: [Int],
    _ body: (_ position: Int, _ values: UnsafeBufferPointer<Double>) throws -> Void
  ) throws {
    try readRows(
      indices,
      by: { row, sample in
        NumberFormat.byte.decode(UnsafeRawBufferPointer(rebasing: record(sample)[1...]), into: row)
      }, body)
  }
}
