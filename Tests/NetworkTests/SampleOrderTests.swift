import Testing

import Network

@Suite struct SampleOrderTests {
  @Test(arguments: [1, 2, 3, 17, 1000]) func isAPermutation(count: Int) {
    for epoch in 0..<5 {
      #expect(SampleOrder.isPermutation(SampleOrder.drawn(count: count, seed: 3, epoch: epoch), of: count))
    }
  }

  @Test func epochsAndSeedsDiffer() {
    let first = SampleOrder.drawn(count: 100, seed: 3, epoch: 0)
    #expect(first == SampleOrder.drawn(count: 100, seed: 3, epoch: 0))
    #expect(first != SampleOrder.drawn(count: 100, seed: 3, epoch: 1))
    #expect(first != SampleOrder.drawn(count: 100, seed: 4, epoch: 0))
  }

  /// Of 6 orders of three samples each comes up a sixth of the time: chi^2 with 5 degrees of freedom is below 30 but once in 10^5.
  @Test func allOrdersAreEquallyLikely() {
    var counts: [[Int32]: Double] = [:]
    let draws = 6000
    for epoch in 0..<draws { counts[SampleOrder.drawn(count: 3, seed: 1, epoch: epoch), default: 0] += 1 }
    let expected = Double(draws) / 6
    #expect(counts.count == 6)
    #expect(counts.values.reduce(0) { $0 + ($1 - expected) * ($1 - expected) / expected } < 30)
  }

  @Test func whatIsNoPermutation() {
    #expect(!SampleOrder.isPermutation([0, 1, 1], of: 3))
    #expect(!SampleOrder.isPermutation([0, 1], of: 3))
    #expect(!SampleOrder.isPermutation([0, 1, 3], of: 3))
    #expect(!SampleOrder.isPermutation([0, -1, 2], of: 3))
  }
}
