import Foundation

/// Reads and writes NumPy's format, version 1.0.
enum NPYFile {
  static func write(_ input: Golden.Tiny.Input, to folder: String) throws {
    try write(input.trainX, to: folder + "/train_x.npy")
    try write(input.trainY, to: folder + "/train_y.npy")
    try write(input.testX, to: folder + "/test_x.npy")
    try write(input.testY, to: folder + "/test_y.npy")
  }

  /// A file of doubles: its shape and its numbers.
  static func read(_ path: String) throws -> (shape: [Int], values: [Double]) {
    let data = try Data(contentsOf: URL(filePath: path))
    let start = 10 + Int(data[8]) + 256 * Int(data[9])
    let header = String(decoding: data[10..<start], as: UTF8.self)
    precondition(header.contains("'<f8'") && header.contains("False"))
    let shape = header.split { $0 == "(" || $0 == ")" }[1].split(separator: ",").compactMap {
      Int($0.trimmingCharacters(in: .whitespaces))
    }
    let count = (data.count - start) / 8
    let values = [Double](unsafeUninitializedCapacity: count) { buffer, filled in
      filled = data.copyBytes(to: buffer, from: start..<(start + 8 * count)) / 8
    }
    return (shape, values)
  }

  private static func write(_ rows: [[Double]], to path: String) throws {
    let body = rows.flatMap { $0 }.withUnsafeBytes { Data($0) }
    try write("<f8", "(\(rows.count), \(rows[0].count))", body, to: path)
  }

  private static func write(_ labels: [Int], to path: String) throws {
    try write("<i8", "(\(labels.count),)", labels.withUnsafeBytes { Data($0) }, to: path)
  }

  private static func write(_ type: String, _ shape: String, _ body: Data, to path: String) throws {
    var text = "{'descr': '\(type)', 'fortran_order': False, 'shape': \(shape), }"
    while (10 + text.utf8.count + 1) % 64 != 0 { text += " " }
    text += "\n"
    let length = UInt16(text.utf8.count)
    var data = Data([0x93]) + Data("NUMPY".utf8) + Data([1, 0, UInt8(length & 255), UInt8(length >> 8)])
    data += Data(text.utf8) + body
    try data.write(to: URL(filePath: path))
  }
}
