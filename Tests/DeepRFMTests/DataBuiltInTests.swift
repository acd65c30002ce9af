import Datasets
import DeepRFM
import Testing

/// The sets that need no files.
@Suite struct DataBuiltInTests {
  @Test func digits() throws {
    let data = try Dataset.open(.digits, directory: nil, seed: 0)
    #expect((data.train.sampleCount, data.train.featureCount) == (1797, 64))
    #expect(try data.classes().names == (0..<10).map(String.init))
    #expect(data.test == nil)
    let labels = try data.train.labels(first: 1797)
    // Facts of the published file: its first labels, the size of each class, the sum of all pixels.
    #expect(labels[..<10] == [0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
    let sizes = (0..<10).map { label in labels.count { $0 == Label(label) } }
    #expect(sizes == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180])
    let rows = try allRows(data.train)
    let sum: Double = rows.joined().reduce(0, +)
    #expect(sum == 561_718)
    #expect(rows[0][..<8] == [0, 0, 5, 13, 9, 1, 0, 0])
  }

  @Test func digitsTail() throws {
    let data = try Dataset.open(.digits, directory: nil, seed: 0, trainSamples: 1500)
    let all = try Dataset.open(.digits, directory: nil, seed: 0).train
    let test = try #require(data.test)
    #expect((data.train.sampleCount, test.sampleCount) == (1500, 297))
    #expect(try test.labels(first: 297) == Array(all.labels(first: 1797)[1500...]))
    #expect(try rows(test, [296, 0]) == rows(all, [1796, 1500]))
    let few = try Dataset.open(
      .digits, directory: nil, seed: 0, trainSamples: 1500, testSamples: 100)
    #expect(few.test?.sampleCount == 100)
    expectComplaint(
      complaint { _ = try Dataset.open(.digits, directory: nil, seed: 0, trainSamples: 1798) },
      "--samples 1798", "1797", "digits")
    expectComplaint(
      complaint { _ = try Dataset.open(.digits, directory: nil, seed: 0, testSamples: 1) },
      "--test-samples 1", "digits")
    let model = Dataset.Trained(featureCount: 64, trainSamples: 1500)
    let split = try Dataset.openSplit(.test, of: .digits, directory: nil, seed: 0, model: model)
    #expect(split.sampleCount == 297)
  }

  @Test func syntheticStructure() throws {
    let data = try Dataset.open(.synthetic, directory: nil, seed: 3)
    let train = try #require(data.train as? Synthetic)
    let test = try #require(data.test as? Synthetic)
    #expect((train.sampleCount, test.sampleCount, train.featureCount) == (2000, 500, 32))
    #expect(try data.classes().count == 4)
    let basis = train.informativeDirections
    #expect((basis.rows, basis.columns) == (3, 32))
    for i in 0..<3 {
      for j in 0..<3 {
        let product = (0..<32).reduce(0.0) { $0 + basis[i, $1] * basis[j, $1] }
        #expect(abs(product - (i == j ? 1 : 0)) <= 32 * Double.ulpOfOne)
        #expect(basis[i, j] == test.informativeDirections[i, j])
      }
    }
    let labels = try train.labels(first: 2000)
    for label in 0..<4 { #expect(labels.count { $0 == Label(label) } > 200) }
    #expect(try allRows(train) != allRows(test))
    // What a run asked for is there for predict, which takes all that there are.
    for (asked, count) in [(nil, 500), (100, 500), (700, 700)] as [(Int?, Int)] {
      let model = Dataset.Trained(featureCount: 32, trainSamples: 2000, testSamples: asked)
      let split = try Dataset.openSplit(.test, of: .synthetic, directory: nil, seed: 3, model: model)
      #expect(split.sampleCount == count)
    }
  }

  /// The class must not change along any direction orthogonal to the informative ones.
  @Test func syntheticLabelsFollowDirections() throws {
    let train = try Synthetic(.train, shape: .init(classCount: 6), seed: 1)
    let labels = try train.labels(first: 300)
    let basis = train.informativeDirections
    for (row, label) in zip(try rows(train, Array(0..<300)), labels) {
      let z = (0..<3).map { i in (0..<32).reduce(0.0) { $0 + basis[i, $1] * row[$1] } }
      let cells = z + z.map { -$0 }
      #expect(Label(cells.firstIndex(of: cells.max() ?? 0) ?? -1) == label)
    }
  }

  /// Any rank makes any row: alone, in any order, for any number of samples.
  @Test func syntheticRowsAreCounterBased() throws {
    let few = try Dataset.open(.synthetic, directory: nil, seed: 3, trainSamples: 10)
    let many = try Dataset.open(.synthetic, directory: nil, seed: 3, trainSamples: 10_000)
    #expect(many.train.sampleCount == 10_000)
    #expect(try rows(few.train, [9, 2]) == rows(many.train, [9, 2]))
    let other = try Dataset.open(.synthetic, directory: nil, seed: 4)
    #expect(try rows(few.train, [2]) != rows(other.train, [2]))
  }

  @Test func syntheticBadShapes() {
    for shape in [
      Synthetic.Shape(dimension: 0), .init(directions: 0), .init(directions: 33),
      .init(classCount: 7),
      .init(classCount: 0), .init(train: 0), .init(test: -1),
    ] {
      expectComplaint(complaint { _ = try Synthetic(.train, shape: shape, seed: 0) }, "synthetic")
    }
  }
}
