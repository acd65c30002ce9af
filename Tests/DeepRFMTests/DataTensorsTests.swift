import Datasets
import DeepRFM
import Files
import Foundation
import Testing

/// Samples in safetensors files, as other programs export them.
@Suite struct DataTensorsTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private static let values: [[Double]] = [[1, -0.5], [2, 0.25], [-3, 4]]

  /// The same numbers, which every one of these types holds.
  private static func body(_ type: String) -> [UInt8] {
    let flat = values.flatMap { $0 }
    return switch type {
    case "F64": bytes(flat)
    case "F32": bytes(flat.map { Float($0) })
    case "F16": bytes(flat.map { Float16($0) })
    default: bytes(flat.map { UInt16(Float($0).bitPattern >> 16) })
    }
  }

  private static let labels = ("y", "I64", [3], bytes([7, -1, 7]))

  @Test(arguments: ["F64", "F32", "F16", "BF16"]) func tensorTypes(type: String) throws {
    let x = (name: "x", type: type, shape: [3, 1, 2], data: Self.body(type))
    try folder.write("train.safetensors", Made.safetensors([x, Self.labels]))
    try folder.write("test.safetensors", Made.safetensors([Self.labels, x]))
    let data = try open(.npy, folder)
    #expect(try allRows(data.train) == Self.values && rows(data.train, [2, 0]) == [Self.values[2], Self.values[0]])
    #expect(try data.train.labels(first: 3) == [7, -1, 7])
    #expect(try allRows(#require(data.test)) == Self.values)
  }

  @Test(arguments: [false, true]) func tensorNames(asFile: Bool) throws {
    let x = { (name: String) in (name, "F32", [3, 2], Self.body("F32")) }
    let oneHot = { (name: String) in (name, "U8", [3, 2], [0, 1, 1, 0, 0, 1] as [UInt8]) }
    let path = try folder.write(
      "mine.safetensors", Made.safetensors([x("X_train"), oneHot("y_train"), x("x_test"), oneHot("test_labels")]))
    let data = try Dataset.open(.npy, directory: asFile ? path : folder.path, seed: 0)
    #expect(try data.train.labels(first: 3).map(\.name) == ["1", "0", "1"])
    #expect(try data.test.map(allRows) == Self.values)
  }

  @Test func badTensors() throws {
    let x = (name: "x", type: "F32", shape: [3, 2], data: Self.body("F32"))
    try folder.write("train.safetensors", Made.safetensors([x, ("z", "U8", [1], [1])]))
    expectComplaint(complaint(.npy, folder), "train.safetensors", "x, z", "x and y")
    try folder.write("train.safetensors", Made.safetensors([x, ("y", "U8", [2], [1, 0])]))
    expectComplaint(complaint(.npy, folder), "3 samples", "2 labels")
    var holes = x
    holes.data.replaceSubrange(8..<12, with: bytes([Float.nan]))
    try folder.write("train.safetensors", Made.safetensors([holes, Self.labels]))
    expectComplaint(complaint(.npy, folder), "row 1", "nan")
    try folder.write("train.safetensors", Made.safetensors([("x", "F8_E4M3", [1, 1], [0]), ("y", "U8", [1], [0])]))
    expectComplaint(complaint(.npy, folder), "F8_E4M3")
    try folder.write("train.safetensors", Array(Made.safetensors([x, Self.labels]).dropLast(3)))
    expectComplaint(complaint(.npy, folder), "train.safetensors")
    try folder.write("train.safetensors", Made.safetensors([("x", "F32", [6], x.data), Self.labels]))
    expectComplaint(complaint(.npy, folder), "[6]", "samples x features")
  }

  /// predict's rows: a tensor by its name, or the only one.
  @Test func rowsOfATensor() throws {
    let x = (name: "rows", type: "BF16", shape: [3, 2], data: Self.body("BF16"))
    let one = try folder.write("one.safetensors", Made.safetensors([x]))
    let two = try folder.write("two.safetensors", Made.safetensors([x, Self.labels]))
    for argument in [one, "\(one):rows", "\(two):rows"] {
      #expect(try allRows(NPYSamples.unlabelled(argument)) == Self.values)
    }
    expectComplaint(complaint { _ = try NPYSamples.unlabelled(two) }, "2 tensors", "rows", "y")
    expectComplaint(complaint { _ = try NPYSamples.unlabelled("\(two):none") }, "none")
  }
}
