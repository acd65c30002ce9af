import Testing

import Network

/// Every parameter has one rank that makes its step, whatever the layers.
@Suite struct StepSharesTests {
  static let layers: [[Range<Int>]] = [
    [0..<1], [0..<7, 7..<7, 7..<1000, 1000..<1001], [0..<0, 0..<300, 300..<364, 364..<100_000, 100_000..<100_003],
    [0..<401_408, 401_408..<663_552, 663_552..<668_672],
  ]

  @Test(arguments: layers, [1, 2, 3, 4, 5, 64]) func eachElementIsInOneShare(layers: [Range<Int>], ranks: Int) {
    let count = layers.last?.upperBound ?? 0
    for least in [1, 100, StepShares.leastPart] {
      let shares = StepShares(layers, ranks: ranks, atLeast: least)
      var begin = count
      for part in shares.parts {
        #expect(part.upperBound == begin)
        begin = part.lowerBound
        var end = part.lowerBound
        for rank in 0..<ranks {
          let share = shares.share(of: rank, in: part)
          #expect(share.lowerBound == end)
          #expect(share.lowerBound == part.lowerBound || share.lowerBound % 64 == 0)
          end = share.upperBound
        }
        #expect(end == part.upperBound)
      }
      #expect(begin == 0)
      #expect((0..<ranks).map { shares.arriving(at: $0) }.reduce(0, +) == (ranks - 1) * count)
    }
  }

  /// From the last layer to the first, none smaller than what is worth a message but the last part; one rank sends none.
  @Test func partsAreWorthTheirMessages() {
    let layers = [0..<10, 10..<40, 40..<45, 45..<145, 145..<150]
    #expect(StepShares(layers, ranks: 2, atLeast: 30).parts == [45..<150, 10..<45, 0..<10])
    #expect(StepShares(layers, ranks: 2, atLeast: 1).parts == Array(layers.reversed()))
    #expect(StepShares(layers, ranks: 1, atLeast: 1).parts == [0..<150])
    #expect(StepShares([], ranks: 3).parts.isEmpty)
  }

  /// A rank has its part of the work to a cache line.
  @Test func sharesAreEqual() {
    for ranks in 2...5 {
      let shares = StepShares([0..<401_408], ranks: ranks)
      for rank in 0..<ranks {
        #expect(abs(shares.share(of: rank, in: 0..<401_408).count - 401_408 / ranks) <= 64)
      }
    }
  }
}
