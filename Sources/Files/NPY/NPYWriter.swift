/// A number that NPY files can hold; little-endian machines only, as is all of this program.
public protocol NPYElement: BitwiseCopyable, Sendable {
  static var descr: String { get }
}

extension Float: NPYElement { public static var descr: String { "<f4" } }
extension Double: NPYElement { public static var descr: String { "<f8" } }
extension Int: NPYElement { public static var descr: String { "<i8" } }

/// Writes an NPY file block by block, so that the whole array need never be in memory.
public final class NPYWriter<Element: NPYElement> {
  private let file: OutputFile
  private let count: Int
  private let shape: [Int]
  private var written = 0

  /// Throws `InputError` where the file cannot be made.
  public init(_ path: String, shape: [Int]) throws {
    guard let count = checkedProduct(shape) else { throw InputError("\(path) cannot have the shape \(shape)") }
    self.shape = shape
    self.count = count
    do throws(FileError) {
      file = try OutputFile(replacing: path)
    } catch {
      throw InputError(error.description)
    }
    try file.write(Self.header(shape))
  }

  /// The next values in C order. Throws `FileError`.
  public func append(_ values: UnsafeBufferPointer<Element>) throws {
    written += values.count
    guard written <= count else { throw FileError("\(file.path) was given more values than its shape \(shape) takes") }
    try file.write(UnsafeRawBufferPointer(values))
  }

  /// Gives the file its name. Throws `FileError` unless exactly the shape's number of values was appended.
  public func finish() throws {
    guard written == count else {
      throw FileError("\(file.path) got \(written) values; its shape \(shape) takes \(count)")
    }
    try file.finish()
  }

  /// *Local.* Writes a whole array, C order. `values.count` must be the product of `shape`.
  public static func write(_ path: String, shape: [Int], _ values: [Element]) throws {
    let writer = try NPYWriter(path, shape: shape)
    try values.withUnsafeBufferPointer { try writer.append($0) }
    try writer.finish()
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
}
