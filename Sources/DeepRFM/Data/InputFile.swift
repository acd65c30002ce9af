import Glibc

/// A regular file opened for reading: positioned reads only, so that many streams share one descriptor.
///
/// Nothing is mapped: a file that shrinks while it is read must give an error, not a signal.
package final class InputFile: Sendable {
  package let path: String
  /// Bytes, at the time of opening.
  package let size: Int
  private let descriptor: Int32

  /// Throws `InputError` where there is no such file, no permission, or something else than a regular file.
  package init(_ path: String) throws {
    // Without O_NONBLOCK, opening a named pipe would wait for a writer for ever.
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else {
      throw InputError("\(path) cannot be opened: \(systemMessage(errno)).")
    }
    var status = stat()
    guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
      let isFolder = status.st_mode & S_IFMT == S_IFDIR
      close(descriptor)
      throw InputError(
        "\(path) is \(isFolder ? "a folder" : "not a regular file"); a file is needed.")
    }
    self.path = path
    self.descriptor = descriptor
    size = Int(status.st_size)
  }

  deinit { close(descriptor) }

  /// Reads up to `buffer.count` bytes from `offset` on. Returns fewer only at the end of the file.
  package func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int) throws -> Int {
    var done = 0
    while done < buffer.count {
      let got = pread(
        descriptor, buffer.baseAddress?.advanced(by: done), buffer.count - done,
        off_t(offset + done))
      if got > 0 {
        done += got
      } else if got == 0 {
        break
      } else if errno != EINTR {
        throw InputError(
          "\(path) cannot be read at byte \(offset + done): \(systemMessage(errno)).")
      }
    }
    return done
  }

  /// Reads exactly `buffer.count` bytes from `offset` on.
  package func readExactly(into buffer: UnsafeMutableRawBufferPointer, at offset: Int) throws {
    let got = try read(into: buffer, at: offset)
    guard got == buffer.count else {
      throw InputError(
        "\(path) ends at byte \(offset + got), sooner than its own header says (truncated?).")
    }
  }

  /// The first `count` bytes, or all where there are fewer.
  package func beginning(_ count: Int) throws -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: Swift.min(count, size))
    let got = try bytes.withUnsafeMutableBytes { try read(into: $0, at: 0) }
    return Array(bytes.prefix(got))
  }
}

/// The system's words for an error number.
package func systemMessage(_ number: Int32) -> String {
  strerror(number).map { String(cString: $0) } ?? "error \(number)"
}
