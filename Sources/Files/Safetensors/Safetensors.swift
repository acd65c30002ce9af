/// What a tensor's elements are. Raw values are the format's names.
public enum TensorType: String, Sendable, CaseIterable {
  case float32 = "F32"
  case float64 = "F64"
  case int64 = "I64"
  case uint8 = "U8"
  // Other programs' files have these too.
  case float16 = "F16"
  case bfloat16 = "BF16"
  case int8 = "I8"
  case int16 = "I16"
  case int32 = "I32"
  case uint16 = "U16"
  case uint32 = "U32"
  case uint64 = "U64"
  case bool = "BOOL"

  /// How an element's bytes are a number.
  var format: NumberFormat {
    switch self {
    case .float16: NumberFormat(.real, size: 2)
    case .bfloat16: NumberFormat(.brain, size: 2)
    case .float32: NumberFormat(.real, size: 4)
    case .float64: NumberFormat(.real, size: 8)
    case .int8: NumberFormat(.signed, size: 1)
    case .int16: NumberFormat(.signed, size: 2)
    case .int32: NumberFormat(.signed, size: 4)
    case .int64: NumberFormat(.signed, size: 8)
    case .uint8, .bool: NumberFormat(.unsigned, size: 1)
    case .uint16: NumberFormat(.unsigned, size: 2)
    case .uint32: NumberFormat(.unsigned, size: 4)
    case .uint64: NumberFormat(.unsigned, size: 8)
    }
  }

  /// Bytes an element.
  public var size: Int { format.size }
}

/// A tensor's place in the header: its name, its type and its shape, row-major.
public struct TensorInfo: Sendable, Equatable {
  public let name: String
  public let type: TensorType
  public let shape: [Int]

  public init(_ name: String, _ type: TensorType, _ shape: [Int]) {
    self.name = name
    self.type = type
    self.shape = shape
  }

  /// The first dimension; 1 for a scalar.
  public var rows: Int { shape.first ?? 1 }

  /// Elements in a row: the product of the other dimensions.
  public var rowCount: Int { shape.dropFirst().reduce(1, *) }

  /// Bytes of the whole tensor; nil if that is no 63-bit number.
  var byteCount: Int? {
    var product = type.size
    var empty = false
    for dimension in shape {
      guard dimension >= 0 else { return nil }
      if dimension == 0 { empty = true }
      let (next, overflow) = product.multipliedReportingOverflow(by: max(1, dimension))
      guard !overflow else { return nil }
      product = next
    }
    return empty ? 0 : product
  }
}

/// The head of a safetensors file (huggingface/safetensors, "Format"): 8 bytes of its length, little-endian,
/// then a JSON object of the tensors, then spaces so that the data begins at a multiple of 8.
public struct SafetensorsHeader: Sendable, Equatable {
  public struct Entry: Sendable, Equatable {
    let info: TensorInfo
    /// From the start of the data.
    public let offset: Int
    public let byteCount: Int
  }

  public let entries: [Entry]
  let metadata: [String: String]
  /// Bytes before the data.
  public let length: Int

  /// The format's own limit on the JSON, in bytes.
  static let longest = 100_000_000

  /// The head of a file of these tensors, in this order, without holes. Throws `FileError`: no such file can be.
  public static func encoded(
    _ tensors: [TensorInfo], metadata: [String: String]
  ) throws(FileError) -> [UInt8] {
    var members: [JSON.Member] = []
    if !metadata.isEmpty {
      let sorted = metadata.sorted { $0.key < $1.key }.map {
        JSON.Member($0.key, .string($0.value))
      }
      members.append(JSON.Member("__metadata__", .object(sorted)))
    }
    var offset = 0
    for tensor in tensors {
      guard let count = tensor.byteCount, !offset.addingReportingOverflow(count).overflow else {
        throw FileError("tensor \(tensor.name) has the impossible shape \(tensor.shape)")
      }
      let description = JSON.object([
        JSON.Member("dtype", .string(tensor.type.rawValue)),
        JSON.Member("shape", .array(tensor.shape.map { JSON($0) })),
        JSON.Member("data_offsets", .array([JSON(offset), JSON(offset + count)])),
      ])
      guard !members.contains(where: { $0.key == tensor.name }), tensor.name != "__metadata__"
      else {
        throw FileError("two tensors cannot have the name \(tensor.name)")
      }
      members.append(JSON.Member(tensor.name, description))
      offset += count
    }
    var text = Array(JSON.object(members).line.utf8)
    text += [UInt8](repeating: UInt8(ascii: " "), count: (8 - text.count % 8) % 8)
    return (0..<8).map { UInt8(truncatingIfNeeded: text.count >> (8 * $0)) } + text
  }

  /// Length of the JSON, from the file's first 8 bytes. Throws `InputError` if the file cannot hold that much.
  public static func jsonLength(
    _ prefix: [UInt8], fileSize: Int, path: String
  ) throws(InputError) -> Int {
    guard prefix.count == 8 else {
      throw InputError("\(path) is not a safetensors file: it has only \(prefix.count) bytes")
    }
    let length = prefix.reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
    guard length >= 2, length <= longest, length <= max(0, fileSize - 8) else {
      throw InputError(
        "\(path) is not a safetensors file, or is cut off: its header's length is \(length)")
    }
    return Int(length)
  }

  /// Reads the JSON of a file of `fileSize` bytes and proves it: the tensors fill the data exactly, none over another.
  ///
  /// Throws `InputError` whatever the bytes are.
  public init(parsing text: [UInt8], fileSize: Int, path: String) throws(InputError) {
    length = 8 + text.count
    let dataCount = fileSize - length
    let json: JSON
    do throws(JSON.SyntaxError) {
      json = try JSON(parsing: text)
    } catch {
      throw InputError("\(path) has a damaged header: \(error)")
    }
    guard case .object(let members) = json else {
      throw InputError("\(path) has a damaged header: it is no JSON object")
    }
    var entries: [Entry] = []
    var metadata: [String: String] = [:]
    for member in members {
      if member.key == "__metadata__" {
        metadata = try Self.metadata(member.value, path: path)
      } else {
        entries.append(try Self.entry(member, dataCount: dataCount, path: path))
      }
    }
    try Self.checkCover(entries, dataCount: dataCount, path: path)
    self.entries = entries
    self.metadata = metadata
  }

  private static func metadata(_ json: JSON, path: String) throws(InputError) -> [String: String] {
    guard case .object(let members) = json else {
      throw InputError("\(path) has a damaged header: __metadata__ is no object")
    }
    var metadata: [String: String] = [:]
    for member in members {
      guard case .string(let text) = member.value else {
        throw InputError("\(path) has a damaged header: __metadata__ holds more than text")
      }
      metadata[member.key] = text
    }
    return metadata
  }

  private static func entry(
    _ member: JSON.Member, dataCount: Int, path: String
  ) throws(InputError) -> Entry {
    let name = member.key
    guard case .string(let typeName) = member.value["dtype"],
      let shape = counts(member.value["shape"]),
      let offsets = counts(member.value["data_offsets"]), offsets.count == 2
    else {
      throw InputError("\(path): tensor \"\(name)\" lacks its dtype, shape or data_offsets")
    }
    guard let type = TensorType(rawValue: typeName) else {
      throw InputError("\(path): tensor \"\(name)\" is of type \(typeName), which is not read here")
    }
    let info = TensorInfo(name, type, shape)
    guard offsets[0] <= offsets[1], offsets[1] <= dataCount else {
      throw InputError("\(path): tensor \"\(name)\" lies outside of the file, which may be cut off")
    }
    guard let byteCount = info.byteCount, byteCount == offsets[1] - offsets[0] else {
      throw InputError("\(path): tensor \"\(name)\" has a shape that disagrees with its size")
    }
    return Entry(info: info, offset: offsets[0], byteCount: byteCount)
  }

  private static func checkCover(_ entries: [Entry], dataCount: Int, path: String)
    throws(InputError)
  {
    var end = 0
    for entry in entries.sorted(by: { ($0.offset, $0.byteCount) < ($1.offset, $1.byteCount) }) {
      guard entry.offset == end else {
        throw InputError("\(path): tensor \"\(entry.info.name)\" overlaps another or leaves a hole")
      }
      end += entry.byteCount
    }
    guard end == dataCount else {
      throw InputError("\(path): its tensors have \(end) bytes of data, the file \(dataCount)")
    }
  }

  /// A list of numbers from 0 on, or nil.
  private static func counts(_ json: JSON?) -> [Int]? {
    guard case .array(let values) = json else { return nil }
    let counts = values.compactMap { value in
      if case .number(let literal) = value, let count = Int(literal), count >= 0 {
        count
      } else {
        nil
      }
    }
    return counts.count == values.count ? counts : nil
  }
}
