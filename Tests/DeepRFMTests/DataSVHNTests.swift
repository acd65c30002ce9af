import DeepRFM
import Foundation
import Runtime
import Testing

/// MATLAB files as SVHN's, built element by element.
@Suite struct DataSVHNTests {
  private func header() -> [UInt8] {
    Array("MATLAB 5.0 MAT-file".utf8) + [UInt8](repeating: 0x20, count: 105) + [0, 1]
      + Array("IM".utf8)
  }

  private func element(_ type: Int, _ data: [UInt8], small: Bool = false) -> [UInt8] {
    if small, data.count <= 4 {
      return littleEndian32(data.count << 16 | type) + data
        + [UInt8](repeating: 0, count: 4 - data.count)
    }
    let padding = [UInt8](repeating: 0, count: (8 - data.count % 8) % 8)
    return littleEndian32(type) + littleEndian32(data.count) + data + padding
  }

  private func matrix(
    _ name: String, _ sizes: [Int], _ data: [UInt8], type: Int = 2, flags: Int = 9,
    small: Bool = false
  ) -> [UInt8] {
    let contents =
      element(6, littleEndian32(flags) + littleEndian32(0))
      + element(5, sizes.flatMap(littleEndian32))
      + element(1, Array(name.utf8), small: small) + element(type, data, small: small)
    return littleEndian32(14) + littleEndian32(contents.count) + contents
  }

  private func compressed(_ element: [UInt8]) -> [UInt8] {
    let packed = deflated(element, windowBits: 15)
    return littleEndian32(15) + littleEndian32(packed.count) + packed
  }

  /// X(row, column, channel, sample) of 2 x 3 x 3 pixels.
  private func pixel(_ row: Int, _ column: Int, _ channel: Int, _ sample: Int) -> UInt8 {
    UInt8((100 * channel + 20 * row + 5 * column + sample) & 0xff)
  }

  private func images(_ count: Int) -> [UInt8] {
    (0..<count).flatMap { s in
      (0..<3).flatMap { c in (0..<3).flatMap { x in (0..<2).map { y in pixel(y, x, c, s) } } }
    }
  }

  private func row(_ sample: Int) -> [Double] {
    (0..<3).flatMap { c in
      (0..<2).flatMap { y in (0..<3).map { x in Double(pixel(y, x, c, sample)) } }
    }
  }

  private func file(_ x: [UInt8], _ y: [UInt8]) -> [UInt8] { header() + x + y }

  private func folder(_ train: [UInt8]) throws -> TemporaryFolder {
    let folder = try TemporaryFolder()
    try folder.write("train_32x32.mat", train)
    return folder
  }

  private let labels: [UInt8] = [10, 1, 9, 5, 10]

  @Test(arguments: [true, false], [true, false])
  func values(isCompressed: Bool, small: Bool) throws {
    let wrap = isCompressed ? compressed : { $0 }
    let extra = wrap(matrix("note", [1, 2], [1, 2], flags: 4))
    let x = wrap(matrix("X", [2, 3, 3, 5], images(5), small: small))
    let y = wrap(matrix("y", [5, 1], labels, small: small))
    for contents in [file(extra + x, y), file(y, extra + x)] {
      let folder = try folder(contents)
      try folder.write(
        "test_32x32.mat",
        file(matrix("X", [2, 3, 3], images(1)), wrap(matrix("y", [1, 1], [3], small: small))))
      let data = try open(.svhn, folder)
      #expect((data.train.sampleCount, data.train.featureCount) == (5, 18))
      #expect(try data.train.labels(first: 5) == [0, 1, 9, 5, 0])
      let asked = [4, 0, 2, 2]
      #expect(try rows(data.train, asked) == asked.map(row))
      let test = try #require(data.test)
      #expect(try test.labels(first: 1) == [3])
      #expect(try allRows(test) == [row(0)])
    }
  }

  @Test func otherNumberTypes() throws {
    let x = matrix("X", [2, 3, 3, 5], bytes(images(5).map { Float($0) }), type: 7, flags: 7)
    let y = compressed(matrix("y", [1, 5], bytes(labels.map { Double($0) }), type: 9, flags: 6))
    let data = try open(.svhn, try folder(file(x, y)), trainSamples: 4)
    #expect(try allRows(data.train) == (0..<4).map(row))
    #expect(try data.train.labels(first: 4) == [0, 1, 9, 5])
  }

  /// A file from a big-endian machine: every word of the headers swapped, not the bytes of X and y.
  @Test func bigEndian() throws {
    func swapped(_ element: [UInt8], words: [Int]) -> [UInt8] {
      var result = element
      for word in words {
        result.replaceSubrange(word..<word + 4, with: element[word..<word + 4].reversed())
      }
      return result
    }
    // Words: matrix tag, flags, dimensions, tag of the name, tag of the numbers.
    let x = swapped(
      matrix("X", [2, 3, 3, 5], images(5)),
      words: Array(stride(from: 0, to: 48, by: 4)) + [48, 52, 64, 68])
    let y = swapped(
      matrix("y", [5, 1], labels), words: Array(stride(from: 0, to: 48, by: 4)) + [56, 60])
    var start = header()
    start.replaceSubrange(124..., with: [1, 0] + Array("MI".utf8))
    let data = try open(.svhn, try folder(start + x + y))
    #expect(try allRows(data.train) == (0..<5).map(row))
    #expect(try data.train.labels(first: 5) == [0, 1, 9, 5, 0])
  }

  @Test func badFiles() throws {
    func with(_ contents: [UInt8], _ parts: String...) throws {
      let text = complaint(.svhn, try folder(contents))
      expectComplaint(text, "train_32x32.mat")
      for part in parts { expectComplaint(text, part) }
    }
    let x = matrix("X", [2, 3, 3, 5], images(5))
    let y = matrix("y", [5, 1], labels)
    try with([], "truncated", "128")
    try with(Array(file(x, y).prefix(100)), "truncated")
    try with(Array(file(x, y).dropLast(3)), "truncated")
    try with(Array(file(compressed(x), compressed(y)).dropLast(3)), "truncated")
    try with([UInt8](repeating: 1, count: 500), "not a MATLAB")
    try with(Array(header().prefix(125)) + [2, 0x49, 0x4d] + x + y, "MATLAB", "version")
    try with(file(x, y) + [1, 2, 3], "trailing")
    try with(file(x, y) + [UInt8](repeating: 7, count: 8), "truncated")
    try with(file(x, []), "no variable y")
    try with(file(y, []), "no variable X")
    try with(file(x, matrix("y", [4, 1], Array(labels.prefix(4)))), "5", "4")
    try with(file(x, matrix("y", [5, 1], [1, 2, 11, 4, 5])), "label 11", "sample 2")
    try with(file(matrix("X", [2, 9, 5], images(5)), y), "1 samples", "5 labels")
    try with(file(matrix("X", [18, 5], images(5)), y), "size [18, 5]")
    try with(file(matrix("X", [2, 3, 3, 6], images(5)), y), "108 bytes", "90 bytes")
    try with(file(matrix("X", [1 << 30, 1 << 30, 1 << 30, 5], images(5)), y), "impossible")
    try with(file(matrix("X", [2, 3, 3, -5], images(5)), y), "impossible")
    try with(file(matrix("X", [2, 3, 3, 5], images(5), flags: 9 | 0x800), y), "complex")
    try with(file(matrix("X", [2, 3, 3, 5], images(5), type: 14), y), "not numeric")
    try with(file(matrix("X", [2, 3, 3, 0], []), y), "no samples")
    let damaged = littleEndian32(14) + littleEndian32(1 << 30) + x.dropFirst(8)
    try with(file(compressed(damaged), y), "unpack")
    var wrongSum = file(compressed(x), compressed(y))
    wrongSum[128 + 8 + compressed(x).count - 8 - 1] ^= 1
    try with(wrongSum, "damaged", "incorrect data check")
    let notFinite = images(5).enumerated().map { $0 == 20 ? Float.nan : Float($1) }
    try with(
      file(matrix("X", [2, 3, 3, 5], bytes(notFinite), type: 7, flags: 7), y), "nan", "row 1")
  }

  @Test func mutations() throws {
    let x = matrix("X", [2, 3, 3, 5], images(5))
    let y = matrix("y", [5, 1], labels, small: true)
    let folder = try folder([])
    for (seed, original) in [file(x, y), file(compressed(x), compressed(y))].enumerated() {
      try mutate(original, times: 2000, seed: UInt64(seed)) { mutant in
        try folder.write("train_32x32.mat", mutant)
        try readAll(.svhn, folder.path)
      }
    }
    // Mutants inside a valid compressed element.
    try mutate(x, times: 2000, seed: 7) { mutant in
      try folder.write("train_32x32.mat", file(compressed(mutant), compressed(y)))
      try readAll(.svhn, folder.path)
    }
  }
}
