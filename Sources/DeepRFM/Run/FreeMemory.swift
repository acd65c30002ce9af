/// *Local.* What the system would give to programs now.
enum FreeMemory {
  /// Bytes: MemAvailable of /proc/meminfo; 0 if the system does not say.
  static var bytes: Int {
    guard let text = try? File.contents("/proc/meminfo", limit: 1 << 20),
      let line = text.split(separator: UInt8(ascii: "\n")).first(where: { $0.starts(with: "MemAvailable:".utf8) }),
      let kilobytes = Int(String(decoding: line.filter { (0x30...0x39).contains($0) }, as: UTF8.self))
    else { return 0 }
    return kilobytes << 10
  }
}
