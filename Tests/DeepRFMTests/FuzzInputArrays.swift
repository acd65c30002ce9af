import Files
import Testing

/// Arrays for `collapse`, and for rows to train on and predict: safetensors of every type, NPY of float16.
extension FuzzReader {
  static var inputArrays: [FuzzReader] {
    let halves: [UInt16] = (0..<24).map { 0x3000 + 37 * $0 }
    let raw = halves.withUnsafeBytes { Array($0) }
    let x = "x.npy"
    return [
      FuzzReader("NPY float16", x, [npy("(4, 6)", raw), npy("(24,)", raw), npy("(2, 3, 4)", raw, fortran: true)]) {
        try readFaithfully(InputArray("\($0)/\(x)"))
      },
      FuzzReader("safetensors input", "x.safetensors", [whole(raw), one(raw)]) { folder in
        let path = "\(folder)/x.safetensors"
        for tensor in try SafetensorsFile(path).tensors { try readFaithfully(InputArray(path, array: tensor.name)) }
      },
    ]
  }

  private static func npy(_ shape: String, _ data: [UInt8], fortran: Bool = false) -> [UInt8] {
    let text = Array(
      "{'descr': '<f2', 'fortran_order': \(fortran ? "True" : "False"), 'shape': \(shape), }\n".utf8)
    return [0x93] + Array("NUMPY".utf8) + [1, 0, UInt8(text.count), 0] + text + data
  }

  private static func whole(_ data: [UInt8]) -> [UInt8] {
    encoded(
      [
        TensorInfo("features", .float16, [4, 3]), TensorInfo("b", .bfloat16, [2, 3, 2]),
        TensorInfo("labels", .int16, [6]),
        TensorInfo("hot", .bool, [6, 2]), TensorInfo("none", .float32, [0, 3]),
      ], Array(data + data).prefix(72))
  }

  private static func one(_ data: [UInt8]) -> [UInt8] { encoded([TensorInfo("x", .float16, [6, 4])], data[...]) }

  private static func encoded(_ infos: [TensorInfo], _ data: ArraySlice<UInt8>) -> [UInt8] {
    do { return try SafetensorsHeader.encoded(infos, metadata: ["by": "a test"]) + data } catch {
      fatalError("the tests' tensors cannot be: \(error)")
    }
  }

  /// Both ways of reading give every number once, finite, and the same.
  private static func readFaithfully(_ array: InputArray) throws {
    guard array.columns > 0, array.rows > 0 else { return }
    var values = [Double](repeating: .nan, count: array.rows * array.columns)
    try values.withUnsafeMutableBufferPointer { try array.read(0..<array.rows, into: $0) }
    guard values.allSatisfy(\.isFinite) else { throw FuzzFinding("a number was not read") }
    var seen = 0
    try array.readRows((0..<array.rows).reversed()) { position, row in
      let start = (array.rows - 1 - position) * array.columns
      guard Array(row) == Array(values[start..<start + array.columns]) else {
        throw FuzzFinding("row \(position) differs")
      }
      seen += 1
    }
    guard seen == array.rows else { throw FuzzFinding("\(seen) of \(array.rows) rows came") }
    _ = try array.inRowsOfLast()
  }
}
