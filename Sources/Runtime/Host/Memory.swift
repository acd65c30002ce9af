import Files
import Glibc
import LinearAlgebra

/// *Local.* What the system says of memory, in bytes.
public enum Memory {
  /// The most that this process has held at once. (VmHWM of /proc/self/status, or else getrusage)
  public static var peak: Int {
    if let bytes = field("VmHWM", of: "/proc/self/status") { return bytes }
    var usage = rusage()
    getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
    return usage.ru_maxrss << 10
  }

  /// What this process uses now. (VmRSS of /proc/self/status, less what is kept for matrices to come)
  public static var used: Int {
    max(0, (field("VmRSS", of: "/proc/self/status") ?? peak) - LargeBlocks.shared.keptBytes)
  }

  /// What this host, or the control group that this process is in (a container, a batch job), can still give without swapping, and
  /// what this process keeps for itself.
  /// (MemAvailable of /proc/meminfo; memory.max or memory.limit_in_bytes of control groups)
  public static var available: Int {
    let host = field("MemAvailable", of: "/proc/meminfo") ?? Int.max / 2
    return controlGroups.reduce(host) { min($0, leftIn($1)) } + LargeBlocks.shared.keptBytes
  }

  /// The most address space that this process may have; nil: no limit. (getrlimit, RLIMIT_AS)
  public static var processLimit: Int? {
    var limit = rlimit()
    guard getrlimit(__rlimit_resource_t(RLIMIT_AS.rawValue), &limit) == 0, limit.rlim_cur < UInt(Int.max) else {
      return nil
    }
    return Int(limit.rlim_cur)
  }

  /// What a control group can still give; far too much where it has no limit. Cached files that nobody has used lately count as
  /// free: the system lets go of them first.
  private static func leftIn(_ group: String) -> Int {
    let limit = number(in: group + "/memory.max") ?? number(in: group + "/memory.limit_in_bytes")
    let used = number(in: group + "/memory.current") ?? number(in: group + "/memory.usage_in_bytes")
    guard let limit, let used else { return Int.max / 2 }
    let statistics = group + "/memory.stat"
    let cached = word("total_inactive_file", of: statistics) ?? word("inactive_file", of: statistics) ?? 0
    return max(0, limit - max(0, used - cached))
  }

  /// The folders of this process's memory control groups, from its own up to the root: each may have a limit. (cgroups(7),
  /// versions 1 and 2)
  private static var controlGroups: [String] {
    guard let text = try? String(decoding: InputFile.contents("/proc/self/cgroup", limit: 1 << 16), as: UTF8.self)
    else {
      return []
    }
    return text.split(separator: "\n").flatMap { line -> [String] in
      // "0::/path", version 2; "4:memory:/path", version 1.
      let parts = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
      guard parts.count == 3 else { return [] }
      let isMemory = parts[1].split(separator: ",").contains("memory")
      guard isMemory || parts[0] == "0" else { return [] }
      let roots = isMemory ? ["/sys/fs/cgroup/memory"] : ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"]
      return roots.flatMap { foldersUpwards(from: parts[2], below: $0) }
    }
  }

  private static func foldersUpwards(from path: Substring, below root: String) -> [String] {
    var names = path.split(separator: "/")
    var folders: [String] = [root]
    while !names.isEmpty {
      folders.append(root + "/" + names.joined(separator: "/"))
      names.removeLast()
    }
    return folders
  }

  /// A line "name:   1234 kB".
  private static func field(_ name: String, of path: String) -> Int? {
    guard let text = try? String(decoding: InputFile.contents(path, limit: 1 << 20), as: UTF8.self) else { return nil }
    let line = text.split(separator: "\n").first { $0.hasPrefix(name + ":") }
    return line.flatMap { Int($0.filter(\.isNumber)) }.map { $0 << 10 }
  }

  private static func number(in path: String) -> Int? {
    guard let text = try? String(decoding: InputFile.contents(path, limit: 1 << 12), as: UTF8.self) else { return nil }
    return Int(text.filter { !$0.isNewline })
  }

  /// A line "name 1234".
  private static func word(_ name: String, of path: String) -> Int? {
    guard let text = try? String(decoding: InputFile.contents(path, limit: 1 << 20), as: UTF8.self) else { return nil }
    let line = text.split(separator: "\n").first { $0.hasPrefix(name + " ") }
    return line.flatMap { Int($0.dropFirst(name.count + 1)) }
  }
}
