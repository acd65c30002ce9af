import Glibc

/// Writing or reading failed although the request was a good one: a full disk, a lost mount. The command exits with 1.
public struct FileError: Error, Sendable, Equatable, CustomStringConvertible {
  public let description: String

  public init(_ description: String) { self.description = description }

  /// `code` is the C library's errno, read at once after the call that failed.
  init(_ action: String, _ path: String, code: Int32) {
    self.init("cannot \(action) \(path): \(Self.reason(code))")
  }

  /// What the C library says of an errno (strerror), without its capital.
  static func reason(_ code: Int32) -> String {
    let message = String(cString: strerror(code))
    return message.prefix(1).lowercased() + message.dropFirst()
  }
}

/// An open file: closed when the last reference goes.
final class File {
  let path: String
  private var descriptor: Int32

  private init(path: String, descriptor: Int32) {
    self.path = path
    self.descriptor = descriptor
  }

  deinit { if descriptor >= 0 { _ = Glibc.close(descriptor) } }

  /// Opens for reading (open). Throws `InputError`: a file that is not there is the user's to mend.
  ///
  /// - Parameter pipes: whether a pipe will do, that the user named: opening one waits for its writer.
  static func reading(_ path: String, pipes: Bool = false) throws(InputError) -> File {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | (pipes ? 0 : O_NONBLOCK))
    guard descriptor >= 0 else {
      throw InputError("cannot read \(path): \(FileError.reason(errno))")
    }
    let file = File(path: path, descriptor: descriptor)
    var status = stat()
    guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT != S_IFDIR else {
      throw InputError("cannot read \(path): it is a directory")
    }
    guard pipes || status.st_mode & S_IFMT == S_IFREG else { throw InputError("\(path) is not a regular file") }
    return file
  }

  /// Opens for writing, emptying what was there (open).
  static func writing(_ path: String) throws(FileError) -> File {
    try opened(path, O_WRONLY | O_CREAT | O_TRUNC)
  }

  /// Opens for adding at the end (open, O_APPEND).
  static func appending(_ path: String) throws(FileError) -> File {
    try opened(path, O_WRONLY | O_CREAT | O_APPEND)
  }

  private static func opened(_ path: String, _ flags: Int32) throws(FileError) -> File {
    let descriptor = open(path, flags | O_CLOEXEC, 0o666)
    guard descriptor >= 0 else { throw FileError("write", path, code: errno) }
    return File(path: path, descriptor: descriptor)
  }

  /// Whether there is one at `path` (access).
  static func exists(_ path: String) -> Bool { access(path, F_OK) == 0 }

  /// Bytes in the file (fstat).
  var count: Int {
    var status = stat()
    return fstat(descriptor, &status) == 0 ? Int(status.st_size) : 0
  }

  /// Writes every byte (write).
  func write(_ bytes: UnsafeRawBufferPointer) throws(FileError) {
    var rest = bytes[...]
    while !rest.isEmpty {
      let written = Glibc.write(
        descriptor, UnsafeRawBufferPointer(rebasing: rest).baseAddress, rest.count)
      if written < 0 && errno == EINTR { continue }
      guard written >= 0 else { throw FileError("write", path, code: errno) }
      rest = rest.dropFirst(written)
    }
  }

  func write(_ bytes: [UInt8]) throws(FileError) {
    try bytes.withUnsafeBufferPointer { (buffer) throws(FileError) in
      try write(UnsafeRawBufferPointer(buffer))
    }
  }

  /// Fills `buffer` from `offset` on (pread). Returns the bytes read: fewer only at the end of the file.
  func read(at offset: Int, into buffer: UnsafeMutableRawBufferPointer) throws(FileError) -> Int {
    var filled = 0
    while filled < buffer.count {
      let rest = UnsafeMutableRawBufferPointer(rebasing: buffer[filled...])
      let count = pread(descriptor, rest.baseAddress, rest.count, off_t(offset + filled))
      if count < 0 && errno == EINTR { continue }
      guard count >= 0 else { throw FileError("read", path, code: errno) }
      if count == 0 { break }
      filled += count
    }
    return filled
  }

  /// Waits until the bytes are on the disk, then closes (fsync, close): a full or remote disk may speak up only now.
  func finish() throws(FileError) {
    guard fsync(descriptor) == 0 || errno == EINVAL else {
      throw FileError("write", path, code: errno)
    }
    defer { descriptor = -1 }
    guard Glibc.close(descriptor) == 0 else { throw FileError("write", path, code: errno) }
  }
}

extension File {
  /// The whole of a small text file. Throws `InputError`, also when it is longer than `limit` bytes.
  static func contents(_ path: String, limit: Int, pipes: Bool = false) throws(InputError) -> [UInt8] {
    let file = try reading(path, pipes: pipes)
    var bytes: [UInt8] = []
    var block = [UInt8](repeating: 0, count: 1 << 16)
    while bytes.count <= limit {
      // `read`, not `pread`: a configuration may come through a pipe.
      let count = Glibc.read(file.descriptor, &block, block.count)
      if count < 0 && errno == EINTR { continue }
      guard count >= 0 else { throw InputError("cannot read \(path): \(FileError.reason(errno))") }
      if count == 0 { return bytes }
      bytes += block[..<count]
    }
    throw InputError("\(path) is longer than \(limit) bytes")
  }

  /// Puts `bytes` at `path` so that a reader sees the old file or the new one, never a part (write, fsync, rename).
  static func replace(_ path: String, with bytes: [UInt8]) throws(FileError) {
    let temporary = path + ".partial"
    do throws(FileError) {
      let file = try writing(temporary)
      try file.write(bytes)
      try file.finish()
      try move(temporary, to: path)
    } catch {
      unlink(temporary)
      throw error
    }
  }

  /// Gives a finished temporary file its name (rename), and waits until the directory knows (fsync).
  static func move(_ temporary: String, to path: String) throws(FileError) {
    guard rename(temporary, path) == 0 else { throw FileError("write", path, code: errno) }
    let directory = path.lastIndex(of: "/").map { String(path[...$0]) } ?? "."
    let descriptor = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    // Some file systems refuse to synchronise a directory; the rename has still happened.
    if descriptor >= 0 {
      fsync(descriptor)
      _ = Glibc.close(descriptor)
    }
  }
}

/// A text that is written whole.
public enum TextFile {
  /// *Local.* Puts a text at `path`: a reader sees the old file or the new one. Throws `FileError`.
  public static func replace(_ path: String, with text: String) throws(FileError) {
    try File.replace(path, with: Array(text.utf8))
  }
}
