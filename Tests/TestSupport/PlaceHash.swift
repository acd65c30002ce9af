/// Numbers in [-1, 1) by a hash of their place, as the golden files' programs make them. What loops over millions of them stands here,
/// where it is optimised: the tests' own targets are not.
public enum PlaceHash {
  public static func uniform(_ place: Int, _ salt: Int) -> Double {
    var h = UInt32(truncatingIfNeeded: place) &* 0x9E37_79B1 &+ UInt32(salt) &* 0x85EB_CA77
    h = (h ^ (h >> 16)) &* 0x85EB_CA6B
    h = (h ^ (h >> 13)) &* 0xC2B2_AE35
    return Double(h ^ (h >> 16)) / 0x1p31 - 1
  }

  /// values[k] = uniform * scale + offset
  public static func fill(
    _ values: UnsafeMutablePointer<Double>, count: Int, salt: Int, scale: Double, offset: Double
  ) {
    for k in 0..<count { values[k] = uniform(k, salt) * scale + offset }
  }

  /// The sum of squares, and the inner product with the hash's numbers.
  public static func digest(
    _ values: UnsafeMutablePointer<Double>, count: Int, salt: Int
  ) -> (square: Double, probe: Double) {
    var (square, probe) = (0.0, 0.0)
    for k in 0..<count {
      square += values[k] * values[k]
      probe += values[k] * uniform(k, salt)
    }
    return (square, probe)
  }
}
