import Files
import Foundation
import TestSupport
import Testing

@Suite struct SafetensorsTests {
  let scratch: ScratchDirectory

  init() throws { scratch = try ScratchDirectory() }

  private let infos = [
    TensorInfo("f", .float32, [3, 2]), TensorInfo("d", .float64, [2]),
    TensorInfo("empty", .float32, [0, 5]),
    TensorInfo("i", .int64, [2, 1]), TensorInfo("scalar", .float64, []),
    TensorInfo("u", .uint8, [3]),
  ]

  private func write(_ name: String) throws -> String {
    let writer = try SafetensorsWriter(
      scratch.file(name), infos, metadata: ["b": "2", "a": "é\"1"])
    try writer.append([1, 2, 3] as [Float])
    try writer.append([4, 5, 0.1] as [Float])
    try writer.append([0.1, -2] as [Double])
    try writer.append([Int.max, -7])
    try writer.append([3.5])
    try [UInt8](1...3).withUnsafeBytes { try writer.append($0) }
    try writer.finish()
    return scratch.file(name)
  }

  @Test func tensorsComeBack() throws {
    let file = try SafetensorsFile(try write("t.safetensors"))
    #expect(file.tensors == infos)
    #expect(file.metadata == ["a": "é\"1", "b": "2"])
    #expect(try file.read("f", as: Float.self) == [1, 2, 3, 4, 5, 0.1])
    #expect(try file.read("f", rows: 1..<3, as: Double.self) == [3, 4, 5, Double(0.1 as Float)])
    #expect(try file.read("d", as: Float.self) == [0.1, -2])
    #expect(try file.read("d", rows: 1..<1, as: Double.self) == [])
    #expect(try file.read("i", as: Int.self) == [Int.max, -7])
    #expect(try file.read("i", rows: 1..<2, as: Double.self) == [-7])
    #expect(try file.read("scalar", as: Double.self) == [3.5])
    #expect(try file.read("u", as: Int.self) == [1, 2, 3])
    #expect(try file.read("empty", as: Float.self) == [])
    #expect(throws: InputError.self) { try file.read("none", as: Float.self) }
    #expect(throws: InputError.self) { try file.read("f", rows: 2..<4, as: Float.self) }
    #expect(throws: InputError.self) { try file.read("d", as: Int.self) }
  }

  @Test func bytesAreTheFormatAndAlwaysTheSame() throws {
    _ = try write("a")
    _ = try write("b")
    let bytes = try scratch.bytes("a")
    #expect(try bytes == scratch.bytes("b"))
    let length = bytes[..<8].reversed().reduce(0) { $0 << 8 | Int($1) }
    #expect(length % 8 == 0)
    #expect(bytes.count == 8 + length + 24 + 16 + 0 + 16 + 8 + 3)
    let header = String(decoding: bytes[8..<(8 + length)], as: UTF8.self)
    #expect(
      header.hasPrefix(
        #"{"__metadata__": {"a": "é\"1", "b": "2"}, "f": {"dtype": "F32", "shape": [3, 2], "#))
    #expect(try scratch.names() == ["a", "b"])
  }

  @Test func longTensorsAreConvertedInBlocks() throws {
    let values = (0..<200_000).map { Double($0) / 7 }
    let writer = try SafetensorsWriter(scratch.file("x"), [TensorInfo("x", .float64, [2000, 100])])
    for start in stride(from: 0, to: values.count, by: 3100) {
      try writer.append(Array(values[start..<min(start + 3100, values.count)]))
    }
    try writer.finish()
    let file = try SafetensorsFile(scratch.file("x"))
    #expect(try file.read("x", as: Float.self) == values.map { Float($0) })
    #expect(
      try file.read("x", rows: 17..<1900, as: Float.self)
        == values[1700..<190_000].map { Float($0) })
  }

  /// A file that the format's own Python package wrote: safetensors.numpy.save.
  @Test func filesOfTheReferenceAreRead() throws {
    let base64 = """
      2AAAAAAAAAB7Il9fbWV0YWRhdGFfXyI6eyJtYWRlIjoiYnkgc2FmZXRlbnNvcnMubnVtcHkifSwiYSI6eyJkdHlw\
      ZSI6Ikk2NCIsInNoYXBlIjpbMl0sImRhdGFfb2Zmc2V0cyI6WzAsMTZdfSwiYyI6eyJkdHlwZSI6IkY2NCIsInNo\
      YXBlIjpbMV0sImRhdGFfb2Zmc2V0cyI6WzE2LDI0XX0sImIiOnsiZHR5cGUiOiJGMzIiLCJzaGFwZSI6WzIsMl0s\
      ImRhdGFfb2Zmc2V0cyI6WzI0LDQwXX19ICD7/////////wAAAAAAAQAAmpmZmZmZuT8AAIA/AAAAQAAAQEAAAJBA
      """
    let bytes = try #require(Data(base64Encoded: base64))
    try bytes.write(to: URL(fileURLWithPath: scratch.file("x")))
    let file = try SafetensorsFile(scratch.file("x"))
    #expect(file.metadata == ["made": "by safetensors.numpy"])
    #expect(try file.tensor("b").shape == [2, 2])
    #expect(try file.read("b", as: Float.self) == [1, 2, 3, 4.5])
    #expect(try file.read("a", as: Int.self) == [-5, 1 << 40])
    #expect(try file.read("c", as: Double.self) == [0.1])
  }

  @Test func unfinishedWritersLeaveNothing() throws {
    do {
      let writer = try SafetensorsWriter(scratch.file("x"), [TensorInfo("x", .float32, [2])])
      try writer.append([1] as [Float])
      #expect(throws: FileError.self) { try writer.finish() }
      #expect(throws: FileError.self) { try writer.append([1, 2] as [Float]) }
      #expect(throws: FileError.self) { try writer.append([1.0]) }
      #expect(try scratch.names() == ["x.partial"])
    }
    #expect(try scratch.names().isEmpty)
    #expect(throws: FileError.self) {
      try SafetensorsWriter(
        scratch.file("x"), [TensorInfo("x", .float32, [1]), TensorInfo("x", .uint8, [1])])
    }
    #expect(throws: FileError.self) {
      try SafetensorsWriter(scratch.file("x"), [TensorInfo("x", .float32, [Int.max, 2])])
    }
    #expect(throws: FileError.self) {
      try SafetensorsWriter(scratch.file("none/x"), [TensorInfo("x", .float32, [1])])
    }
    #expect(try scratch.names().isEmpty)
  }

  private static func tensor(_ type: String, _ shape: String, _ offsets: String) -> String {
    #"{"dtype": "\#(type)", "shape": \#(shape), "data_offsets": \#(offsets)}"#
  }

  /// Headers of a file with 8 bytes of data.
  @Test(arguments: [
    #"{"x": \#(tensor("F32", "[2]", "[0, 16]"))}"#, #"{"x": \#(tensor("F32", "[3]", "[0, 8]"))}"#,
    #"{"x": \#(tensor("F32", "[1]", "[0, 4]"))}"#, #"{"x": \#(tensor("F32", "[1]", "[4, 8]"))}"#,
    #"{"x": \#(tensor("F32", "[2]", "[8, 0]"))}"#, #"{"x": \#(tensor("F32", "[-2]", "[0, 8]"))}"#,
    #"{"x": \#(tensor("F32", "[2.0]", "[0, 8]"))}"#, #"{"x": \#(tensor("F8_E4M3", "[8]", "[0, 8]"))}"#,
    #"{"x": \#(tensor("F32", "[4611686018427387904, 4]", "[0, 0]"))}"#,
    #"{"x": \#(tensor("F32", "[0, 9223372036854775807, 9223372036854775807]", "[0, 0]"))}"#,
    #"{"x": \#(tensor("F32", "[99999999999999999999]", "[0, 8]"))}"#,
    #"{"x": \#(tensor("F32", "[2]", "[0, 8]")), "x": \#(tensor("F32", "[2]", "[0, 8]"))}"#,
    #"{"x": \#(tensor("F32", "[2]", "[0, 8]")), "y": \#(tensor("F32", "[2]", "[0, 8]"))}"#,
    #"{"x": \#(tensor("F32", "[1]", "[0, 4]")), "y": \#(tensor("U8", "[3]", "[5, 8]"))}"#,
    #"{"x": \#(tensor("F32", "[2]", "[0]"))}"#, #"{"x": {"dtype": "F32", "shape": [2]}}"#,
    #"{"x": 3}"#, "[]", "{}",
    "", "{", #"{"__metadata__": {"a": 1}, "x": \#(tensor("F32", "[2]", "[0, 8]"))}"#,
  ])
  func hostileHeadersAreRefused(header: String) throws {
    let size = header.utf8.count
    var bytes = (0..<8).map { UInt8(truncatingIfNeeded: size >> (8 * $0)) }
    bytes += header.utf8
    bytes += [UInt8](repeating: 0, count: 8)
    try Data(bytes).write(to: URL(fileURLWithPath: scratch.file("x")))
    #expect(throws: InputError.self) { try SafetensorsFile(scratch.file("x")) }
  }

  @Test(arguments: [0, 1, 7, 8, 9, 50, -1])
  func cutFilesAreRefused(length: Int) throws {
    let bytes = try Data(contentsOf: URL(fileURLWithPath: try write("x")))
    try bytes.prefix(length < 0 ? bytes.count + length : length).write(
      to: URL(fileURLWithPath: scratch.file("x")))
    #expect(throws: InputError.self) { try SafetensorsFile(scratch.file("x")) }
  }

  /// Twenty thousand damaged headers: each is refused in words, or is a header still.
  @Test func mutatedHeadersNeverCrash() throws {
    let good = try SafetensorsHeader.encoded(infos, metadata: ["k": "v"])
    let dataCount = 24 + 16 + 16 + 8 + 3
    var random = SplitMix(state: 7)
    let alphabet = Array("0123456789[]{}\",:-.eE\\u \u{0}tfnF".utf8) + [0xFF, 0x80, 0xC3]
    var refused = 0
    for _ in 0..<20_000 {
      var bytes = good
      for _ in 0..<Int.random(in: 1...4, using: &random) {
        let place = Int.random(in: 0..<bytes.count, using: &random)
        switch Int.random(in: 0..<4, using: &random) {
        case 0: bytes[place] = alphabet.randomElement(using: &random) ?? 0
        case 1: bytes.insert(alphabet.randomElement(using: &random) ?? 0, at: place)
        case 2: bytes.removeSubrange(place..<min(bytes.count, place + 3))
        default: bytes[place] ^= 1 << UInt8.random(in: 0..<8, using: &random)
        }
        if bytes.isEmpty { break }
      }
      do {
        let size = bytes.count + dataCount
        let length = try SafetensorsHeader.jsonLength(
          Array(bytes.prefix(8)), fileSize: size, path: "x")
        let text = Array((bytes + [UInt8](repeating: 0, count: dataCount))[8..<(8 + length)])
        let header = try SafetensorsHeader(parsing: text, fileSize: size, path: "x")
        #expect(
          header.entries.allSatisfy {
            $0.offset >= 0 && $0.offset + $0.byteCount <= size - header.length
          })
      } catch {
        refused += 1
      }
    }
    #expect(refused > 10_000)
  }
}
