import CZlib

/// Decompressed bytes of a gzip file (RFC 1952, members one after another included), of one zlib stream (RFC 1950), or of one bare
/// deflate stream (RFC 1951). Checksums are zlib's to check; they are seen when the stream is read to its end. A bare stream has none.
public final class Inflater: ByteProducer {
  public enum Format { case gzip, zlib, bare }

  /// Deflate's own limit: 258 bytes in two bits. What a header declares is tested by it before it is believed.
  private static let deflateRatio = 1032
  /// Lines of text have no header that says how many they are: more than this, and it is a trap.
  static let textRatio = 200
  /// Too little to be a trap, whatever it was packed to.
  static let harmless = 1 << 20

  /// Whether `compressed` bytes may unpack to `bytes`.
  public static func canHold(_ bytes: Int, in compressed: Int, ratio: Int? = nil) -> Bool {
    bytes <= harmless || bytes / (ratio ?? deflateRatio) <= compressed
  }

  private let path: String
  private let compressedBytes: Int
  private let largestRatio: Int?
  private var producedBytes = 0
  private let format: Format
  private let source: any ByteProducer
  private let input = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 17, alignment: 64)
  private let stream = UnsafeMutablePointer<z_stream>.allocate(capacity: 1)
  private var ended = false

  /// - Parameters:
  ///   - compressedBytes: that `source` will give.
  ///   - largestRatio: of unpacked to compressed bytes, where no header tells how many are to come.
  public init(
    path: String, source: any ByteProducer, compressedBytes: Int, format: Format, largestRatio: Int? = nil
  ) throws {
    self.path = path
    self.source = source
    self.compressedBytes = compressedBytes
    self.format = format
    self.largestRatio = largestRatio
    stream.initialize(to: z_stream())
    let windowBits: Int32 =
      switch format {
      case .gzip: 31
      case .zlib: 15
      case .bare: -15
      }
    let status = inflateInit2_(
      stream, windowBits, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size))
    guard status == Z_OK else {
      throw InputError("\(path) cannot be decompressed: zlib says \(status)")
    }
  }

  public convenience init(_ file: InputFile, _ range: Range<Int>, format: Format, largestRatio: Int? = nil) throws {
    try self.init(
      path: file.path, source: FileBytes(file, range), compressedBytes: range.count, format: format,
      largestRatio: largestRatio)
  }

  deinit {
    inflateEnd(stream)
    stream.deinitialize(count: 1)
    stream.deallocate()
    input.deallocate()
  }

  public func passOver(_ count: Int) -> Int { 0 }

  public func produce(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
    let room = min(buffer.count, 1 << 30)
    stream.pointee.next_out = buffer.baseAddress?.assumingMemoryBound(to: UInt8.self)
    stream.pointee.avail_out = UInt32(room)
    while !ended, stream.pointee.avail_out == UInt32(room) {
      try feed()
      let status = inflate(stream, Z_NO_FLUSH)
      switch status {
      case Z_OK: continue
      case Z_STREAM_END: try endMember()
      default: throw damaged(status)
      }
    }
    let produced = room - Int(stream.pointee.avail_out)
    producedBytes += produced
    if let largestRatio, !Inflater.canHold(producedBytes, in: compressedBytes, ratio: largestRatio) {
      throw InputError(
        "\(path) unpacks to more than \(largestRatio) times its size, which text does not do; if it is yours, unpack it first"
      )
    }
    return produced
  }

  /// Gets compressed bytes if there are none left.
  private func feed() throws {
    if stream.pointee.avail_in > 0 { return }
    let got = try source.produce(into: input)
    guard got > 0 else {
      throw InputError("\(path) is truncated: its compressed data stop half-way")
    }
    stream.pointee.next_in = input.baseAddress?.assumingMemoryBound(to: UInt8.self)
    stream.pointee.avail_in = UInt32(got)
  }

  /// After a gzip member another begins, or the file ends; zeros that fill a block of a disk or a tape are no data (gzip's manual).
  private func endMember() throws {
    guard format == .gzip else {
      ended = true
      return
    }
    var isPadded = false
    while true {
      if stream.pointee.avail_in == 0 {
        let got = try source.produce(into: input)
        stream.pointee.next_in = input.baseAddress?.assumingMemoryBound(to: UInt8.self)
        stream.pointee.avail_in = UInt32(got)
      }
      if stream.pointee.avail_in == 0 {
        ended = true
        return
      }
      switch stream.pointee.next_in[0] {
      case 0x1f where !isPadded:
        inflateReset(stream)
        return
      case 0:
        isPadded = true
        stream.pointee.next_in += 1
        stream.pointee.avail_in -= 1
      default: throw InputError("\(path) has trailing bytes after its gzip data")
      }
    }
  }

  private func damaged(_ status: Int32) -> InputError {
    let reason = stream.pointee.msg.map { String(cString: $0) } ?? "zlib error \(status)"
    return InputError("\(path) is damaged: its compressed data cannot be read (\(reason))")
  }
}
