import CZlib

/// Compressing bytes in memory.
public enum Deflate {
  /// `bytes` as one zlib stream (RFC 1950), with its checksum.
  ///
  /// The corresponding C function is `compress2`, with room for the worst case (`compressBound`): it cannot fail but for want of memory.
  public static func zlib(_ bytes: [UInt8]) -> [UInt8] {
    let room = compressBound(uLong(bytes.count))
    return [UInt8](unsafeUninitializedCapacity: Int(room)) { buffer, filled in
      var length = room
      let status = compress2(buffer.baseAddress, &length, bytes, uLong(bytes.count), Z_BEST_COMPRESSION)
      precondition(status == Z_OK, "zlib's compress2 says \(status)")
      filled = Int(length)
    }
  }
}
