import Glibc

/// Directories on the disk.
public enum Folder {
  /// *Local.* Names in a directory, without "." and ".." (opendir, readdir). Throws `FileError`.
  public static func names(in path: String) throws(FileError) -> [String] {
    guard let stream = opendir(path) else { throw FileError("read", path, code: errno) }
    defer { closedir(stream) }
    var names: [String] = []
    while let entry = readdir(stream) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) { tuple in
        tuple.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      if name != "." && name != ".." { names.append(name) }
    }
    return names
  }

  /// *Local.* `path`, or the nearest directory above it that exists.
  public static func nearestExisting(_ path: String) -> String {
    var path = path[...]
    while access(String(path), F_OK) != 0 {
      guard let slash = path.lastIndex(of: "/") else { return "." }
      path = path[..<slash]
      if path.isEmpty { return "/" }
    }
    return String(path)
  }

  /// What tells a file or directory from every other, whatever its path (stat).
  public struct Identity: Hashable, Sendable {
    let device, file: UInt64
  }

  /// *Local.* nil: there is nothing at `path`.
  public static func identity(_ path: String) -> Identity? {
    var status = stat()
    guard stat(path, &status) == 0 else { return nil }
    return Identity(device: UInt64(status.st_dev), file: UInt64(status.st_ino))
  }

  /// *Local.* Makes `path` and what is missing above it (mkdir).
  public static func make(_ path: String) throws(FileError) {
    for end in path.indices where path[end] == "/" && end > path.startIndex {
      _ = mkdir(String(path[..<end]), 0o777)
    }
    guard mkdir(path, 0o777) == 0 || errno == EEXIST else { throw FileError("made", path, code: errno) }
  }
}
