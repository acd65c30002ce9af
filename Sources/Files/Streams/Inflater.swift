import CZlib

/// Decompressed bytes of a gzip file (RFC 1952, members one after another included) or of one zlib stream
/// (RFC 1950). Checksums are zlib's to check; they are seen when the stream is read to its end.
public final class Inflater: ByteProducer {
  public enum Format { case gzip, zlib }

  /// A stream may be longer by this factor than its compressed bytes. Deflate could do 1032, for a file that is nearly all one byte
  /// again and again: no data set is, and 20 KB that unpack to 20 MB of samples are a trap.
  public static let largestRatio = 200
  /// Too little to be a trap, whatever it was packed to.
  public static let harmless = 1 << 20

  /// Whether `compressed` bytes may unpack to `bytes`: what a header declares is tested by it before it is believed.
  public static func canHold(_ bytes: Int, in compressed: Int) -> Bool {
    bytes <= harmless || bytes / largestRatio <= compressed
  }

  private let path: String
  private let compressedBytes: Int
  private var producedBytes = 0
  private let format: Format
  private let source: FileBytes
  private let input = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 17, alignment: 64)
  private let stream = UnsafeMutablePointer<z_stream>.allocate(capacity: 1)
  private var ended = false

  public init(_ file: InputFile, _ range: Range<Int>, format: Format) throws {
    path = file.path
    self.format = format
    compressedBytes = range.count
    source = FileBytes(file, range)
    stream.initialize(to: z_stream())
    let windowBits: Int32 = format == .gzip ? 31 : 15
    let status = inflateInit2_(
      stream, windowBits, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size))
    guard status == Z_OK else {
      throw InputError("\(path) cannot be decompressed: zlib says \(status)")
    }
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
    guard Inflater.canHold(producedBytes, in: compressedBytes) else {
      throw InputError(
        "\(path) unpacks to more than \(Inflater.largestRatio) times its size, which data do not do; if they are yours, unpack"
          + " them first")
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

  /// After a gzip member either the file ends or another member begins.
  private func endMember() throws {
    guard format == .gzip else {
      ended = true
      return
    }
    if stream.pointee.avail_in == 0 {
      let got = try source.produce(into: input)
      stream.pointee.next_in = input.baseAddress?.assumingMemoryBound(to: UInt8.self)
      stream.pointee.avail_in = UInt32(got)
    }
    if stream.pointee.avail_in == 0 {
      ended = true
    } else if stream.pointee.next_in[0] == 0x1f {
      inflateReset(stream)
    } else {
      throw InputError("\(path) has trailing bytes after its gzip data")
    }
  }

  private func damaged(_ status: Int32) -> InputError {
    let reason = stream.pointee.msg.map { String(cString: $0) } ?? "zlib error \(status)"
    return InputError("\(path) is damaged: its compressed data cannot be read (\(reason))")
  }
}
