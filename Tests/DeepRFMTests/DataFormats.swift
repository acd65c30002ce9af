import CZlib
import Foundation

/// Files in the formats of the data sets, made from their parts.
enum Made {
  static func idx(_ sizes: [Int], _ body: [UInt8], type: UInt8 = 8) -> [UInt8] {
    [0, 0, type, UInt8(sizes.count)] + sizes.flatMap(bigEndian32) + body
  }

  static func npy(_ descr: String, _ shape: String, _ data: [UInt8], fortran: Bool = false) -> [UInt8] {
    npy(header: "{'descr': '\(descr)', 'fortran_order': \(fortran ? "True" : "False"), 'shape': \(shape), }", data)
  }

  static func npy(header: String, _ data: [UInt8]) -> [UInt8] {
    let text = Array(header.utf8) + [0x0a]
    return [0x93] + Array("NUMPY".utf8) + [1, 0] + littleEndian32(text.count)[..<2] + text + data
  }

  /// Rows of doubles.
  static func npy(_ rows: [[Double]]) -> [UInt8] {
    npy("<f8", "(\(rows.count), \(rows.first?.count ?? 0))", bytes(rows.flatMap { $0 }))
  }

  /// Texts as NumPy's <U has them.
  static func npy(texts: [String]) -> [UInt8] {
    let width = texts.map(\.unicodeScalars.count).max() ?? 0
    let body = texts.flatMap { text in
      let scalars = text.unicodeScalars.map(\.value)
      return bytes(scalars + [UInt32](repeating: 0, count: width - scalars.count))
    }
    return npy("<U\(width)", "(\(texts.count),)", body)
  }

  /// A ZIP archive; sizes in extra fields of 64 bits where `isLarge`, as numpy.savez writes its local headers.
  static func zip(_ entries: [(name: String, data: [UInt8])], deflate: Bool = false, isLarge: Bool = false) -> [UInt8] {
    var (file, directory): ([UInt8], [UInt8]) = ([], [])
    for (name, data) in entries {
      let body = deflate ? deflated(data, windowBits: -15) : data
      let sum = littleEndian32(Int(crc32_z(0, data, data.count)))
      let common = littleEndian16(0) + littleEndian16(deflate ? 8 : 0) + [0, 0, 0, 0] + sum
      let sizes = littleEndian32(body.count) + littleEndian32(data.count)
      let wide = [UInt8](repeating: 0xff, count: 8)
      let extra = isLarge ? littleEndian16(1) + littleEndian16(16) + bytes([data.count, body.count]) : []
      let lengths = littleEndian16(name.utf8.count) + littleEndian16(extra.count)
      directory += [0x50, 0x4b, 1, 2] + littleEndian16(45) + littleEndian16(45) + common + (isLarge ? wide : sizes)
      directory += lengths + [UInt8](repeating: 0, count: 10) + littleEndian32(file.count) + Array(name.utf8) + extra
      file +=
        [0x50, 0x4b, 3, 4] + littleEndian16(45) + common + (isLarge ? wide : sizes) + lengths + Array(name.utf8) + extra
      file += body
    }
    let counts = littleEndian16(entries.count) + littleEndian16(entries.count)
    return file + directory + [0x50, 0x4b, 5, 6, 0, 0, 0, 0] + counts + littleEndian32(directory.count)
      + littleEndian32(file.count) + [0, 0]
  }

  private static func littleEndian16(_ value: Int) -> [UInt8] { Array(littleEndian32(value)[..<2]) }

  /// A safetensors file of tensors of any type: names, types as the format writes them, shapes and bytes.
  static func safetensors(_ tensors: [(name: String, type: String, shape: [Int], data: [UInt8])]) -> [UInt8] {
    var place = 0
    let members = tensors.map { tensor in
      defer { place += tensor.data.count }
      return "\"\(tensor.name)\": {\"dtype\": \"\(tensor.type)\", \"shape\": \(tensor.shape), \"data_offsets\":"
        + " [\(place), \(place + tensor.data.count)]}"
    }
    let header = Array("{\(members.joined(separator: ", "))}".utf8)
    return bytes([header.count]) + header + tensors.flatMap(\.data)
  }

  /// A MATLAB Level 5 file.
  static func mat(_ variables: [[UInt8]]) -> [UInt8] {
    Array("MATLAB 5.0 MAT-file".utf8) + [UInt8](repeating: 0x20, count: 105) + [0, 1] + Array("IM".utf8)
      + variables.flatMap { $0 }
  }

  /// A variable of bytes; `isPacked`: a compressed element.
  static func variable(_ name: String, _ sizes: [Int], _ data: [UInt8], isPacked: Bool = false) -> [UInt8] {
    func element(_ type: Int, _ data: [UInt8]) -> [UInt8] {
      littleEndian32(type) + littleEndian32(data.count) + data + [UInt8](repeating: 0, count: (8 - data.count % 8) % 8)
    }
    let contents =
      element(6, littleEndian32(9) + littleEndian32(0)) + element(5, sizes.flatMap(littleEndian32))
      + element(1, Array(name.utf8)) + element(2, data)
    let matrix = littleEndian32(14) + littleEndian32(contents.count) + contents
    guard isPacked else { return matrix }
    let packed = deflated(matrix, windowBits: 15)
    return littleEndian32(15) + littleEndian32(packed.count) + packed
  }
}
