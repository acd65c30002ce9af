/// Where a `ByteStream` gets its bytes.
public protocol ByteProducer: AnyObject {
  /// Fills the buffer from its start; returns how many bytes, 0 only at the end.
  func produce(into buffer: UnsafeMutableRawBufferPointer) throws -> Int
  /// Passes over up to `count` bytes without producing them; returns how many.
  func passOver(_ count: Int) -> Int
}

/// Bytes read forward, once, with a buffer in front of a file or of a decompressor.
///
/// `take` lends memory of the buffer itself: no copy between the decompressor and the conversion of a record.
public final class ByteStream {
  public let path: String
  /// Bytes taken or skipped so far.
  public private(set) var position = 0

  private let producer: any ByteProducer
  private var buffer: UnsafeMutableRawBufferPointer
  private var low = 0
  private var high = 0

  public init(path: String, producer: any ByteProducer) {
    self.path = path
    self.producer = producer
    buffer = .allocate(byteCount: 1 << 18, alignment: 64)
  }

  deinit { buffer.deallocate() }

  /// The next `count` bytes; they stay valid until the next call on this stream.
  public func take(_ count: Int) throws -> UnsafeRawBufferPointer {
    while high - low < count {
      guard try refill(towards: count) else { throw endedEarly(wanting: count) }
    }
    let bytes = UnsafeRawBufferPointer(rebasing: buffer[low..<low + count])
    low += count
    position += count
    return bytes
  }

  /// The next byte, nil at the end.
  @inline(__always)
  public func next() throws -> UInt8? {
    if low == high {
      guard try refill(towards: 1) else { return nil }
    }
    let byte = buffer[low]
    low += 1
    position += 1
    return byte
  }

  /// Goes to the end; returns its position. (Inlined, it crashes the 6.3.1 compiler's CopyPropagation.)
  @inline(never)
  public func skipToEnd() throws -> Int {
    repeat {
      position += high - low
      low = high
    } while try refill(towards: 1)
    return position
  }

  public func skip(_ count: Int) throws {
    var left = count
    while left > 0 {
      if low == high {
        let passed = producer.passOver(left)
        left -= passed
        position += passed
        if left == 0 { break }
        guard try refill(towards: 1) else { throw endedEarly(wanting: left) }
      }
      let step = min(left, high - low)
      low += step
      position += step
      left -= step
    }
  }

  /// Throws `InputError` unless the stream ends here. Reads on, so a decompressor also checks its checksum.
  func expectEnd() throws {
    if try next() != nil {
      throw InputError(
        "\(path) has trailing bytes: its contents should end after \(position - 1) bytes")
    }
  }

  /// Gets more bytes behind those not yet taken. The buffer grows only when it is full of real bytes, so a
  /// header that promises too much costs no memory.
  private func refill(towards count: Int) throws -> Bool {
    if low > 0 {
      let rest = UnsafeRawBufferPointer(rebasing: buffer[low..<high])
      buffer.copyMemory(from: rest)  // may overlap: this is memmove
      high -= low
      low = 0
    }
    if high == buffer.count { grow(towards: count) }
    let got = try producer.produce(into: UnsafeMutableRawBufferPointer(rebasing: buffer[high...]))
    high += got
    return got > 0
  }

  private func grow(towards count: Int) {
    let larger = UnsafeMutableRawBufferPointer.allocate(
      byteCount: min(2 * buffer.count, max(count, buffer.count + 1)), alignment: 64)
    larger.copyMemory(from: UnsafeRawBufferPointer(rebasing: buffer[..<high]))
    buffer.deallocate()
    buffer = larger
  }

  private func endedEarly(wanting count: Int) -> InputError {
    InputError(
      "\(path) is truncated: \(count) more bytes are due after byte \(position), \(high - low) are there"
    )
  }
}

/// A range of a file's bytes.
public final class FileBytes: ByteProducer {
  private let file: InputFile
  private var offset: Int
  private let end: Int

  public init(_ file: InputFile, _ range: Range<Int>) {
    self.file = file
    offset = range.lowerBound
    end = range.upperBound
  }

  public func produce(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
    let count = min(buffer.count, end - offset)
    try file.readExactly(at: offset, into: UnsafeMutableRawBufferPointer(rebasing: buffer[..<count]))
    offset += count
    return count
  }

  public func passOver(_ count: Int) -> Int {
    let passed = min(count, end - offset)
    offset += passed
    return passed
  }
}

/// A range of another stream's bytes, from where it stands.
public final class StreamBytes: ByteProducer {
  private let stream: ByteStream
  private var left: Int

  public init(_ stream: ByteStream, count: Int) {
    self.stream = stream
    left = count
  }

  public func produce(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
    // Not more than the stream's own buffer holds: `take` would grow it.
    let count = min(buffer.count, left, 1 << 17)
    guard count > 0 else { return 0 }
    buffer.copyMemory(from: try stream.take(count))
    left -= count
    return count
  }

  public func passOver(_ count: Int) -> Int { 0 }
}

/// Bytes that must have a given number and checksum: seen when they are read to their end.
final class CheckedBytes: ByteProducer {
  private let path: String
  private let producer: any ByteProducer
  private let expected: Fingerprint
  private var checksum = Checksum()
  private var count = 0

  init(_ producer: any ByteProducer, expected: Fingerprint, path: String) {
    self.producer = producer
    self.expected = expected
    self.path = path
  }

  func produce(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
    let got = try producer.produce(into: buffer)
    checksum.add(UnsafeRawBufferPointer(rebasing: buffer[..<got]))
    count += got
    guard count <= expected.bytes, got > 0 || (count == expected.bytes && checksum.value == expected.crc32) else {
      throw InputError("\(path) is damaged: its data have another size or checksum than its directory says")
    }
    return got
  }

  func passOver(_ count: Int) -> Int { 0 }
}
