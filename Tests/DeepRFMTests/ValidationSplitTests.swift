import Datasets
import Files
import TestSupport
import Testing

/// Which samples are held out to choose by.
@Suite struct ValidationSplitTests {
  /// So many of each class, mixed.
  private func groups(_ counts: [Int], seed: UInt64 = 5) -> [Int] {
    var generator = SplitMix(state: seed)
    return counts.enumerated().flatMap { [Int](repeating: $0, count: $1) }.shuffled(using: &generator)
  }

  private func counts(_ samples: [Int], _ groups: [Int], _ classes: Int) -> [Int] {
    var counts = [Int](repeating: 0, count: classes)
    for sample in samples { counts[groups[sample]] += 1 }
    return counts
  }

  @Test func aShareIsTakenOfEachClass() throws {
    let groups = groups([400, 200, 100])
    let split = try ValidationSplit(0.1, of: groups, seed: 0)
    #expect(counts(split.validation, groups, 3) == [40, 20, 10])
    #expect(split.training + split.validation != Array(0..<700))
    #expect((split.training + split.validation).sorted() == Array(0..<700))
    #expect(split.training == split.training.sorted() && split.validation == split.validation.sorted())
  }

  /// Of every number that can be held out: exactly so many, each class within one of its share unless it would lose its last sample.
  @Test(arguments: [[7, 1, 12, 3], [1, 1, 1], [50], [0, 4, 0, 9]]) func everyNumberIsTakenInProportion(counts: [Int])
    throws
  {
    let groups = groups(counts)
    let most = groups.count - counts.count { $0 > 0 }
    for size in 1..<max(1, most + 1) {
      let split = try ValidationSplit(Double(size), of: groups, seed: 3)
      let held = self.counts(split.validation, groups, counts.count)
      #expect(held.reduce(0, +) == size)
      for (held, all) in zip(held, counts) where all > 0 {
        #expect(held < all)
        let share = Double(size * all) / Double(groups.count)
        #expect(held == all - 1 || Double(held) > share - 1)
      }
    }
    let error = try #require(throws: InputError.self) { try ValidationSplit(Double(most + 1), of: groups, seed: 3) }
    #expect(error.description.contains("at most \(most)"))
  }

  @Test func theSeedDecides() throws {
    let groups = groups([60, 60])
    let first = try ValidationSplit(20, of: groups, seed: 1)
    #expect(try ValidationSplit(20, of: groups, seed: 1) == first)
    #expect(try ValidationSplit(20, of: groups, seed: 2) != first)
  }

  /// Each sample is as likely as any other of its class.
  @Test func noSampleIsPreferred() throws {
    let groups = [Int](repeating: 0, count: 50)
    var drawn = [Int](repeating: 0, count: 50)
    for seed in 0..<400 {
      for sample in try ValidationSplit(10, of: groups, seed: UInt64(seed)).validation { drawn[sample] += 1 }
    }
    // 80 expected, deviation 8: beyond 5 of them once in 30,000 such tests.
    #expect(drawn.allSatisfy { abs($0 - 80) < 45 })
  }

  @Test func whatMakesNoSenseIsRefused() throws {
    let groups = groups([10, 10])
    for (size, words) in [(0.01, "is none"), (0.97, "at most 18"), (25, "at most 18")] {
      let error = try #require(throws: InputError.self) { try ValidationSplit(size, of: groups, seed: 0) }
      #expect(error.description.contains("--validation") && error.description.contains(words))
    }
  }

  @Test func theTwoPartsReadTheirOwnRows() throws {
    let whole = try Dataset.open(.digits, directory: nil, seed: 0, trainSamples: 100)
    let labels = try whole.train.labels(first: 100)
    let split = try ValidationSplit(0.2, of: whole.classes().numbers(of: labels), seed: 4)
    let parts = whole.holdingOut(split)
    for (part, indices) in [(parts.train, split.training), (try #require(parts.validation), split.validation)] {
      #expect(part.sampleCount == indices.count)
      #expect(try part.labels(first: 7) == indices.prefix(7).map { labels[$0] })
      var rows = [Int: [Double]]()
      try part.readRows([5, 2]) { rows[[5, 2][$0]] = Array($1) }
      for (sample, row) in rows {
        #expect(part.place(ofSample: sample) == indices[sample])
        try whole.train.readRows([indices[sample]]) { #expect(Array($1) == row) }
      }
      #expect(throws: InputError.self) { try part.readRows([indices.count]) { _, _ in } }
    }
  }
}
