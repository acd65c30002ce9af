import Glibc

/// The room that ranks of one host have for their messages.
enum SharedMemory {
  /// *Local.* Bytes free in /dev/shm, where ranks of a host exchange messages; nil: there is none.
  static var freeBytes: Int? {
    var status = statvfs()
    guard statvfs("/dev/shm", &status) == 0 else { return nil }
    return Int(status.f_bavail) * Int(status.f_frsize)
  }
}
