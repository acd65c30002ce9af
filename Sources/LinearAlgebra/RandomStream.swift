#if canImport(Glibc)
  import Glibc
#endif

/// Counter-based random numbers: Philox4x32-10 (Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy
/// as 1, 2, 3", SC 2011).
///
/// A number depends on (seed, stream, layer, row, column) alone, so any rank draws any part of a random matrix
/// and the rank count changes nothing. Key: the seed's low and high words. Counter: (column, row, layer, stream).
public struct RandomStream: Sendable {
  /// What the numbers are for. The raw value is the counter's last word.
  public enum Purpose: UInt32, Sendable {
    case weights = 1
    case phases = 2
    case projection = 3
    case pivots = 4
    case synthetic = 5
    case probe = 6
    case sketch = 7
    case copies = 8
    case validation = 9
    case groups = 10
    case bandwidth = 12
    case tileProbes = 13
    case initialWeights = 20
    case sampleOrder = 21
  }

  let key: (UInt32, UInt32)
  let layer: UInt32
  let purpose: UInt32

  /// The numbers of one purpose in one layer; 0 for what belongs to no layer.
  public init(seed: UInt64, layer: Int, purpose: Purpose) {
    key = (UInt32(truncatingIfNeeded: seed), UInt32(truncatingIfNeeded: seed >> 32))
    self.layer = UInt32(layer)
    self.purpose = purpose.rawValue
  }

  /// Four independent 32-bit words.
  public func words(row: Int, column: Int) -> (UInt32, UInt32, UInt32, UInt32) {
    let counter = (UInt32(truncatingIfNeeded: column), UInt32(truncatingIfNeeded: row), layer, purpose)
    return Self.philox(counter: counter, key: key)
  }

  /// Philox4x32-10 itself: four words from a counter and a key.
  public static func philox(
    counter: (UInt32, UInt32, UInt32, UInt32), key: (UInt32, UInt32)
  ) -> (UInt32, UInt32, UInt32, UInt32) {
    var c = counter
    var k = key
    for _ in 0..<10 {
      let p0 = UInt64(0xD251_1F53) &* UInt64(c.0)
      let p1 = UInt64(0xCD9E_8D57) &* UInt64(c.2)
      c = (
        UInt32(p1 >> 32) ^ c.1 ^ k.0, UInt32(truncatingIfNeeded: p1),
        UInt32(p0 >> 32) ^ c.3 ^ k.1, UInt32(truncatingIfNeeded: p0)
      )
      k = (k.0 &+ 0x9E37_79B9, k.1 &+ 0xBB67_AE85)
    }
    return c
  }

  /// Uniform in [0, 1) with 53 bits: (27 high bits of word 0) and (26 high bits of word 1).
  public func uniform(row: Int, column: Int) -> Double {
    let (a, b, _, _) = words(row: row, column: column)
    return (Double(a >> 5) * 67_108_864 + Double(b >> 6)) / 9_007_199_254_740_992
  }

  /// Standard normal, by Box and Muller from words 0, 1 (radius) and 2, 3 (angle).
  public func normal(row: Int, column: Int) -> Double {
    let (a, b, c, d) = words(row: row, column: column)
    let u = (Double(a >> 5) * 67_108_864 + Double(b >> 6) + 0.5) / 9_007_199_254_740_992
    let v = (Double(c >> 5) * 67_108_864 + Double(d >> 6)) / 9_007_199_254_740_992
    return (-2 * log(u)).squareRoot() * cos(2 * .pi * v)
  }
}
