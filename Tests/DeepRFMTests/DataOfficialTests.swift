import Datasets
import DeepRFM
import Foundation
import Testing

/// MNIST and CIFAR-10: small sets in the official formats.
@Suite struct DataOfficialTests {
  // MARK: MNIST

  private func idx(_ sizes: [Int], _ contents: [UInt8]) -> [UInt8] {
    bigEndian32(0x800 + sizes.count) + sizes.flatMap(bigEndian32) + contents
  }

  /// 7 training images of 3 x 2, 4 test images.
  private func mnist(_ ending: String = "", _ pack: ([UInt8]) -> [UInt8] = { $0 }) throws
    -> TemporaryFolder
  {
    let folder = try TemporaryFolder()
    for (prefix, count) in [("train", 7), ("t10k", 4)] {
      let pixels = (0..<count * 6).map { UInt8(truncatingIfNeeded: $0 * 37 + 250) }
      try folder.write("\(prefix)-images-idx3-ubyte\(ending)", pack(idx([count, 3, 2], pixels)))
      try folder.write(
        "\(prefix)-labels-idx1-ubyte\(ending)", pack(idx([count], (0..<count).map { UInt8($0) })))
    }
    return folder
  }

  private func pixels(_ count: Int, _ index: Int, width: Int = 6) -> [Double] {
    (0..<width).map { Double((($0 + index * width) * 37 + 250) & 0xff) }
  }

  @Test(arguments: [false, true])
  func mnistValues(compressed: Bool) throws {
    let folder = compressed ? try mnist(".gz", gzip) : try mnist()
    let data = try open(.mnist, folder)
    #expect(data.name == "mnist")
    #expect(try data.classes().names == (0..<7).map(String.init))
    #expect((data.train.sampleCount, data.train.featureCount) == (7, 6))
    #expect(try data.train.labels(first: 5) == [0, 1, 2, 3, 4])
    #expect(try data.train.labels(first: 0) == [])
    let asked = [6, 0, 3, 3, 5]
    #expect(try rows(data.train, asked) == asked.map { pixels(7, $0) })
    #expect(try rows(data.train, []) == [])
    let test = try #require(data.test)
    #expect(try allRows(test) == (0..<4).map { pixels(4, $0) })
  }

  @Test func mnistConcatenatedMembersAndDots() throws {
    let folder = try TemporaryFolder()
    let images = idx([2, 2, 2], [1, 2, 3, 4, 5, 6, 7, 8])
    try folder.write(
      "train-images.idx3-ubyte.gz", gzip(Array(images[..<5])) + gzip([]) + gzip(Array(images[5...]))
    )
    try folder.write("train-labels.idx1-ubyte", idx([2], [9, 3]))
    let data = try open(.mnist, folder)
    #expect(data.test == nil)
    #expect(try allRows(data.train) == [[1, 2, 3, 4], [5, 6, 7, 8]])
    #expect(try data.train.labels(first: 2) == [9, 3])
  }

  @Test func mnistLimits() throws {
    let folder = try mnist()
    let data = try open(.mnist, folder, trainSamples: 3, testSamples: 2)
    #expect(data.train.sampleCount == 3)
    #expect(data.test?.sampleCount == 2)
    #expect(try allRows(data.train) == (0..<3).map { pixels(7, $0) })
    let none = try open(.mnist, folder, testSamples: 0)
    #expect(none.test == nil)
    expectComplaint(
      complaint { _ = try open(.mnist, folder, trainSamples: 8) },
      "--samples 8", "7", folder.path)
    expectComplaint(
      complaint { _ = try open(.mnist, folder, testSamples: 5) },
      "--test-samples 5", "4", folder.path)
    expectComplaint(
      complaint { _ = try open(.mnist, folder, trainSamples: 0) },
      "--samples")
    expectComplaint(complaint { _ = try data.train.labels(first: 4) }, "4")
    expectComplaint(complaint { _ = try rows(data.train, [3]) }, "no sample 3")
    expectComplaint(complaint { _ = try rows(data.train, [-1]) }, "no sample -1")
  }

  @Test func mnistSplitAlone() throws {
    let folder = try mnist()
    try folder.remove("train-images-idx3-ubyte")
    let model = Dataset.Trained(featureCount: 6, trainSamples: 7)
    let test = try Dataset.openSplit(
      .test, of: .mnist, directory: folder.path, seed: 0, model: model)
    #expect(try test.labels(first: 4) == [0, 1, 2, 3])
    let other = Dataset.Trained(featureCount: 5, trainSamples: 7)
    expectComplaint(
      complaint {
        _ = try Dataset.openSplit(.test, of: .mnist, directory: folder.path, seed: 0, model: other)
      }, "6 features", "5")
  }

  @Test func mnistBadFiles() throws {
    let name = "train-images-idx3-ubyte"
    let labelName = "train-labels-idx1-ubyte"
    let good = idx([7, 3, 2], [UInt8](repeating: 1, count: 42))
    func with(_ file: String, _ contents: [UInt8]) throws -> String {
      let folder = try mnist()
      if file.hasSuffix(".gz") { try folder.remove(String(file.dropLast(3))) }
      try folder.write(file, contents)
      return complaint(.mnist, folder)
    }
    expectComplaint(try with(name, Array(good.dropLast())), name, "truncated")
    expectComplaint(try with(name, good + [0]), name, "trailing")
    expectComplaint(try with(name, []), name, "truncated")
    expectComplaint(try with(name, [1] + good.dropFirst()), name, "magic")
    expectComplaint(
      try with(name, idx([6, 3, 2], [UInt8](repeating: 1, count: 36))), name, labelName, "6", "7")
    expectComplaint(
      try with(name, idx([0xffff_ffff, 0xffff_ffff, 0xffff_ffff], [1])), name, "impossible")
    expectComplaint(try with(name, idx([7, 0xffff_ffff, 2], [1])), name, "truncated")
    expectComplaint(try with(name, idx([7, 0, 2], [])), name, "no features")
    expectComplaint(try with(labelName, idx([0], [])), name, labelName, "0")
    let packed = gzip(good)
    expectComplaint(try with("\(name).gz", Array(packed.dropLast(12))), "\(name).gz", "truncated")
    expectComplaint(try with("\(name).gz", Array(packed.dropLast(3))), "\(name).gz", "truncated")
    expectComplaint(try with("\(name).gz", packed + [7]), "\(name).gz", "trailing")
    expectComplaint(try with("\(name).gz", gzip(good + [1])), "\(name).gz", "trailing")
    expectComplaint(try with("\(name).gz", gzip(Array(good.dropLast()))), "\(name).gz", "truncated")
    expectComplaint(
      try with("\(name).gz", gzip(idx([7, 60000, 60000], [1]))), "\(name).gz", "unpack")
    var broken = packed
    broken[broken.count - 6] ^= 1  // the CRC
    expectComplaint(try with("\(name).gz", broken), "\(name).gz", "damaged", "incorrect data check")
  }

  @Test func foldersAndFiles() throws {
    expectComplaint(
      complaint { try readAll(.mnist, "/nowhere/at/all") }, "--data /nowhere/at/all", "no such file"
    )
    expectComplaint(
      complaint { _ = try Dataset.open(.svhn, directory: nil, seed: 0) }, "svhn", "--data")
    let folder = try mnist()
    expectComplaint(
      complaint { try readAll(.mnist, "\(folder.path)/train-images-idx3-ubyte") }, "not a folder")
    try folder.remove("train-images-idx3-ubyte")
    expectComplaint(complaint(.mnist, folder), folder.path, "train-images-idx3-ubyte")
    try FileManager.default.createDirectory(
      atPath: "\(folder.path)/train-images-idx3-ubyte", withIntermediateDirectories: false)
    expectComplaint(complaint(.mnist, folder), "train-images-idx3-ubyte is a directory")
    try folder.remove("train-images-idx3-ubyte")
    mkfifo("\(folder.path)/train-images-idx3-ubyte", 0o600)
    expectComplaint(complaint(.mnist, folder), "train-images-idx3-ubyte is not a regular file")
    let half = try mnist()
    try half.remove("t10k-labels-idx1-ubyte")
    expectComplaint(complaint(.mnist, half), half.path, "t10k-labels-idx1-ubyte")
  }

  @Test(.enabled(if: geteuid() != 0, "the administrator may read every file"))
  func noPermission() throws {
    let folder = try mnist()
    chmod("\(folder.path)/train-images-idx3-ubyte", 0)
    expectComplaint(complaint(.mnist, folder), "train-images-idx3-ubyte", "permission denied")
    chmod(folder.path, 0)
    defer { chmod(folder.path, 0o700) }
    expectComplaint(complaint(.mnist, folder), folder.path, "permission denied")
  }

  @Test func mnistMutations() throws {
    for ending in ["", ".gz"] {
      let folder = ending.isEmpty ? try mnist() : try mnist(".gz", gzip)
      for (number, name) in ["train-images-idx3-ubyte", "train-labels-idx1-ubyte"].enumerated() {
        let path = "\(folder.path)/\(name)\(ending)"
        let original = try [UInt8](Data(contentsOf: URL(fileURLWithPath: path)))
        try mutate(original, times: 1000, seed: UInt64(number)) { mutant in
          try folder.write("\(name)\(ending)", mutant)
          try readAll(.mnist, folder.path)
        }
        try folder.write("\(name)\(ending)", original)
      }
    }
  }

  // MARK: CIFAR-10

  /// Two records in each of the five batches, and three test records.
  private func cifar(_ prefix: String = "", _ pack: ([UInt8]) -> [UInt8] = { $0 }) throws
    -> TemporaryFolder
  {
    let folder = try TemporaryFolder()
    for batch in 1...5 {
      try folder.write(
        "\(prefix)data_batch_\(batch).bin", pack(record(2 * batch - 2) + record(2 * batch - 1)))
    }
    try folder.write("\(prefix)test_batch.bin", pack((0..<3).flatMap(record)))
    return folder
  }

  private func record(_ index: Int) -> [UInt8] {
    [UInt8(9 - index)] + (0..<3072).map { UInt8(($0 * 7 + index) & 0xff) }
  }

  private func image(_ index: Int) -> [Double] { record(index).dropFirst().map(Double.init) }

  @Test(arguments: [("", false), ("cifar-10-batches-bin/", false), ("", true)])
  func cifarValues(prefix: String, compressed: Bool) throws {
    let folder = try cifar(prefix, compressed ? gzip : { $0 })
    let names = (0..<10).map { "name \($0)" }
    try folder.write(
      "\(prefix)batches.meta.txt", Array((names.joined(separator: "\n") + "\n\n").utf8))
    let data = try open(.cifar10, folder)
    #expect(try data.classes().names == names)
    #expect(try data.classes().labels == (0..<10).map(String.init))
    #expect((data.train.sampleCount, data.train.featureCount) == (10, 3072))
    #expect(try data.train.labels(first: 10) == (0..<10).reversed().map { Label($0) })
    #expect(try data.train.labels(first: 3) == [9, 8, 7])
    let asked = [9, 0, 4, 5, 4, 2]
    #expect(try rows(data.train, asked) == asked.map(image))
    #expect(try allRows(try #require(data.test)) == (0..<3).map(image))
  }

  @Test func cifarBadFiles() throws {
    func with(_ file: String, _ contents: [UInt8]?) throws -> String {
      let folder = try cifar()
      if let contents { try folder.write(file, contents) } else { try folder.remove(file) }
      return complaint(.cifar10, folder)
    }
    expectComplaint(try with("data_batch_2.bin", record(0) + [1]), "data_batch_2.bin", "trailing")
    expectComplaint(
      try with("data_batch_2.bin", Array(record(0).dropLast())), "data_batch_2.bin", "truncated")
    expectComplaint(try with("data_batch_2.bin", []), "data_batch_2.bin", "no samples")
    expectComplaint(
      try with("data_batch_4.bin", record(1) + [10] + record(0).dropFirst()), "data_batch_4.bin",
      "label 10",
      "record 1")
    expectComplaint(
      try with("data_batch_1.bin", Array(gzip(record(0)).dropLast(2))), "data_batch_1.bin",
      "truncated")
    expectComplaint(try with("test_batch.bin", [1, 2, 3]), "test_batch.bin")
  }

  @Test func cifarMutations() throws {
    for pack in [gzip, { $0 }] {
      let folder = try cifar("", pack)
      try mutate(pack(record(0) + record(1)), times: 500, seed: 5) { mutant in
        try folder.write("data_batch_2.bin", mutant)
        try readAll(.cifar10, folder.path)
      }
    }
  }
}
