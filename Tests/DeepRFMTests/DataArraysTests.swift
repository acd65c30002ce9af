import Datasets
import Files
import Foundation
import Testing

/// NumPy's arrays as others write them, and archives of them.
@Suite struct DataArraysTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private let y = Made.npy("|u1", "(2,)", [1, 0])

  @Test func npyFloat16() throws {
    // 1, -2, 65504, the smallest subnormal
    for swapped in [false, true] {
      let body = bytes([0x3c00, 0xc000, 0x7bff, 0x0001] as [UInt16], swapped: swapped)
      try folder.write("train_x.npy", Made.npy(swapped ? ">f2" : "<f2", "(2, 2)", body))
      try folder.write("train_y.npy", y)
      #expect(try allRows(open(.npy, folder).train) == [[1, -2], [65504, 0x1p-24]])
    }
    try folder.write("train_x.npy", Made.npy("<f2", "(2, 1)", bytes([0x3c00, 0x7c00] as [UInt16])))
    expectComplaint(complaint(.npy, folder), "train_x.npy", "inf", "row 1")
  }

  @Test func npyStructured() throws {
    try folder.write("train_y.npy", y)
    for header in [
      "{'descr': [('a', '<f4'), ('b', '<i8')], 'fortran_order': False, 'shape': (3,)}",
      "{'fortran_order': False, 'shape': (3,), 'descr': [ ('a', '<f4')]}",
    ] {
      try folder.write("train_x.npy", Made.npy(header: header, [UInt8](repeating: 0, count: 36)))
      let text = complaint(.npy, folder)
      expectComplaint(text, "train_x.npy", "structured array", "plain array")
      #expect(!text.contains("damaged"))
    }
  }

  @Test func npyEmptyTest() throws {
    try folder.write("train_x.npy", Made.npy([[1, 2], [3, 5]]))
    try folder.write("train_y.npy", y)
    for shape in ["(0, 2)", "(0,)", "(0, 28, 28)"] {
      try folder.write("test_x.npy", Made.npy("<f8", shape, []))
      try folder.write("test_y.npy", Made.npy("<i8", "(0,)", []))
      let data = try open(.npy, folder)
      #expect(data.test == nil)
      expectComplaint(data.notes.joined(), "test_x.npy holds no samples")
    }
    expectComplaint(complaint { _ = try open(.npy, folder, testSamples: 1) }, "--test-samples 1", "no test samples")
  }

  @Test func npyGzip() throws {
    try folder.write("train_x.npy.gz", gzip(Made.npy([[1, 2], [3, 5]])))
    try folder.write("train_y.npy", y)
    #expect(try rows(open(.npy, folder).train, [1, 0]) == [[3, 5], [1, 2]])
  }

  // MARK: NPZ

  @Test(arguments: [false, true], [false, true])
  func npz(deflate: Bool, isLarge: Bool) throws {
    let (x, t) = (Made.npy([[1, 2], [3, 5]]), Made.npy([[7, 8]]))
    let labels = Made.npy(texts: ["b", "a"])
    let whole = [
      ("X_train.npy", x), ("y_train.npy", labels), ("X_test.npy", t), ("y_test.npy", Made.npy(texts: ["b"])),
    ]
    let file = try folder.write("any.npz", Made.zip(whole, deflate: deflate, isLarge: isLarge))
    func check(_ directory: String) throws {
      let data = try Dataset.open(.npy, directory: directory, seed: 0)
      #expect(try rows(data.train, [1, 0, 1]) == [[3, 5], [1, 2], [3, 5]])
      #expect(try data.train.labels(first: 2) == ["b", "a"])
      #expect(try allRows(#require(data.test)) == [[7, 8]])
    }
    try check(folder.path)
    try check(file)
    let split = try TemporaryFolder()
    try split.write("train.npz", Made.zip([("y.npy", labels), ("x.npy", x)], deflate: deflate, isLarge: isLarge))
    try split.write("test.npz", Made.zip([("labels.npy", labels), ("data.npy", x)], deflate: deflate))
    let data = try open(.npy, split)
    #expect(try allRows(data.train) == allRows(#require(data.test)))
  }

  @Test(arguments: [
    ["x", "y"], ["X", "Y"], ["train_images", "train_labels"], ["trainX", "trainY"], ["arr_0", "arr_1"],
    ["data", "target"],
  ])
  func npzNames(names: [String]) throws {
    let arrays = [("\(names[0]).npy", Made.npy([[1, 2], [3, 5]])), ("\(names[1]).npy", y)]
    try folder.write("set.npz", Made.zip(arrays))
    let data = try open(.npy, folder)
    #expect(try allRows(data.train) == [[1, 2], [3, 5]])
    #expect(data.test == nil)
  }

  @Test func npzBadFiles() throws {
    func with(_ contents: [UInt8], _ parts: String...) throws {
      try folder.write("set.npz", contents)
      let text = complaint(.npy, folder)
      for part in parts + ["set.npz"] { expectComplaint(text, part) }
    }
    let good = [("x.npy", Made.npy([[1, 2], [3, 5]])), ("y.npy", y)]
    try with(Made.zip([("a.npy", y), ("b.npy", y)]), "arrays a.npy, b.npy", "x_train")
    try with(
      Made.zip([("x.npy", Made.npy("<f8", "(2, 2)", bytes([1.0, 2, 3, 5]), fortran: true)), good[1]], deflate: true),
      "x.npy",
      "Fortran order")
    try with(Array(Made.zip(good).dropLast(30)), "no directory")
    try with([], "no directory")
    var broken = Made.zip(good, deflate: true)
    broken[broken.firstRange(of: [0x50, 0x4b, 1, 2]).map { $0.lowerBound + 16 } ?? 0] ^= 1
    try with(broken, "checksum")
    var method = Made.zip(good)
    method[method.firstRange(of: [0x50, 0x4b, 1, 2]).map { $0.lowerBound + 10 } ?? 0] = 12
    try with(method, "method 12")
    let huge = Made.npy(header: "{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000, 2)}", [])
    try with(Made.zip([("x.npy", huge), good[1]]), "truncated")
    try folder.write("other.npz", Made.zip(good))
    try with(Made.zip(good), "2 archives")
  }
}
