import Glibc

/// A file opened for reading: positioned reads only, so that many streams share one descriptor.
///
/// Nothing is mapped: a file that shrinks while it is read must give an error, not a signal.
public final class InputFile: Sendable {
  let path: String
  /// Bytes, at the time of opening.
  public let size: Int
  private let descriptor: Int32

  /// Opens a regular file (open). Throws `InputError`: a file that is not there is the user's to mend.
  ///
  /// - Parameter pipes: whether a pipe will do, that the user named: opening one waits for its writer.
  public init(_ path: String, pipes: Bool = false) throws(InputError) {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | (pipes ? 0 : O_NONBLOCK))
    guard descriptor >= 0 else { throw InputError("\(path) cannot be read: \(FileError.reason(errno))") }
    var status = stat()
    let isKnown = fstat(descriptor, &status) == 0
    let kind = status.st_mode & S_IFMT
    guard isKnown, kind == S_IFREG || (pipes && kind != S_IFDIR) else {
      close(descriptor)
      throw InputError("\(path) is \(kind == S_IFDIR ? "a directory" : "not a regular file"); a file is needed")
    }
    self.path = path
    self.descriptor = descriptor
    size = Int(status.st_size)
  }

  deinit { close(descriptor) }

  /// Whether there is one at `path` (access); true also where a folder on the way may not be looked into, so that opening it tells
  /// that.
  public static func exists(_ path: String) -> Bool { access(path, F_OK) == 0 || errno == EACCES }

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

  /// Fills `buffer` from `offset` on. Throws `InputError` where the file is too short.
  func readExactly(at offset: Int, into buffer: UnsafeMutableRawBufferPointer) throws {
    let got = try read(at: offset, into: buffer)
    guard got == buffer.count else {
      throw InputError("\(path) ends at byte \(offset + got), sooner than its own header says: it is cut off")
    }
  }

  /// The first `count` bytes, or all where there are fewer.
  public func beginning(_ count: Int) throws -> [UInt8] { try bytes(at: 0, count: Swift.min(count, size)) }

  /// Up to `count` bytes from `offset` on.
  public func bytes(at offset: Int, count: Int) throws -> [UInt8] {
    try [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
      filled = try read(
        at: offset, into: UnsafeMutableRawBufferPointer(rebasing: UnsafeMutableRawBufferPointer(buffer)[..<count]))
    }
  }

  /// The whole of a small file. Throws `InputError`, also when it is longer than `limit` bytes.
  public static func contents(_ path: String, limit: Int, pipes: Bool = false) throws(InputError) -> [UInt8] {
    let file = try InputFile(path, pipes: pipes)
    var bytes: [UInt8] = []
    var block = [UInt8](repeating: 0, count: 1 << 16)
    while bytes.count <= limit {
      // `read`, not `pread`: a configuration may come through a pipe.
      let count = Glibc.read(file.descriptor, &block, block.count)
      if count < 0 && errno == EINTR { continue }
      guard count >= 0 else { throw InputError("\(path) cannot be read: \(FileError.reason(errno))") }
      if count == 0 { return bytes }
      bytes += block[..<count]
    }
    throw InputError("\(path) is longer than \(limit) bytes")
  }
}
