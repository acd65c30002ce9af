import Files
import Foundation
import TestSupport
import Testing

/// Arrays as other programs write them: every type, every order, by name and by ranges of rows.
@Suite struct InputArrayTests {
  let scratch: ScratchDirectory

  init() throws { scratch = try ScratchDirectory() }

  /// A safetensors file of tensors by hand: name, type, shape and bytes.
  private func safetensors(_ name: String, _ tensors: [(name: String, type: String, shape: [Int], bytes: [UInt8])])
    throws
    -> String
  {
    var (members, data): ([String], [UInt8]) = ([], [])
    for tensor in tensors {
      members.append(
        "\"\(tensor.name)\":{\"dtype\":\"\(tensor.type)\",\"shape\":\(tensor.shape),\"data_offsets\":"
          + "[\(data.count),\(data.count + tensor.bytes.count)]}")
      data += tensor.bytes
    }
    let text = Array("{\(members.joined(separator: ","))}".utf8)
    let length = (0..<8).map { UInt8(truncatingIfNeeded: text.count >> (8 * $0)) }
    return try write(name, length + text + data)
  }

  private func npy(_ name: String, _ descr: String, _ shape: String, _ data: [UInt8], fortran: Bool = false) throws
    -> String
  {
    let text = Array(
      "{'descr': '\(descr)', 'fortran_order': \(fortran ? "True" : "False"), 'shape': \(shape), }\n".utf8)
    let head: [UInt8] = [0x93] + Array("NUMPY".utf8) + [1, 0, UInt8(text.count & 255), UInt8(text.count >> 8)]
    return try write(name, head + text + data)
  }

  private func raw<T>(_ values: [T]) -> [UInt8] { values.withUnsafeBytes { Array($0) } }

  private func write(_ name: String, _ bytes: [UInt8]) throws -> String {
    try Data(bytes).write(to: URL(fileURLWithPath: scratch.file(name)))
    return scratch.file(name)
  }

  private func all(_ array: InputArray, _ rows: Range<Int>? = nil) throws -> [Double] {
    let rows = rows ?? 0..<array.rows
    var values = [Double](repeating: .nan, count: rows.count * array.columns)
    try values.withUnsafeMutableBufferPointer { try array.read(rows, into: $0) }
    return values
  }

  @Test func everyFloat16IsExact() throws {
    let finite = (UInt16.min...UInt16.max).filter { $0 & 0x7c00 != 0x7c00 }
    let array = try InputArray(npy("half.npy", "<f2", "(\(finite.count),)", raw(finite)))
    let expected = finite.map { Double(Float16(bitPattern: $0)) }
    let found = try all(array)
    #expect(zip(found, expected).allSatisfy { $0.bitPattern == $1.bitPattern })
    for (raw, text) in [(0x7c00, "inf"), (0xfc00, "-inf"), (0x7e00, "nan")] as [(UInt16, String)] {
      let wrong = try InputArray(npy("wrong.npy", "<f2", "(2,)", self.raw([0, raw])))
      let error = #expect(throws: InputError.self) { try all(wrong) }
      #expect(error?.description.contains("\(text) at row 1") == true)
    }
  }

  @Test func everyTypeOfSafetensorsIsRead() throws {
    let halves: [UInt16] = [0x3c00, 0xc000, 0x0001]
    let brains: [UInt16] = [0x3f80, 0xc000, 0x0001]
    typealias Tensor = (name: String, type: String, shape: [Int], bytes: [UInt8])
    let reals: [Tensor] = [
      ("f16", "F16", [3], raw(halves)), ("bf16", "BF16", [3], raw(brains)),
      ("f32", "F32", [3], raw([1, -2, 0.1] as [Float])), ("f64", "F64", [3], raw([1, -2, 0.1] as [Double])),
    ]
    let signed: [Tensor] = [
      ("i8", "I8", [3], raw([1, -2, 3] as [Int8])), ("i16", "I16", [3], raw([1, -2, 300] as [Int16])),
      ("i32", "I32", [3], raw([1, -2, 70000] as [Int32])), ("i64", "I64", [3], raw([1, -2, 1 << 40] as [Int])),
    ]
    let unsigned: [Tensor] = [
      ("b", "BOOL", [3], [0, 1, 1]), ("u8", "U8", [3], [1, 2, 255]),
      ("u16", "U16", [3], raw([1, 2, 65535] as [UInt16])),
      ("u32", "U32", [3], raw([1, 2, 1 << 31] as [UInt32])), ("u64", "U64", [3], raw([1, 2, 1 << 52] as [UInt64])),
    ]
    let path = try safetensors("t.safetensors", reals + signed + unsigned)
    let expected: [String: [Double]] = [
      "b": [0, 1, 1], "f16": [1, -2, 0x1p-24], "bf16": [1, -2, 0x1p-133], "f32": [1, -2, Double(0.1 as Float)],
      "f64": [1, -2, 0.1], "i8": [1, -2, 3], "i16": [1, -2, 300], "i32": [1, -2, 70000], "i64": [1, -2, 0x1p40],
      "u8": [1, 2, 255], "u16": [1, 2, 65535], "u32": [1, 2, 0x1p31], "u64": [1, 2, 0x1p52],
    ]
    let whole = try SafetensorsFile(path)
    for (name, values) in expected {
      #expect(try all(InputArray(path, array: name)) == values, "\(name)")
      #expect(try all(InputArray(argument: "\(path):\(name)"), 1..<3) == Array(values[1...]), "\(name)")
      #expect(try whole.read(name, as: Double.self) == values, "\(name)")
    }
    #expect(try whole.read("i16", as: Int.self) == [1, -2, 300])
    #expect(throws: InputError.self) { try whole.read("f16", as: Int.self) }
  }

  @Test func aMissingNameListsThoseThatAreThere() throws {
    let path = try safetensors("two.safetensors", [("left", "U8", [1], [1]), ("right", "U8", [1], [2])])
    for argument in ["\(path):middle", path] {
      let error = #expect(throws: InputError.self) { try InputArray(argument: argument) }
      #expect(error?.description.contains("left, right") == true, "\(argument)")
    }
    let one = try safetensors("one.safetensors", [("only", "U8", [2, 1], [1, 2])])
    #expect(try all(InputArray(argument: one)) == [1, 2])
    #expect(throws: InputError.self) { try InputArray(argument: "\(scratch.file("none.npy")):x") }
  }

  @Test func aColonInTheFilesNameIsPartOfIt() throws {
    let path = try safetensors("a:b", [("t", "U8", [2], [5, 6]), ("s", "U8", [1], [1])])
    #expect(try all(InputArray(argument: "\(path):t")) == [5, 6])
    #expect(try all(InputArray(argument: npy("c:d.npy", "|u1", "(2,)", [7, 8]))) == [7, 8])
  }

  @Test func rowsComeInAnyOrderAndShape() throws {
    let values: [Double] = (0..<24).map { Double($0) / 3 }
    let plain = try InputArray(npy("c.npy", "<f8", "(4, 2, 3)", raw(values)))
    // The same array column by column: element (i, j, k) at i + 4 j + 8 k.
    let turned: [Double] = (0..<24).map { (place: Int) in values[place % 4 * 6 + place / 4 % 2 * 3 + place / 8] }
    let fortran = try InputArray(npy("f.npy", "<f8", "(4, 2, 3)", raw(turned), fortran: true))
    #expect(plain.isPlain && !fortran.isPlain)
    for array in [plain, fortran] {
      #expect(array.rows == 4 && array.columns == 6)
      #expect(try all(array) == values)
      #expect(try all(array, 1..<3) == Array(values[6..<18]))
      var seen: [Int: [Double]] = [:]
      try array.readRows([3, 0, 3]) { seen[$0] = Array($1) }
      #expect(seen == [0: Array(values[18...]), 1: Array(values[..<6]), 2: Array(values[18...])])
      #expect(throws: InputError.self) { try array.readRows([4]) { _, _ in } }
      #expect(throws: InputError.self) { try all(array, 3..<5) }
    }
    let byLast = try plain.inRowsOfLast()
    #expect(byLast.rows == 8 && byLast.columns == 3)
    #expect(try all(byLast, 5..<7) == Array(values[15..<21]))
    #expect(throws: InputError.self) { try fortran.inRowsOfLast() }
  }

  /// A row that nobody asks for may hold anything.
  @Test func onlyWantedRowsMustBeFinite() throws {
    var values = [Double](repeating: 1, count: 30)
    values[22] = .nan
    let array = try InputArray(npy("n.npy", "<f8", "(10, 3)", raw(values)))
    var count = 0
    try array.readRows([6, 8]) { _, _ in count += 1 }
    #expect(count == 2)
    let error = #expect(throws: InputError.self) { try array.readRows([0, 7]) { _, _ in } }
    #expect(error?.description.contains("nan at row 7, column 1") == true)
  }

  @Test func aFileThatShrinksIsAnError() throws {
    let path = try npy("s.npy", "<f8", "(10, 3)", raw([Double](repeating: 1, count: 30)))
    let array = try InputArray(path)
    try #require(truncate(path, 200) == 0)
    #expect(throws: InputError.self) { try all(array) }
  }
}
