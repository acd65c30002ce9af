import Datasets
import Files
import Foundation
import MPI
import Runtime
import Testing

/// Classes are the distinct labels in their order, in every format.
@Suite struct DataClassesTests {
  private let x: [[Double]] = [[0, 1], [2, 3], [4, 5], [6, 8]]

  private func npy(_ y: [UInt8]) throws -> Dataset {
    let folder = try TemporaryFolder()
    try folder.write("train_x.npy", Made.npy(x))
    try folder.write("train_y.npy", y)
    return try open(.npy, folder)
  }

  /// Names of the classes, and each sample's class.
  private func classes(_ data: Dataset) throws -> ([String], [Int]) {
    let classes = try data.classes()
    return (classes.names, classes.numbers(of: try data.train.labels(first: data.train.sampleCount)))
  }

  @Test(arguments: [[-1, 1], [-7, -3], [3, 7], [0, 1000], [0, 70_000], [-5, 255], [0, 60_000]])
  func numbers(pair: [Int]) throws {
    let y = [1, 0, 0, 1].map { pair[$0] }
    for labels in [
      Made.npy("<i8", "(4,)", bytes(y)), Made.npy("<i4", "(4, 1)", bytes(y.map { Int32($0) })),
      Made.npy("<f8", "(1, 4)", bytes(y.map { Double($0) })),
      Made.npy("<f4", "(4, 1)", bytes(y.map { Float($0) }), fortran: true),
    ] {
      #expect(try classes(npy(labels)) == (pair.map(String.init), [1, 0, 0, 1]))
    }
  }

  @Test func oneHotRows() throws {
    // Of three columns one has no sample.
    let y: [UInt8] = [0, 0, 1, 1, 0, 0, 1, 0, 0, 0, 0, 1]
    #expect(try classes(npy(Made.npy("|u1", "(4, 3)", y))) == (["0", "2"], [1, 0, 0, 1]))
    #expect(try classes(npy(Made.npy("|b1", "(4, 3)", y))) == (["0", "2"], [1, 0, 0, 1]))
    let columns = (0..<3).flatMap { c in (0..<4).map { Double(y[3 * $0 + c]) } }
    #expect(try classes(npy(Made.npy("<f8", "(4, 3)", bytes(columns), fortran: true))) == (["0", "2"], [1, 0, 0, 1]))
    for wrong in [[1, 1], [0, 0], [2, 0]] as [[UInt8]] {
      let rows = Made.npy("|u1", "(4, 2)", [0, 1, 1, 0] + wrong + [0, 1])
      expectComplaint(complaint { _ = try classes(npy(rows)) }, "train_y.npy", "at sample 2", "one-hot rows")
    }
  }

  @Test func texts() throws {
    let y = ["dog", "cat", "cat", "dog"]
    #expect(try classes(npy(Made.npy(texts: y))) == (["cat", "dog"], [1, 0, 0, 1]))
    #expect(
      try classes(npy(Made.npy("|S3", "(4, 1)", y.flatMap { Array($0.utf8) }))) == (["cat", "dog"], [1, 0, 0, 1]))
    // Beyond ASCII, of several lengths, big-endian.
    let words = ["ä∞", "", "𝟙", "ä∞"]
    let wide = words.flatMap { word in
      let scalars = word.unicodeScalars.map(\.value)
      return bytes(scalars + [UInt32](repeating: 0, count: 2 - scalars.count), swapped: true)
    }
    #expect(try classes(npy(Made.npy(">U2", "(4,)", wide))) == (["", "ä∞", "𝟙"], [1, 0, 2, 1]))
  }

  @Test func officialSets() throws {
    let folder = try TemporaryFolder()
    try folder.write("train-images-idx3-ubyte", Made.idx([4, 1, 2], [0, 1, 2, 3, 4, 5, 6, 8]))
    try folder.write("train-labels-idx1-ubyte", Made.idx([4], [7, 3, 3, 7]))
    #expect(try classes(open(.mnist, folder)) == (["3", "7"], [1, 0, 0, 1]))
    // As many as there are.
    try folder.write("train-labels-idx1-ubyte", Made.idx([4], [61, 10, 0, 255]))
    #expect(try classes(open(.mnist, folder)) == (["0", "10", "61", "255"], [2, 1, 0, 3]))
    try folder.write("train", Array("+1 1:1\n-1 1:2\n-1 2:1\n1.0 2:2".utf8))
    #expect(try classes(open(.libsvm, folder)) == (["-1", "1"], [1, 0, 0, 1]))
  }

  /// What --samples leaves out is no class.
  @Test func cutAway() throws {
    let folder = try TemporaryFolder()
    try folder.write("train", Array("0 1:1\n2 1:2\n0 2:1\n5 2:2".utf8))
    #expect(try open(.libsvm, folder).classes().names == ["0", "2", "5"])
    #expect(try open(.libsvm, folder, trainSamples: 3).classes().names == ["0", "2"])
    #expect(try Dataset.open(.digits, directory: nil, seed: 0, trainSamples: 4).classes().count == 4)
  }

  @Test func valuesAreNoClasses() throws {
    let folder = try TemporaryFolder()
    try folder.write("train", Array((0..<60).flatMap { "\(Double($0) * 0.37) 1:\($0 % 7) 2:\($0 % 5)\n".utf8 }))
    expectComplaint(
      complaint { _ = try open(.libsvm, folder).classes() }, "train", "label 0.37 at sample 1", "--targets values")
    expectComplaint(
      complaint { _ = try classes(npy(Made.npy("<f4", "(4,)", bytes([Float(0), 1, 1.5, 2])))) }, "train_y.npy",
      "label 1.5")
    expectComplaint(
      complaint { _ = try classes(npy(Made.npy("<f4", "(4,)", bytes([Float(0), 1, .nan, 2])))) }, "train_y.npy", "row 2"
    )
    expectComplaint(
      complaint { _ = try classes(npy(Made.npy("<i8", "(4,)", bytes([0, 1, Int.max, 2])))) }, "train_y.npy", "sample 2",
      "2^53")
  }

  @Test func order() {
    let labels: [Label] = [10, "b", -2, "a", 2, "10"]
    #expect(labels.sorted() == [-2, 2, 10, "10", "a", "b"])
    #expect([Label(3), -0.0, 1e20, "3 "].map(\.name) == ["3", "0", "1e+20", "3 "])
  }

  /// A number in one file and its digits as text in another are one label.
  @Test func namesMatch() {
    let classes = Classes(labels: ["-1", "3", "cat"])
    #expect(classes.numbers(of: [3, "3", -1, "cat", "dog", 3.5]) == [1, 1, 0, 2, -1, -1])
    #expect(Classes.names(in: "[\"a\\n\", \"b\"]") == ["a\n", "b"])
    #expect(Classes.names(in: "[\"a\", 1]") == nil)
    #expect(Classes.names(in: "a") == nil)
  }
}
