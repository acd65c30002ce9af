import Glibc

/// Reading and writing single NPY files.
public enum NPY {
  /// The rows of a file as samples without labels: two or more dimensions, the first counts samples.
  public static func samples(_ path: String) throws -> any SampleReader {
    try NPYSamples(x: path, y: nil)
  }

  /// Writes a whole array, C order. `values.count` must be the product of `shape`.
  public static func write<Element: NPYElement>(_ path: String, shape: [Int], _ values: [Element])
    throws
  {
    let writer = try NPYWriter<Element>(path, shape: shape)
    try values.withUnsafeBufferPointer { try writer.append($0) }
    try writer.finish()
  }
}

/// A number that NPY files can hold; little-endian machines only, as is all of this program.
public protocol NPYElement: BitwiseCopyable, Sendable {
  static var descr: String { get }
}

extension Float: NPYElement { public static var descr: String { "<f4" } }
extension Double: NPYElement { public static var descr: String { "<f8" } }
extension Int: NPYElement { public static var descr: String { "<i8" } }

/// An output file that cannot be written: disk full, connection lost. Not the user's input: exit status 1.
public struct OutputFileError: Error, Sendable, CustomStringConvertible {
  public let description: String
}

/// Writes an NPY file block by block, so that the whole array need never be in memory.
///
/// The file appears under its own name only when it is finished; until then, and after a failure, there is none.
public final class NPYWriter<Element: NPYElement> {
  private let path: String
  private let partial: String
  private let count: Int
  private let shape: [Int]
  private var descriptor: Int32
  private var written = 0

  /// Throws `InputError` where the file cannot be made.
  public init(_ path: String, shape: [Int]) throws {
    guard let count = checkedProduct(shape) else {
      throw InputError("\(path) cannot have the shape \(shape).")
    }
    self.path = path
    self.shape = shape
    self.count = count
    partial = "\(path).partial-\(getpid())"
    descriptor = open(partial, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o666)
    guard descriptor >= 0 else {
      throw InputError("\(path) cannot be written: \(systemMessage(errno)).")
    }
    let header = NPYWriter.header(shape)
    try header.withUnsafeBytes { try put($0) }
  }

  deinit {
    if descriptor >= 0 {
      close(descriptor)
      unlink(partial)
    }
  }

  /// The next values in C order.
  public func append(_ values: UnsafeBufferPointer<Element>) throws {
    written += values.count
    guard written <= count else {
      throw OutputFileError(
        description: "\(path) was given more values than its shape \(shape) takes.")
    }
    try put(UnsafeRawBufferPointer(values))
  }

  /// Gives the file its name. Throws unless exactly the shape's number of values was appended.
  public func finish() throws {
    guard written == count else {
      throw OutputFileError(
        description: "\(path) got \(written) values; its shape \(shape) takes \(count).")
    }
    let closed = close(descriptor)
    descriptor = -1
    guard closed == 0, rename(partial, path) == 0 else {
      let message = systemMessage(errno)
      unlink(partial)
      throw OutputFileError(description: "\(path) cannot be written: \(message).")
    }
  }

  /// Version 1.0, padded with spaces so that the numbers begin at a multiple of 64 bytes.
  private static func header(_ shape: [Int]) -> [UInt8] {
    let sizes = shape.map(String.init).joined(separator: ", ") + (shape.count == 1 ? "," : "")
    var text = "{'descr': '\(Element.descr)', 'fortran_order': False, 'shape': (\(sizes)), }"
    text += String(repeating: " ", count: 63 - (10 + text.utf8.count) % 64) + "\n"
    let length = text.utf8.count
    return [0x93] + Array("NUMPY".utf8) + [1, 0, UInt8(length & 0xff), UInt8(length >> 8 & 0xff)]
      + Array(text.utf8)
  }

  private func put(_ bytes: UnsafeRawBufferPointer) throws {
    var done = 0
    while done < bytes.count {
      let step = Glibc.write(descriptor, bytes.baseAddress?.advanced(by: done), bytes.count - done)
      if step >= 0 {
        done += step
      } else if errno != EINTR {
        throw OutputFileError(description: "\(path) cannot be written: \(systemMessage(errno)).")
      }
    }
  }
}
