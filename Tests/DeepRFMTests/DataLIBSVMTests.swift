import Datasets
import DeepRFM
import Files
import Foundation
import Testing

@Suite struct DataLIBSVMTests {
  private func folder(_ train: String, test: String? = nil) throws -> TemporaryFolder {
    let folder = try TemporaryFolder()
    try folder.write("train", Array(train.utf8))
    if let test { try folder.write("test", Array(test.utf8)) }
    return folder
  }

  private let train = """
    # two moons
    +1 1:0.5 3:-2e-1 # first

    -1   2:7\t
    2
    -1 1:1e300 4:.25\r
    1 4:1
    """

  private let expected: [[Double]] = [
    [0.5, 0, -0.2, 0], [0, 7, 0, 0], [0, 0, 0, 0], [1e300, 0, 0, 0.25], [0, 0, 0, 1],
  ]

  @Test(arguments: [false, true])
  func values(compressed: Bool) throws {
    let folder = try TemporaryFolder()
    let contents = Array(train.utf8)
    try folder.write(compressed ? "train.gz" : "train", compressed ? gzip(contents) : contents)
    try folder.write("test", Array("-1 4:3\n2 1:1".utf8))
    let data = try open(.libsvm, folder)
    #expect(try data.classes().names == ["-1", "1", "2"])
    #expect((data.train.sampleCount, data.train.featureCount) == (5, 4))
    #expect(try data.train.labels(first: 5) == [1, -1, 2, -1, 1])
    #expect(try allRows(data.train) == expected)
    let asked = [4, 1, 1, 2]
    #expect(try rows(data.train, asked) == asked.map { expected[$0] })
    let test = try #require(data.test)
    #expect(try test.labels(first: 2) == [-1, 2])
    #expect(try allRows(test) == [[0, 0, 0, 3], [1, 0, 0, 0]])
  }

  @Test func splitAlone() throws {
    let folder = try folder("1 1:1", test: "-1 4:3\n2 1:1")
    try folder.remove("train")
    let model = Dataset.Trained(featureCount: 4, trainSamples: 5)
    let test = try Dataset.openSplit(
      .test, of: .libsvm, directory: folder.path, seed: 0, model: model)
    #expect(try test.labels(first: 2) == [-1, 2])
  }

  @Test func badFiles() throws {
    func with(_ text: String, _ parts: String..., test: String? = nil) throws {
      let message = complaint(.libsvm, try folder(text, test: test))
      for part in parts + [test == nil ? "train" : "test"] { expectComplaint(message, part) }
    }
    try with("", "no samples")
    try with("# nothing\n\n", "no samples")
    try with("1\n2\n", "no features")
    try with("1 1:1\nx 1:1", "line 2", "\"x\"", "label")
    try with("1 1:1\nnan 1:1", "line 2", "label")
    try with("1 1:1 1:2", "line 1", "index 1 occurs twice")
    try with("1 3:1 2:2 3:1", "line 1", "index 3 occurs twice")
    try with("1 a:2", "line 1", "\"a:2\"")
    try with("1 -1:2", "line 1", "\"-1:2\"")
    try with("1 5", "line 1", "index:value")
    try with("1 1:", "line 1", "value")
    try with("1 1:nan", "line 1", "value")
    try with("1 1:1e999", "line 1", "value")
    try with("1 1:0x10", "line 1", "value")
    try with("1 1:1:2", "line 1", "value")
    try with("1 99999999999:1", "line 1", "99999999999")
    try with("1 99999999999999999999999999:1", "line 1")
    try with(String(repeating: "7", count: 1000), "line 1", "256")
    expectComplaint(complaint(.libsvm, try TemporaryFolder()), "train")
  }

  @Test func numbers() {
    for text in [
      "0", "1", "-1.5", "+2", ".5", "5.", "1e5", "1E-5", "123456789012345678901234567890", "0.1",
      "2.2250738585072014e-308", "4.9e-324", "1.7976931348623157e308", "9007199254740993", "1e-400",
      "00000000000000000000012.5",
      "0.000000000000000000000001", "3.141592653589793238462643", "1e23", "8.5e22", "-0",
    ] {
      #expect(DecimalNumber.value(Array(text.utf8)[...]) == Double(text), "\(text)")
    }
    for text in [
      "", "-", ".", "e5", "1e", "1e+-5", "1e99999999999", "1 ", "0x1", "inf", "NaN", "1e400",
      "1e5.5", "--1",
    ] {
      #expect(DecimalNumber.value(Array(text.utf8)[...]) == nil, "\(text)")
    }
    var random = Repeatable(11)
    for _ in 0..<5000 {
      let value = Double(bitPattern: random.next())
      guard value.isFinite else { continue }
      #expect(DecimalNumber.value(Array("\(value)".utf8)[...]) == value)
    }
  }

  @Test func mutations() throws {
    let folder = try folder(train, test: "-1 4:3\n2 1:1")
    for pack in [gzip, { $0 }] {
      try mutate(pack(Array(train.utf8)), times: 2000, seed: 1) { mutant in
        try folder.write("train", mutant)
        try readAll(.libsvm, folder.path)
      }
    }
  }
}
