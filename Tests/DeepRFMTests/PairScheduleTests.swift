import KernelMachine
import LinearAlgebra
import Runtime
import TestSupport
import Testing

@Suite struct PairScheduleTests {
  /// A segment of any rank.
  private struct Place: Hashable {
    let rank: Int
    let segment: Int
  }

  private struct Pair: Hashable {
    let first, second: Place

    /// Unordered.
    init(_ a: Place, _ b: Place) {
      let swap = (b.rank, b.segment) < (a.rank, a.segment)
      (first, second) = swap ? (b, a) : (a, b)
    }
  }

  /// The pairs that one rank holds.
  private func pairs(_ layout: Layout, rank: Int) -> [Pair] {
    let schedule = PairSchedule(rank: rank, ranks: layout.ranks)
    let own = layout.segments(of: rank)
    return ([rank] + schedule.partners).flatMap { other in
      schedule.tiles(own: own, other: layout.segments(of: other), otherRank: other).map {
        Pair(Place(rank: rank, segment: $0.own), Place(rank: other, segment: $0.other))
      }
    }
  }

  @Test(arguments: 1...12, 0..<12 as Range<UInt64>)
  func eachPairOfSegmentsOnce(ranks: Int, seed: UInt64) {
    for tileRows in [2, 16, 512] {
      let layout = Layout(classCounts: randomClassCounts(seed), ranks: ranks, tileRows: tileRows)
      let all = (0..<ranks).flatMap { rank in
        layout.segments(of: rank).indices.map { Place(rank: rank, segment: $0) }
      }
      let held = (0..<ranks).flatMap { pairs(layout, rank: $0) }
      #expect(held.count == all.count * (all.count + 1) / 2)
      #expect(Set(held).count == held.count)
    }
  }

  /// What ranks borrow is what others hold beyond their own blocks.
  @Test(arguments: 1...9, 0..<6 as Range<UInt64>) func remoteElements(ranks: Int, seed: UInt64) {
    let layout = Layout(classCounts: randomClassCounts(seed), ranks: ranks, tileRows: 16)
    let schedules = (0..<ranks).map { PairSchedule(rank: $0, ranks: ranks) }
    let own = schedules.map { schedule in
      let segments = layout.sides(of: schedule.rank).map(\.whole)
      return schedule.tiles(own: segments, other: segments, otherRank: schedule.rank).reduce(0) {
        $0 + segments[$1.own].rows.count * paddedForProduct(segments[$1.other].rows.count)
      }
    }
    let held = schedules.map { $0.tileElements(layout) }
    let remote = schedules.map { $0.remoteElements(layout) }.reduce(0, +)
    let beyond = held.reduce(0, +) - own.reduce(0, +)
    #expect(remote == beyond)
  }

  /// Rank p serves q if and only if p is a partner of q's; partners are those whose blocks come round the ring next.
  @Test(arguments: 1...12) func partnersAndServantsMirror(ranks: Int) {
    let schedules = (0..<ranks).map { PairSchedule(rank: $0, ranks: ranks) }
    for p in 0..<ranks {
      let (partners, holders) = (schedules[p].partners, schedules[p].holders)
      #expect(partners == (1..<max(1, schedules[p].steps)).map { (p + $0) % ranks })
      #expect(Set(partners).count == partners.count && !partners.contains(p))
      #expect(Set(holders) == Set((0..<ranks).filter { schedules[$0].partners.contains(p) }))
      #expect(Set(holders).count == holders.count)
      #expect(Set(partners).union(holders).count == ranks - 1)
    }
  }

  /// No rank has more than its share of the N^2 / 2 pairs and what a segment's height can upset: of the diagonal block half a
  /// segment by a shard; and of the shared one a row.
  @Test(arguments: 1...12, [32, 64]) func workIsBalanced(ranks: Int, tileRows: Int) {
    let layout = Layout(
      classCounts: [400, 390, 0, 410, 1, 500, 300, 420, 380, 400], ranks: ranks, tileRows: tileRows)
    let n = Double(layout.sampleCount)
    let work = (0..<ranks).map { rank in
      pairs(layout, rank: rank).reduce(0.0) { sum, pair in
        let heights = [pair.first, pair.second].map {
          Double(layout.segments(of: $0.rank)[$0.segment].rows.count)
        }
        return sum + heights[0] * heights[1]
      }
    }
    let share = n * n / (2 * Double(ranks))
    let shard = Double(layout.largestShard)
    for entry in work {
      #expect(abs(entry - share) <= shard * (Double(tileRows) / 2 + Double(ranks)), "\(entry) of \(share)")
    }
  }

  /// The runs of a product cover all tiles in order; a worker's long run is as near to half its share as a tile's size allows.
  @Test(arguments: 1...5, [0, 1, 2, 9, 40, 1000]) func runsCoverOnceInOrder(workers: Int, tiles: Int) {
    let elements = (0..<tiles).map { 16 * (20 + $0 * 7 % 13) }
    let runs = runs(of: elements, workers: workers)
    #expect(runs.flatMap(Array.init) == Array(0..<tiles))
    #expect(runs.allSatisfy { !$0.isEmpty } && runs.count <= (workers == 1 ? 1 : 4 * workers))
    if tiles >= 40 {
      let share = Double(elements.reduce(0, +)) / Double(workers)
      let longest = runs.map { Double(elements[$0].reduce(0, +)) }.max() ?? 0
      #expect(abs(longest - (workers == 1 ? share : share / 2)) <= Double(elements.max() ?? 0))
    }
  }
}
