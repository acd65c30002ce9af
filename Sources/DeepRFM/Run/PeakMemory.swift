import Glibc

/// *Local.* The most memory that this process has held at once.
public enum PeakMemory {
  /// Resident bytes: VmHWM of /proc/self/status, or else getrusage's.
  public static var bytes: Int {
    if let status = try? File.contents("/proc/self/status", limit: 1 << 20),
      let line = status.split(separator: UInt8(ascii: "\n")).first(where: {
        $0.starts(with: "VmHWM:".utf8)
      }),
      let kilobytes = Int(
        String(decoding: line.filter { (0x30...0x39).contains($0) }, as: UTF8.self))
    {
      return kilobytes << 10
    }
    var usage = rusage()
    getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
    return usage.ru_maxrss << 10
  }
}
