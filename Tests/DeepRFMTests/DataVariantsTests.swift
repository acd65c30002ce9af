import Datasets
import Files
import Foundation
import Testing

/// What other programs write: each row of docs/data.md's table.
@Suite struct DataVariantsTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private func write(_ name: String, _ text: String) throws { try folder.write(name, Array(text.utf8)) }

  // MARK: LIBSVM

  private let zeroBased = "1 0:5 2:7\n-1 1:1\n"
  private let rowsOfBoth: [[Double]] = [[5, 0, 7], [0, 1, 0]]

  @Test func libsvmZeroBased() throws {
    try write("train", zeroBased)
    try write("test", "1 1:3 2:4\n")
    let data = try open(.libsvm, folder)
    #expect(try allRows(data.train) == rowsOfBoth)
    #expect(try allRows(#require(data.test)) == [[0, 3, 4]])
    #expect(data.firstIndex == 0)
    expectComplaint(data.notes.joined(), "train counts its features from 0")
    // The model remembers it for a file without an index 0, and refuses one where it counts otherwise.
    try folder.remove("train")
    func test(_ firstIndex: Int) throws -> [[Double]] {
      let model = Dataset.Trained(featureCount: 3, trainSamples: 2, firstIndex: firstIndex)
      return try allRows(Dataset.openSplit(.test, of: .libsvm, directory: folder.path, seed: 0, model: model))
    }
    #expect(try test(0) == [[0, 3, 4]])
    #expect(try test(1) == [[3, 4, 0]])
    try write("test", "1 0:3\n")
    expectComplaint(complaint { _ = try test(1) }, "test counts its features from 0")
  }

  /// An index 0 in the test file alone tells of both.
  @Test func libsvmZeroBasedTest() throws {
    try write("train", "1 1:5 2:7\n-1 2:1\n")
    try write("test", "1 0:3\n")
    let data = try open(.libsvm, folder)
    #expect(try allRows(data.train) == [[0, 5, 7], [0, 0, 1]])
    #expect(try allRows(#require(data.test)) == [[3, 0, 0]])
  }

  @Test func libsvmUnsorted() throws {
    try write("train", "1 3:7 1:5\n-1 2:1\n")
    #expect(try allRows(open(.libsvm, folder).train) == rowsOfBoth)
  }

  @Test func libsvmQueriesAndByteOrderMark() throws {
    try folder.write("train", [0xef, 0xbb, 0xbf] + Array("1 qid:1 1:5 3:7\r\n-1 qid:22 2:1\r\n".utf8))
    let data = try open(.libsvm, folder)
    #expect(try allRows(data.train) == rowsOfBoth)
    #expect(try data.train.labels(first: 2) == [1, -1])
    expectComplaint(data.notes.joined(), "qid")
    try folder.write("train", [0xef, 0xbb, 0xbf] + Array("# nothing\n1 1:5 3:7\n-1 2:1".utf8))
    #expect(try allRows(open(.libsvm, folder).train) == rowsOfBoth)
    try write("train", "1 qid:x 1:5\n")
    expectComplaint(complaint(.libsvm, folder), "line 1", "qid:x")
  }

  @Test func libsvmTestWithMoreFeatures() throws {
    try write("train", "1 1:5 3:7\n-1 2:1\n")
    try write("test", "1 2:2 4:9 1000000:3\n")
    let data = try open(.libsvm, folder)
    #expect(try allRows(#require(data.test)) == [[0, 2, 0]])
    expectComplaint(data.notes.joined(), "test", "features up to 1000000", "only up to 3", "ignored")
  }

  @Test(arguments: [
    ["train", "test"], ["train.libsvm", "test.libsvm"], ["train.svm", "test.svm"], ["train.txt", "test.txt"],
    ["train", "train.t"],
    ["a9a", "a9a.t"], ["a9a.txt", "a9a.t"], ["x_train.libsvm", "x_test.libsvm"], ["iris.svm", ""],
    ["train.txt.gz", "test.gz"],
  ])
  func libsvmNames(names: [String]) throws {
    for (name, text) in zip(names, ["1 1:5 3:7\n-1 2:1\n", "1 3:1\n"]) where !name.isEmpty {
      try folder.write(name, name.hasSuffix(".gz") ? gzip(Array(text.utf8)) : Array(text.utf8))
    }
    try write("README", "not data")
    let data = try open(.libsvm, folder)
    #expect(try allRows(data.train) == rowsOfBoth)
    #expect(try data.test.map(allRows) == (names[1].isEmpty ? nil : [[0, 0, 1]]))
  }

  @Test func libsvmSeveral() throws {
    try write("a.libsvm", "1 1:1\n")
    try write("b.svm", "1 1:1\n")
    expectComplaint(complaint(.libsvm, folder), folder.path, "a, b", "train")
  }

  /// Not even opened.
  @Test func testFileNotWanted() throws {
    try write("train", "1 1:5 3:7\n-1 2:1\n")
    try write("test", "nonsense")
    #expect(try open(.libsvm, folder, testSamples: 0).test == nil)
    expectComplaint(complaint(.libsvm, folder), "test, line 1")
  }

  // MARK: Packed files

  @Test func gzipPadded() throws {
    for padding in [1, 512, 300_000] {
      try folder.write("train", gzip(Array(zeroBased.utf8)) + [UInt8](repeating: 0, count: padding))
      #expect(try allRows(open(.libsvm, folder).train) == rowsOfBoth)
    }
    try folder.write("train", gzip(Array(zeroBased.utf8)) + [0, 0, 1])
    expectComplaint(complaint(.libsvm, folder), "train", "trailing")
  }

  @Test func plainNamedGzip() throws {
    try write("train.gz", zeroBased)
    #expect(try allRows(open(.libsvm, folder).train) == rowsOfBoth)
  }

  @Test(
    arguments: [
      ("bz2", Array("BZh91AY".utf8), "bunzip2"), ("xz", [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0], "xz -d"),
      ("zst", [0x28, 0xb5, 0x2f, 0xfd], "zstd -d"), ("", [0x50, 0x4b, 3, 4], "unzip"),
    ] as [(String, [UInt8], String)])
  func otherPackings(ending: String, start: [UInt8], tool: String) throws {
    let suffix = ending.isEmpty ? "" : ".\(ending)"
    let contents = start + [UInt8](repeating: 7, count: 50)
    for (set, name) in [
      (DatasetName.libsvm, "train"), (.mnist, "train-images-idx3-ubyte"), (.svhn, "train_32x32.mat"),
      (.npy, "train_x.npy"),
    ] {
      let folder = try TemporaryFolder()
      try folder.write(name + suffix, contents)
      for other in ["train-labels-idx1-ubyte", "train_y.npy"] { try folder.write(other, []) }
      expectComplaint(complaint(set, folder), "\(name)\(suffix)", tool)
    }
  }

  @Test func archiveNotUnpacked() throws {
    try folder.write("cifar-10-binary.tar.gz", gzip([1]))
    expectComplaint(complaint(.cifar10, folder), "data_batch_1.bin", "tar xf cifar-10-binary.tar.gz")
  }

  /// Few strokes in many pictures: 400 times smaller, packed.
  @Test func sparsePictures() throws {
    let count = 2000
    var pixels = [UInt8](repeating: 0, count: count * 64 * 64)
    for i in 0..<count { pixels[i * 4096 + 70 * (i % 50)] = 255 }
    let packed = gzip(Made.idx([count, 64, 64], pixels))
    #expect(packed.count * 300 < pixels.count)
    try folder.write("train-images-idx3-ubyte.gz", packed)
    try folder.write("train-labels-idx1-ubyte.gz", gzip(Made.idx([count], (0..<count).map { UInt8($0 * 2 / count) })))
    let data = try open(.mnist, folder)
    #expect(try rows(data.train, [count - 1])[0].reduce(0, +) == 255)
    #expect(try data.classes().count == 2)
  }

  // MARK: IDX

  private func writeIDX(_ images: [UInt8], _ prefix: String = "train", _ labels: [UInt8] = Made.idx([2], [1, 26]))
    throws
  {
    try folder.write("\(prefix)-images-idx3-ubyte", images)
    try folder.write("\(prefix)-labels-idx1-ubyte", labels)
  }

  @Test func idxTypes() throws {
    let values = [1, -2, 3, 4, 5, 6]
    let bodies: [(UInt8, [UInt8])] = [
      (9, values.map { UInt8(bitPattern: Int8($0)) }), (0x0b, bytes(values.map { Int16($0) }, swapped: true)),
      (0x0c, bytes(values.map { Int32($0) }, swapped: true)), (0x0d, bytes(values.map { Float($0) }, swapped: true)),
      (0x0e, bytes(values.map { Double($0) }, swapped: true)),
    ]
    for (type, body) in bodies {
      for sizes in [[2, 3], [2, 3, 1], [2, 1, 3, 1]] {
        try writeIDX(Made.idx(sizes, body, type: type))
        #expect(try allRows(open(.idx, folder).train) == [[1, -2, 3], [4, 5, 6]])
      }
    }
    let labels = Made.idx([2, 1], bytes([Int32(-7), 300], swapped: true), type: 0x0c)
    try writeIDX(Made.idx([2, 3], [1, 2, 3, 4, 5, 6]), "train", labels)
    #expect(try open(.idx, folder).train.labels(first: 2) == [-7, 300])
    try writeIDX(Made.idx([2, 3], [1, 2, 3, 4, 5, 6], type: 10))
    expectComplaint(complaint(.idx, folder), "train-images", "magic number")
    try writeIDX(Made.idx([6], [1, 2, 3, 4, 5, 6]))
    expectComplaint(complaint(.idx, folder), "train-images", "1 dimensions", "2 to 4")
    try writeIDX(Made.idx([2, 3], [1, 2, 3, 4, 5, 6]), "train", Made.idx([2, 2], [1, 2, 3, 4]))
    expectComplaint(complaint(.idx, folder), "train-labels", "[2, 2]")
  }

  @Test(arguments: ["", "raw/", "gzip/", "MNIST/raw/", "FashionMNIST/raw/", "KMNIST/raw/", "EMNIST/raw/"])
  func idxFolders(prefix: String) throws {
    let name = prefix.hasPrefix("EMNIST") ? "emnist-letters-" : ""
    try writeIDX(Made.idx([2, 1, 1], [5, 6]), "\(prefix)\(name)train")
    try writeIDX(Made.idx([2, 1, 1], [7, 8]), "\(prefix)\(name)\(name.isEmpty ? "t10k" : "test")")
    let data = try open(.idx, folder)
    #expect(try allRows(data.train) == [[5], [6]])
    #expect(try allRows(#require(data.test)) == [[7], [8]])
    #expect(try data.classes().names == ["1", "26"])
    if ["", "raw/", "MNIST/raw/"].contains(prefix) { #expect(try allRows(open(.mnist, folder).train) == [[5], [6]]) }
  }

  @Test func idxSeveral() throws {
    for set in ["letters", "digits"] { try writeIDX(Made.idx([2, 1, 1], [5, 6]), "emnist-\(set)-train") }
    expectComplaint(complaint(.idx, folder), "2 sets", "emnist-digits, emnist-letters")
    let other = try TemporaryFolder()
    for set in ["KMNIST", "MNIST"] {
      try other.write("\(set)/raw/train-images-idx3-ubyte", Made.idx([2, 1, 1], [5, 6]))
      try other.write("\(set)/raw/train-labels-idx1-ubyte", Made.idx([2], [5, 6]))
    }
    expectComplaint(complaint(.idx, other), "MNIST/raw, KMNIST/raw")
    #expect(try allRows(open(.mnist, other).train) == [[5], [6]])
  }

  // MARK: CIFAR

  private func record(_ labels: [UInt8]) -> [UInt8] { labels + (0..<3072).map { UInt8(($0 + Int(labels[0])) & 0xff) } }

  @Test(arguments: ["", "cifar-100-binary/"])
  func cifar100(prefix: String) throws {
    try folder.write("\(prefix)train.bin", record([3, 99]) + record([19, 0]))
    try folder.write("\(prefix)test.bin", record([3, 0]))
    try write("\(prefix)fine_label_names.txt", (0..<100).map { "fine \($0)\n" }.joined())
    try write("\(prefix)coarse_label_names.txt", (0..<20).map { "coarse \($0)\n" }.joined())
    let fine = try open(.cifar100, folder)
    #expect(try fine.classes().names == ["fine 0", "fine 99"])
    let second: [Double] = (0..<3072).map { Double(UInt8(truncatingIfNeeded: $0 + 19)) }
    #expect(try allRows(fine.train)[1] == second)
    #expect(try #require(fine.test).labels(first: 1) == [0])
    let coarse = try Dataset.open(
      .cifar100, directory: folder.path, seed: 0, variant: DatasetVariant(labelSet: .coarse))
    #expect(try coarse.classes().names == ["coarse 3", "coarse 19"])
    try folder.write("\(prefix)train.bin", record([3, 100]))
    expectComplaint(complaint(.cifar100, folder), "train.bin", "label 100", "0 to 99")
  }

  @Test func cifarSomeBatches() throws {
    for batch in [2, 5] { try folder.write("data_batch_\(batch).bin", record([UInt8(batch)])) }
    let data = try open(.cifar10, folder)
    #expect(try data.classes().names == ["2", "5"])
    expectComplaint(data.notes.joined(), folder.path, "only 2 of the 5 batches", "data_batch_1.bin")
  }

  @Test func cifarPickle() throws {
    try folder.write("cifar-10-batches-py/data_batch_1", [0x80, 2, 0x7d])
    expectComplaint(
      complaint(.cifar10, folder), "data_batch_1 is the Python version", "cifar-10-binary.tar.gz", "pickle.load")
    try folder.write("train", [0x80, 2, 0x7d])
    expectComplaint(
      complaint(.cifar100, folder), "train is the Python version", "cifar-100-binary.tar.gz", "fine_labels")
    try folder.write("data_batch_1.bin", [0x80, 2, 0x7d])
    expectComplaint(complaint(.cifar10, folder), "data_batch_1.bin is the Python version")
  }

  // MARK: SVHN

  private func svhn(_ labels: [UInt8], isPacked: Bool = false) -> [UInt8] {
    let count = labels.count
    return Made.mat([
      Made.variable("X", [1, 2, 1, count], (0..<2 * count).map { UInt8($0) }, isPacked: isPacked),
      Made.variable("y", [count, 1], labels, isPacked: isPacked),
    ])
  }

  @Test(arguments: [false, true])
  func svhnPacked(isPacked: Bool) throws {
    let file = svhn([10, 0, 3], isPacked: isPacked)
    for contents in [file, gzip(file), file + [UInt8](repeating: 0, count: 700), gzip(file) + [0, 0]] {
      try folder.write("train_32x32.mat", contents)
      let data = try open(.svhn, folder)
      #expect(try rows(data.train, [2, 0]) == [[4, 5], [0, 1]])
      // Others write the digit 0 as 0.
      #expect(try data.train.labels(first: 3) == [0, 0, 3])
    }
    try folder.write("train_32x32.mat", Array(gzip(file).dropLast(9)))
    expectComplaint(complaint(.svhn, folder), "train_32x32.mat", "truncated")
    try folder.remove("train_32x32.mat")
    try folder.write("train_32x32.mat.gz", gzip(file))
    #expect(try rows(open(.svhn, folder).train, [2]) == [[4, 5]])
  }

  @Test func svhnExtra() throws {
    try folder.write("train_32x32.mat", svhn([1, 2]))
    let variant = DatasetVariant(hasExtra: true)
    func data(_ count: Int? = nil) throws -> Dataset {
      try Dataset.open(.svhn, directory: folder.path, seed: 0, trainSamples: count, variant: variant)
    }
    expectComplaint(complaint { _ = try data() }, "extra_32x32.mat")
    try folder.write("extra_32x32.mat", svhn([3, 4, 10]))
    #expect(try data().train.labels(first: 5) == [1, 2, 3, 4, 0])
    #expect(try data().train.labels(first: 3) == [1, 2, 3])
    #expect(try rows(data().train, [4, 1, 2, 4]) == [[4, 5], [2, 3], [0, 1], [4, 5]])
    #expect(try data(3).train.sampleCount == 3)
    #expect(try open(.svhn, folder).train.sampleCount == 2)
  }

  @Test func matlab73() throws {
    let header = Array("MATLAB 7.3 MAT-file, Platform: GLNXA64".utf8)
    for start in [header, [0x89] + Array("HDF\r\n\u{1a}\n".utf8)] {
      try folder.write("train_32x32.mat", start + [UInt8](repeating: 0x20, count: 600))
      expectComplaint(complaint(.svhn, folder), "train_32x32.mat", "MATLAB 7.3", "-v7", "h5py")
    }
  }
}
