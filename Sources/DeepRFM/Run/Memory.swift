import Glibc

/// *Local.* What the system says of memory, in bytes.
public enum Memory {
  /// The most that this process has held at once. (VmHWM of /proc/self/status, or else getrusage)
  public static var peak: Int {
    if let bytes = field("VmHWM", of: "/proc/self/status") { return bytes }
    var usage = rusage()
    getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
    return usage.ru_maxrss << 10
  }

  /// What this process holds now. (VmRSS of /proc/self/status)
  public static var resident: Int { field("VmRSS", of: "/proc/self/status") ?? peak }

  /// What this host, or the container it is, can still give without swapping. (MemAvailable of /proc/meminfo; memory.max and
  /// memory.current of control groups)
  public static var available: Int {
    let host = field("MemAvailable", of: "/proc/meminfo") ?? Int.max / 2
    let group = "/sys/fs/cgroup/memory"
    guard let limit = number(in: group + ".max"), let used = number(in: group + ".current") else { return host }
    return min(host, max(0, limit - used))
  }

  /// A line "name:   1234 kB".
  private static func field(_ name: String, of path: String) -> Int? {
    guard let text = try? String(decoding: File.contents(path, limit: 1 << 20), as: UTF8.self) else { return nil }
    let line = text.split(separator: "\n").first { $0.hasPrefix(name + ":") }
    return line.flatMap { Int($0.filter(\.isNumber)) }.map { $0 << 10 }
  }

  private static func number(in path: String) -> Int? {
    guard let text = try? String(decoding: File.contents(path, limit: 1 << 12), as: UTF8.self) else { return nil }
    return Int(text.filter { !$0.isNewline })
  }
}
