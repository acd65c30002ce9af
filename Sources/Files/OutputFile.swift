import Glibc
import Synchronization

/// A file being written: it has a temporary name until `finish`, so that a reader sees the old file or the new one, never a part. One
/// that is dropped unfinished is taken away.
public final class OutputFile {
  let path: String
  private let temporary: String?
  private var descriptor: Int32

  /// Opens for writing a new file that will take the place of what is at `path` (open).
  public init(replacing path: String) throws(FileError) {
    self.path = path
    let temporary = path + Self.suffix
    self.temporary = temporary
    descriptor = try Self.opened(temporary, path, O_TRUNC)
    Self.unfinished.withLock { _ = $0.insert(temporary) }
  }

  /// Opens for adding at the end of what is there (open, O_APPEND).
  public init(appendingTo path: String) throws(FileError) {
    self.path = path
    temporary = nil
    descriptor = try Self.opened(path, path, O_APPEND)
  }

  /// Ends the name of a file that is not finished.
  public static let suffix = ".partial"

  private static func opened(_ path: String, _ named: String, _ flags: Int32) throws(FileError) -> Int32 {
    let descriptor = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | flags, 0o666)
    guard descriptor >= 0 else { throw FileError("written", named, code: errno) }
    return descriptor
  }

  deinit {
    if descriptor >= 0 { _ = Glibc.close(descriptor) }
    // Finished, it has another name.
    if let temporary, !isFinished { Self.remove([temporary]) }
  }

  private var isFinished = false
  /// The temporary names that are in use.
  private static let unfinished = Mutex<Set<String>>([])

  private static func remove(_ temporaries: some Sequence<String>) {
    unfinished.withLock { names in
      for name in temporaries where names.remove(name) != nil { unlink(name) }
    }
  }

  /// *Local.* Takes away every file that this process has begun and not finished: for a process that is about to end half-way.
  public static func removeUnfinished() { remove(unfinished.withLock { $0 }) }

  /// Writes every byte (write).
  func write(_ bytes: UnsafeRawBufferPointer) throws(FileError) {
    var rest = bytes[...]
    while !rest.isEmpty {
      let written = Glibc.write(descriptor, UnsafeRawBufferPointer(rebasing: rest).baseAddress, rest.count)
      if written < 0 && errno == EINTR { continue }
      guard written >= 0 else { throw FileError("written", path, code: errno) }
      rest = rest.dropFirst(written)
    }
  }

  public func write(_ bytes: [UInt8]) throws(FileError) {
    try bytes.withUnsafeBufferPointer { (buffer) throws(FileError) in try write(UnsafeRawBufferPointer(buffer)) }
  }

  /// Waits until the bytes are on the disk, closes, and gives the file its name (fsync, close, rename): a full or remote disk may speak
  /// up only now.
  public func finish() throws(FileError) {
    guard fsync(descriptor) == 0 || errno == EINVAL else { throw FileError("written", path, code: errno) }
    let code = Glibc.close(descriptor)
    descriptor = -1
    guard code == 0 else { throw FileError("written", path, code: errno) }
    if let temporary {
      try Self.move(temporary, to: path)
      Self.unfinished.withLock { _ = $0.remove(temporary) }
    }
    isFinished = true
  }

  /// *Local.* Puts `bytes` at `path`, whole.
  public static func replace(_ path: String, with bytes: [UInt8]) throws(FileError) {
    let file = try OutputFile(replacing: path)
    try file.write(bytes)
    try file.finish()
  }

  /// *Local.* Puts a text at `path`, whole.
  public static func replace(_ path: String, with text: String) throws(FileError) {
    try replace(path, with: Array(text.utf8))
  }

  /// *Local.* Gives a finished file another name (rename), and waits until the directory knows (fsync).
  public static func move(_ temporary: String, to path: String) throws(FileError) {
    guard rename(temporary, path) == 0 else { throw FileError("written", path, code: errno) }
    let directory = path.lastIndex(of: "/").map { String(path[...$0]) } ?? "."
    let descriptor = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    // Some file systems refuse to synchronise a directory; the rename has still happened.
    if descriptor >= 0 {
      fsync(descriptor)
      _ = Glibc.close(descriptor)
    }
  }
}
