import TestSupport

/// Changes a valid file as a broken disk, a broken download or an enemy would: bits, cuts, copies, lengths, numbers.
///
/// A mutant depends on its seed alone, so that one iteration can be played again without those before it.
struct FuzzMutator {
  private var random: SplitMix

  init(seed: UInt64) { random = SplitMix(state: seed) }

  /// 1 to 8 changes, few more often than many.
  mutating func mutant(of seeds: [[UInt8]]) -> [UInt8] {
    var bytes = seeds[number(below: seeds.count)]
    repeat { change(&bytes, seeds) } while number(below: 2) == 0 && bytes.count < 1 << 16
    return bytes
  }

  private mutating func change(_ bytes: inout [UInt8], _ seeds: [[UInt8]]) {
    guard !bytes.isEmpty else {
      bytes = seeds[number(below: seeds.count)]
      return
    }
    let place = place(in: bytes)
    switch number(below: 10) {
    case 0: bytes[place] ^= 1 << UInt8(number(below: 8))
    case 1: bytes[place] = Self.oddBytes[number(below: Self.oddBytes.count)]
    case 2: bytes.removeSubrange(place...)
    case 3: bytes.removeSubrange(chunk(from: place, in: bytes))
    case 4: bytes.insert(contentsOf: bytes[chunk(from: place, in: bytes)], at: self.place(in: bytes))
    case 5: splice(&bytes, at: place, seeds[number(below: seeds.count)])
    case 6, 7: setLength(&bytes, at: place)
    case 8: setDecimal(&bytes, from: place)
    default: bytes.insert(UInt8(number(below: 256)), at: place)
    }
  }

  /// Half of the changes hit the first bytes, where headers are.
  private mutating func place(in bytes: [UInt8]) -> Int {
    number(below: number(below: 2) == 0 ? min(bytes.count, 160) : bytes.count)
  }

  private mutating func chunk(from place: Int, in bytes: [UInt8]) -> Range<Int> {
    place..<min(bytes.count, place + 1 + number(below: number(below: 2) == 0 ? 8 : 300))
  }

  /// The end of another seed behind the beginning of this one.
  private mutating func splice(_ bytes: inout [UInt8], at place: Int, _ other: [UInt8]) {
    bytes.removeSubrange(place...)
    bytes += other[number(below: other.count + 1)...]
  }

  /// 2, 4 or 8 bytes, of either order, become a number that a length should not be.
  private mutating func setLength(_ bytes: inout [UInt8], at place: Int) {
    let size = [2, 4, 8][number(below: 3)]
    var value = Self.oddLengths[number(below: Self.oddLengths.count)] &+ number(below: 3) &- 1
    if number(below: 3) == 0 { value = bytes.count + number(below: 17) - 8 }
    let isBig = number(below: 2) == 0
    for i in 0..<min(size, bytes.count - place) {
      bytes[place + i] = UInt8(truncatingIfNeeded: value >> (8 * (isBig ? size - 1 - i : i)))
    }
  }

  /// The next number in the text becomes another.
  private mutating func setDecimal(_ bytes: inout [UInt8], from place: Int) {
    let isDigit = { (byte: UInt8) in 0x30...0x39 ~= byte }
    guard let start = bytes[place...].firstIndex(where: isDigit) else { return }
    let end = bytes[start...].firstIndex { !isDigit($0) } ?? bytes.count
    let text = Self.oddDecimals[number(below: Self.oddDecimals.count)]
    bytes.replaceSubrange(start..<end, with: text.utf8)
  }

  private mutating func number(below bound: Int) -> Int {
    Int(truncatingIfNeeded: random.next() % UInt64(max(1, bound)))
  }

  private static let oddBytes: [UInt8] =
    [0, 1, 0x7f, 0x80, 0xff] as [UInt8] + Array<UInt8>("\n\r\t \"\\{}[](),:;#.-+eE09'".utf8)
  private static let oddLengths = [
    0, 1, 16, 255, 1 << 15, 1 << 16, 1 << 20, 1 << 24, 1 << 28, 1 << 31, 1 << 32, 1 << 40, 1 << 60, 1 << 62, .max - 1,
    .min + 1, -1,
  ]
  private static let oddDecimals = [
    "0", "-1", "1", "2", "7", "65535", "65536", "1048576", "16777216", "2147483647", "2147483648", "4294967296",
    "4611686018427387904", "9223372036854775807", "9223372036854775808", "99999999999999999999", "1e999", "1e-999",
    "0.1",
    "nan", "inf", "00", "1e", String(repeating: "9", count: 400),
  ]
}
