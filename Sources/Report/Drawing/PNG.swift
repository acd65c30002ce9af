import Files

/// A small picture of indexed colours as PNG (W3C, Portable Network Graphics, third edition).
enum PNG {
  /// - Parameters:
  ///   - pixels: indices into the palette, row by row; (height x width).
  ///   - palette: at most 256 colours, red, green, blue.
  static func encode(_ pixels: [UInt8], width: Int, height: Int, palette: [[UInt8]]) -> [UInt8] {
    precondition(pixels.count == width * height && palette.count <= 256)
    let header = big(width) + big(height) + [8, 3, 0, 0, 0]
    var lines: [UInt8] = []
    for row in 0..<height { lines += [0] + pixels[(row * width)..<((row + 1) * width)] }
    return [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]
      + chunk("IHDR", header) + chunk("PLTE", palette.flatMap { $0 }) + chunk("IDAT", Deflate.zlib(lines))
      + chunk("IEND", [])
  }

  /// Length, type, data and the CRC of the two (ISO 3309), which is zlib's.
  private static func chunk(_ type: String, _ data: [UInt8]) -> [UInt8] {
    let body = Array(type.utf8) + data
    return big(data.count) + body + big(Int(Checksum(body).value))
  }

  private static func big(_ value: Int) -> [UInt8] {
    [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: value >> $0) }
  }

  /// As a URL that needs no network (RFC 2397, RFC 4648).
  static func dataURL(_ bytes: [UInt8]) -> String {
    let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
    var text: [UInt8] = []
    for start in stride(from: 0, to: bytes.count, by: 3) {
      let part = bytes[start..<min(start + 3, bytes.count)]
      let bits = part.reduce(0) { $0 << 8 | Int($1) } << (8 * (3 - part.count))
      for k in 0..<4 { text.append(k <= part.count ? alphabet[bits >> (18 - 6 * k) & 63] : UInt8(ascii: "=")) }
    }
    return "data:image/png;base64," + String(decoding: text, as: UTF8.self)
  }
}
