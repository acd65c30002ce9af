import CZlib

/// CRC-32 of bytes as they come (zlib's crc32_z): tells a damaged file from a whole one, and one copy from another. No protection
/// against someone who wants two to be equal.
public struct Checksum: Sendable, Equatable {
  public private(set) var value: UInt = 0

  public init() {}

  public init(_ bytes: [UInt8]) { add(bytes) }

  public mutating func add(_ bytes: UnsafeRawBufferPointer) {
    guard let base = bytes.bindMemory(to: UInt8.self).baseAddress else { return }
    value = crc32_z(value, base, bytes.count)
  }

  public mutating func add(_ bytes: [UInt8]) { bytes.withUnsafeBytes { add($0) } }

  /// Eight bytes, the lowest first.
  public var littleEndian: [UInt8] { (0..<8).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) } }

  /// Eight hexadecimal digits.
  public var text: String {
    let digits = String(value, radix: 16)
    return String(repeating: "0", count: 8 - digits.count) + digits
  }

  /// *Local.* Of a file's first `count` bytes; nil: of all. Throws `FileError`.
  public init(of file: InputFile, count: Int? = nil) throws {
    let count = count ?? file.size
    var block = [UInt8](repeating: 0, count: 1 << 20)
    var offset = 0
    while offset < count {
      let wanted = min(block.count, count - offset)
      let got = try block.withUnsafeMutableBytes { buffer in
        let place = UnsafeMutableRawBufferPointer(rebasing: buffer[..<wanted])
        let got = try file.read(at: offset, into: place)
        add(UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(place)[..<got]))
        return got
      }
      guard got > 0 else { break }
      offset += got
    }
  }
}

/// What tells a whole file from a damaged or another one: its bytes and their checksum.
public struct Fingerprint: Sendable, Equatable {
  public var bytes: Int
  public var crc32: UInt

  public init(bytes: Int, crc32: UInt) {
    self.bytes = bytes
    self.crc32 = crc32
  }

  public init(of bytes: [UInt8]) { self.init(bytes: bytes.count, crc32: Checksum(bytes).value) }

  /// *Local.* Of a whole file. Throws `InputError` or `FileError`.
  public init(ofFile path: String) throws {
    let file = try InputFile(path)
    self.init(bytes: file.size, crc32: try Checksum(of: file).value)
  }
}
