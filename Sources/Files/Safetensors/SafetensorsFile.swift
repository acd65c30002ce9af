/// A number that a tensor can hold and be read as.
public protocol TensorElement: BitwiseCopyable, Sendable {
  static var tensorType: TensorType { get }
  /// nil if the value cannot be said in this type.
  init?(tensorValue: Double)
  init?(tensorValue: Int)
}

extension Float: TensorElement {
  public static var tensorType: TensorType { .float32 }
  public init(tensorValue: Double) { self = Float(tensorValue) }
  public init(tensorValue: Int) { self = Float(tensorValue) }
}

extension Double: TensorElement {
  public static var tensorType: TensorType { .float64 }
  public init(tensorValue: Double) { self = tensorValue }
  public init(tensorValue: Int) { self = Double(tensorValue) }
}

extension Int: TensorElement {
  public static var tensorType: TensorType { .int64 }
  public init?(tensorValue: Double) { self.init(exactly: tensorValue) }
  public init(tensorValue: Int) { self = tensorValue }
}

/// A safetensors file open for reading, its header proven.
///
/// The processor must be little-endian, as the format is: all that Swift on Linux commonly runs on are.
public final class SafetensorsFile: Sendable {
  public let path: String
  public let metadata: [String: String]
  private let header: SafetensorsHeader
  private let file: InputFile

  /// Throws `InputError` if the file is missing or its header is not to be believed.
  public init(_ path: String) throws {
    self.path = path
    file = try InputFile(path)
    let fileSize = file.size
    let prefix = try file.beginning(8)
    let length = try SafetensorsHeader.jsonLength(prefix, fileSize: fileSize, path: path)
    let text = try file.bytes(at: 8, count: length)
    header = try SafetensorsHeader(parsing: text, fileSize: fileSize, path: path)
    metadata = header.metadata
  }

  /// In the header's order.
  public var tensors: [TensorInfo] { header.entries.map(\.info) }

  /// Throws `InputError` if there is no such tensor.
  public func tensor(_ name: String) throws(InputError) -> TensorInfo { try entry(name).info }

  /// The rows of a tensor, all unless told, converted. Row-major.
  ///
  /// Throws `InputError`: no such tensor or rows, a value that is not to be said in the type, a file cut off.
  public func read<Element: TensorElement>(
    _ name: String, rows: Range<Int>? = nil, as type: Element.Type = Element.self
  ) throws -> [Element] {
    let info = try tensor(name)
    let rows = rows ?? 0..<info.rows
    try check(rows, of: info)
    let count = rows.count * info.rowCount
    return try [Element](unsafeUninitializedCapacity: count) { buffer, filled in
      try read(name, rows: rows, into: UnsafeMutableBufferPointer(rebasing: buffer[..<count]))
      filled = count
    }
  }

  /// The same into memory that is there, of exactly `rows.count` rows.
  public func read<Element: TensorElement>(
    _ name: String, rows: Range<Int>, into destination: UnsafeMutableBufferPointer<Element>
  ) throws {
    let entry = try entry(name)
    let info = entry.info
    try check(rows, of: info)
    guard destination.count == rows.count * info.rowCount else {
      throw InputError(
        "\(path): tensor \"\(name)\" has rows of \(info.rowCount), which is not what is expected")
    }
    let offset = header.length + entry.offset + rows.lowerBound * info.rowCount * info.type.size
    switch info.type {
    case Element.tensorType: try fill(UnsafeMutableRawBufferPointer(destination), at: offset)
    case .float32:
      try convert(Float.self, at: offset, into: destination, name) {
        Element(tensorValue: Double($0))
      }
    case .float64:
      try convert(Double.self, at: offset, into: destination, name) { Element(tensorValue: $0) }
    case .int64:
      try convert(Int64.self, at: offset, into: destination, name) { Element(tensorValue: Int($0)) }
    case .uint8:
      try convert(UInt8.self, at: offset, into: destination, name) { Element(tensorValue: Int($0)) }
    default: try decode(info.type.format, at: offset, into: destination, name)
    }
  }

  /// Where a tensor's bytes lie: its elements one after another, row-major. Throws `InputError` if there is no such tensor.
  func place(of name: String) throws(InputError) -> (file: InputFile, offset: Int) {
    (file, header.length + (try entry(name)).offset)
  }

  private func entry(_ name: String) throws(InputError) -> SafetensorsHeader.Entry {
    guard let entry = header.entries.first(where: { $0.info.name == name }) else {
      throw InputError("\(path) has no tensor \"\(name)\": it has \(tensors.map(\.name).listed)")
    }
    return entry
  }

  private func check(_ rows: Range<Int>, of info: TensorInfo) throws(InputError) {
    guard rows.lowerBound >= 0, rows.upperBound <= info.rows else {
      throw InputError(
        "\(path): tensor \"\(info.name)\" has \(info.rows) rows, not \(rows.upperBound)")
    }
  }

  /// Reads `Stored` elements in blocks and converts them one by one.
  private func convert<Stored: BitwiseCopyable, Element: TensorElement>(
    _: Stored.Type, at offset: Int, into destination: UnsafeMutableBufferPointer<Element>,
    _ name: String,
    _ converted: (Stored) -> Element?
  ) throws {
    let block = UnsafeMutableBufferPointer<Stored>.allocate(
      capacity: min(destination.count, 1 << 16))
    defer { block.deallocate() }
    for start in stride(from: 0, to: destination.count, by: 1 << 16) {
      let count = min(block.count, destination.count - start)
      let part = UnsafeMutableRawBufferPointer(
        rebasing: UnsafeMutableRawBufferPointer(block)[..<(count * MemoryLayout<Stored>.stride)])
      try fill(part, at: offset + start * MemoryLayout<Stored>.stride)
      for index in 0..<count {
        guard let value = converted(block[index]) else {
          throw InputError(
            "\(path): tensor \"\(name)\" holds \(block[index]), which is no integer")
        }
        destination.initializeElement(at: start + index, to: value)
      }
    }
  }

  /// The same for the types that only other programs write, through double.
  private func decode<Element: TensorElement>(
    _ format: NumberFormat, at offset: Int, into destination: UnsafeMutableBufferPointer<Element>, _ name: String
  ) throws {
    var bytes = [UInt8](repeating: 0, count: format.size << 12)
    var values = [Double](repeating: 0, count: 1 << 12)
    for start in stride(from: 0, to: destination.count, by: values.count) {
      let count = min(values.count, destination.count - start)
      try bytes.withUnsafeMutableBytes { bytes in
        let part = UnsafeMutableRawBufferPointer(rebasing: bytes[..<(count * format.size)])
        try fill(part, at: offset + start * format.size)
        values.withUnsafeMutableBufferPointer {
          format.decode(UnsafeRawBufferPointer(part), into: UnsafeMutableBufferPointer(rebasing: $0[..<count]))
        }
      }
      for index in 0..<count {
        guard let value = Element(tensorValue: values[index]) else {
          throw InputError("\(path): tensor \"\(name)\" holds \(values[index]), which is no integer")
        }
        destination.initializeElement(at: start + index, to: value)
      }
    }
  }

  private func fill(_ buffer: UnsafeMutableRawBufferPointer, at offset: Int) throws {
    guard try file.read(at: offset, into: buffer) == buffer.count else {
      throw InputError("\(path) is cut off")
    }
  }
}

extension [String] {
  /// For a sentence: what there is to choose from.
  var listed: String {
    guard !isEmpty else { return "none" }
    return prefix(30).joined(separator: ", ") + (count > 30 ? " and \(count - 30) more" : "")
  }
}
