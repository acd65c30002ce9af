import Datasets
import DeepRFM
import Files
import Foundation
import Runtime
import Testing

/// NPY files in every supported form, and writing them.
@Suite struct DataNPYTests {
  private func npy(
    _ descr: String, _ shape: String, _ data: [UInt8], fortran: Bool = false, version: UInt8 = 1
  ) -> [UInt8] {
    npy(
      header:
        "{'descr': '\(descr)', 'fortran_order': \(fortran ? "True" : "False"), 'shape': \(shape), }",
      data, version: version)
  }

  private func npy(header: String, _ data: [UInt8], version: UInt8 = 1) -> [UInt8] {
    let text = Array(header.utf8) + [0x0a]
    let length = littleEndian32(text.count)
    return [0x93] + Array("NUMPY".utf8) + [version, 0]
      + (version == 1 ? Array(length[..<2]) : length) + text
      + data
  }

  private func folder(_ x: [UInt8], _ y: [UInt8]) throws -> TemporaryFolder {
    let folder = try TemporaryFolder()
    try folder.write("train_x.npy", x)
    try folder.write("train_y.npy", y)
    return folder
  }

  private let labels: [UInt8] = [2, 0, 4]
  private var y: [UInt8] { npy("|u1", "(3,)", labels) }

  private func values(_ x: [UInt8]) throws -> [[Double]] {
    let data = try open(.npy, try folder(x, y))
    #expect(try data.classes().labels == ["0", "2", "4"])
    #expect(try data.train.labels(first: 3) == [2, 0, 4])
    let asked = try rows(data.train, [2, 0, 2])
    let all = try allRows(data.train)
    #expect(asked == [all[2], all[0], all[2]])
    return all
  }

  private let expected: [[Double]] = [[0, 1], [2, 3], [4, 5]]

  @Test func numberTypes() throws {
    let plain = [0, 1, 2, 3, 4, 5]
    func check(_ descr: String, _ data: [UInt8]) throws {
      #expect(try values(npy(descr, "(3, 2)", data)) == expected, "\(descr)")
    }
    for swapped in [false, true] {
      let order = swapped ? ">" : "<"
      try check("\(order)f4", bytes(plain.map { Float($0) }, swapped: swapped))
      try check("\(order)f8", bytes(plain.map { Double($0) }, swapped: swapped))
      try check("\(order)i2", bytes(plain.map { Int16($0) }, swapped: swapped))
      try check("\(order)i4", bytes(plain.map { Int32($0) }, swapped: swapped))
      try check("\(order)i8", bytes(plain.map { Int64($0) }, swapped: swapped))
      try check("\(order)u2", bytes(plain.map { UInt16($0) }, swapped: swapped))
      try check("\(order)u4", bytes(plain.map { UInt32($0) }, swapped: swapped))
      try check("\(order)u8", bytes(plain.map { UInt64($0) }, swapped: swapped))
    }
    try check("|i1", bytes(plain.map { Int8($0) }))
    try check("|u1", bytes(plain.map { UInt8($0) }))
    #expect(try values(npy("|b1", "(3, 2)", [0, 1, 1, 0, 1, 1])) == [[0, 1], [1, 0], [1, 1]])
    #expect(try values(npy("|i1", "(3, 1)", [255, 128, 127])) == [[-1], [-128], [127]])
    #expect(try values(npy("<i8", "(3, 1)", bytes([Int64(-7), 7, 1 << 40])))[0] == [-7])
  }

  @Test func headers() throws {
    let data: [UInt8] = [0, 1, 2, 3, 4, 5]
    #expect(try values(npy("|u1", "(3, 2)", data, version: 2)) == expected)
    #expect(try values(npy("|u1", "(3, 2)", data, version: 3)) == expected)
    #expect(try values(npy("|u1", "(3L,2L,)", data)) == expected)
    let other = "{\"shape\": (3,2), \"descr\": \"|u1\",'fortran_order':False}   "
    #expect(try values(npy(header: other, data)) == expected)
  }

  @Test func orders() throws {
    #expect(try values(npy("|u1", "(3, 2)", [0, 2, 4, 1, 3, 5], fortran: true)) == expected)
    // (sample, i, j) of size (3, 2, 4): value 100 s + 10 i + j.
    let cOrder = (0..<3).flatMap { s in
      (0..<2).flatMap { i in (0..<4).map { 100 * s + 10 * i + $0 } }
    }
    let fOrder = (0..<4).flatMap { j in
      (0..<2).flatMap { i in (0..<3).map { 100 * $0 + 10 * i + j } }
    }
    let rows = (0..<3).map { s in cOrder[8 * s..<8 * s + 8].map { Double($0) } }
    #expect(try values(npy("<i8", "(3, 2, 4)", bytes(cOrder))) == rows)
    #expect(try values(npy("<i8", "(3, 2, 4)", bytes(fOrder), fortran: true)) == rows)
  }

  /// Several pieces of a column, and several blocks of rows.
  @Test func largeFortran() throws {
    let (count, width) = (40_000, 600)
    let data = (0..<width).flatMap { (column: Int) -> [UInt8] in
      (0..<count).map { UInt8(truncatingIfNeeded: $0 * 3 + column) }
    }
    let folder = try TemporaryFolder()
    let reader = try NPYSamples.unlabelled(
      folder.write("x.npy", npy("|u1", "(\(count), \(width))", data, fortran: true)))
    let asked = (0..<count).reversed().map { $0 }
    var wrong = 0
    try reader.readRows(asked) { position, row in
      let index = asked[position]
      if row[0] != Double((index * 3) & 0xff)
        || row[width - 1] != Double((index * 3 + width - 1) & 0xff)
      {
        wrong += 1
      }
    }
    #expect(wrong == 0)
    #expect(try rows(reader, [39_999, 0]).map { $0[1] } == [Double((39_999 * 3 + 1) & 0xff), 1])
  }

  @Test func labelForms() throws {
    let x = npy("|u1", "(3, 2)", [0, 1, 2, 3, 4, 5])
    for y in [
      npy("<f8", "(3, 1)", bytes([2.0, 0, 4])), npy("<i8", "(3,)", bytes([2, 0, 4])),
      npy("<f4", "(3,)", bytes([Float(2), 0, 4]), fortran: true),
      npy("|u1", "(3, 1)", [2, 0, 4], fortran: true),
    ] {
      let data = try open(.npy, try folder(x, y))
      #expect(try data.train.labels(first: 3) == [2, 0, 4])
    }
  }

  @Test func testSplit() throws {
    let folder = try folder(npy("|u1", "(3, 2)", [0, 1, 2, 3, 4, 5]), y)
    try folder.write("test_x.npy", npy("|u1", "(1, 2)", [9, 8]))
    expectComplaint(complaint(.npy, folder), "no file test_y.npy")
    try folder.write("test_y.npy", npy("|u1", "(1,)", [4]))
    let data = try open(.npy, folder)
    #expect(try allRows(try #require(data.test)) == [[9, 8]])
    try folder.write("test_x.npy", npy("|u1", "(1, 3)", [9, 8, 7]))
    expectComplaint(complaint(.npy, folder), folder.path, "2 features", "3")
  }

  @Test func badFiles() throws {
    let data: [UInt8] = [0, 1, 2, 3, 4, 5]
    let x = npy("|u1", "(3, 2)", data)
    func withX(_ x: [UInt8], _ parts: String...) throws {
      let text = complaint(.npy, try folder(x, y))
      for part in parts + ["train_x.npy"] { expectComplaint(text, part) }
    }
    func withY(_ y: [UInt8], _ parts: String...) throws {
      let text = complaint(.npy, try folder(x, y))
      for part in parts + ["train_y.npy"] { expectComplaint(text, part) }
    }
    try withX([], "not an NPY")
    try withX(Array("PK\u{3}\u{4}aaaaaaaaaa".utf8), "zip")
    try withX(Array(x.dropLast()), "truncated")
    try withX(x + [0], "trailing")
    try withX(Array(x[..<30]), "truncated")
    try withX(npy("|u1", "(3, 2)", data, version: 9), "version")
    try withX(npy("<f16", "(3, 1)", data), "<f16", "supported")
    try withX(npy("<c8", "(3, 1)", data), "<c8")
    try withX(npy("|O", "(3, 1)", data), "|O", "Python objects")
    try withX(npy("<U2", "(3, 1)", [UInt8](repeating: 0, count: 24)), "holds text")
    try withX(npy("|u1", "(6,)", data), "[6]")
    try withX(npy("|u1", "()", [0]), "[]")
    try withX(npy("|u1", "(0, 2)", []), "no samples")
    try withX(npy("|u1", "(3, 0)", []), "no features")
    try withX(npy("|u1", "(2, 3)", data), "2", "3", "train_y.npy")
    try withX(npy("|u1", "(9223372036854775807, 2)", data), "impossible")
    try withX(npy("|u1", "(99999999999999999999, 2)", data), "damaged")
    try withX(npy("|u1", "(-3, 2)", data), "damaged")
    try withX(npy("<f8", "(2305843009213693952, 2)", data), "impossible")
    try withX(
      npy("|u1", "(1, 20000000)", [UInt8](repeating: 0, count: 20_000_000)), "20000000 features")
    try withX(
      npy(header: "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (3,)}", data),
      "structured")
    try withX(npy(header: "{'descr': '|u1', 'shape': (3, 2)}", data), "fortran_order")
    try withX(npy(header: "{'descr': '|u1", data), "damaged")
    try withX(
      npy("<f4", "(3, 2)", bytes([0, 1, 2, Float.nan, 4, 5])), "nan", "row 1", "column 1")
    try withX(
      npy("<f8", "(3, 2)", bytes([0, 1, 2, 3, -Double.infinity, 5]), fortran: true), "-inf",
      "row 1", "column 1")
    try withY(npy("<f4", "(3,)", bytes([Float(0), .nan, 1])), "nan", "row 1")
    try withY(npy("<f8", "(3, 2)", bytes([0, 1, 2, 3, .infinity, 5])), "inf", "row 2", "column 0")
    try withY(npy("|u1", "(3, 1, 2)", data), "[3, 1, 2]")
    try withY(npy("|u1", "(4,)", [0, 1, 2, 3]), "3 samples", "4 labels")
    let lone = try TemporaryFolder()
    expectComplaint(complaint(.npy, lone), lone.path, "no training file", "train_x.npy")
  }

  @Test func writing() throws {
    let folder = try TemporaryFolder()
    let path = "\(folder.path)/a.npy"
    let values = (0..<6).map { Float($0) / 3 }
    try NPYWriter.write(path, shape: [2, 3], values)
    let contents = try [UInt8](Data(contentsOf: URL(fileURLWithPath: path)))
    #expect(contents.count == 128 + 24)
    #expect(contents[127] == 0x0a)
    #expect(
      try rows(NPYSamples.unlabelled(path), [1, 0]) == [
        values[3...].map { Double($0) }, values[..<3].map { Double($0) },
      ])
    expectComplaint(complaint { _ = try NPYSamples.unlabelled(path).labels(first: 1) }, path, "no labels")

    let writer = try NPYWriter<Double>(path, shape: [4, 2])
    for block in [[0.0, 1, 2, 3], [], [4, 5, 6, 7.5]] {
      try block.withUnsafeBufferPointer(writer.append)
    }
    #expect(try NPYSamples.unlabelled(path).sampleCount == 2)  // the old file until the new one is whole
    try writer.finish()
    #expect(try allRows(NPYSamples.unlabelled(path)) == [[0, 1], [2, 3], [4, 5], [6, 7.5]])

    do {
      let short = try NPYWriter<Double>(path, shape: [4, 2])
      #expect(throws: FileError.self) { try short.finish() }
    }
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["a.npy"])
    expectComplaint(
      complaint { try NPYWriter.write("\(folder.path)/no/b.npy", shape: [1], [1.0]) }, "no/b.npy",
      "written")
  }

  @Test func mutations() throws {
    let folder = try folder([], y)
    let originals = [
      npy("<f4", "(3, 2)", bytes([Float(0), 1, 2, 3, 4, 5])),
      npy("<i2", "(3, 2, 2)", bytes((0..<12).map { Int16($0) }), fortran: true, version: 2),
    ]
    for (seed, original) in originals.enumerated() {
      try mutate(original, times: 2000, seed: UInt64(seed)) { mutant in
        try folder.write("train_x.npy", mutant)
        try readAll(.npy, folder.path)
      }
    }
    try folder.write("train_x.npy", originals[0])
    try mutate(npy("<f4", "(3,)", bytes([Float(2), 0, 4])), times: 2000, seed: 3) { mutant in
      try folder.write("train_y.npy", mutant)
      try readAll(.npy, folder.path)
    }
  }
}
