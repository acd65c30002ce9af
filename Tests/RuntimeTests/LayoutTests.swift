import LinearAlgebra
import Runtime
import TestSupport
import Testing

@Suite struct LayoutTests {
  private func classes(_ layout: Layout) -> [Int] {
    layout.classCounts.enumerated().flatMap { [Int](repeating: $0, count: $1) }
  }

  @Test(arguments: 0..<40 as Range<UInt64>, [1, 2, 3, 4, 7, 12])
  func everySampleInOneShardAndOneSegment(seed: UInt64, ranks: Int) {
    for tileRows in [1, 3, 16, 512] {
      let layout = Layout(classCounts: randomClassCounts(seed), ranks: ranks, tileRows: tileRows)
      let classOf = classes(layout)
      #expect(layout.sampleCount == classOf.count)
      var next = 0
      for rank in 0..<ranks {
        let shard = layout.shard(of: rank)
        #expect(shard.lowerBound == next)
        for segment in layout.segments(of: rank) {
          #expect(shard.lowerBound + segment.rows.lowerBound == next)
          #expect((1...tileRows).contains(segment.rows.count))
          next += segment.rows.count
          let own = classOf[(next - segment.rows.count)..<next]
          #expect(own.allSatisfy { $0 == segment.centre })
        }
        #expect(shard.upperBound == next)
      }
      #expect(next == classOf.count)
    }
  }

  @Test(arguments: 0..<40 as Range<UInt64>, [1, 2, 3, 4, 7, 12])
  func shardsAndPiecesAreEqualWithinOne(seed: UInt64, ranks: Int) {
    let layout = Layout(classCounts: randomClassCounts(seed), ranks: ranks, tileRows: 16)
    let shards = (0..<ranks).map { layout.shard(of: $0).count }
    #expect((shards.max() ?? 0) - (shards.min() ?? 0) <= 1)
    #expect(layout.largestShard == shards.max())
    for rank in 0..<ranks {
      let segments = layout.segments(of: rank)
      // Of an even number of ranks each half of a shard is cut by itself.
      let middle = ranks % 2 == 0 ? layout.shard(of: rank).count / 2 : layout.shard(of: rank).count
      #expect(segments.allSatisfy { $0.rows.upperBound <= middle || $0.rows.lowerBound >= middle })
      for half in [segments.filter { $0.rows.upperBound <= middle }, segments.filter { $0.rows.lowerBound >= middle }] {
        for centre in Set(half.map(\.centre)) {
          let heights = half.filter { $0.centre == centre }.map(\.rows.count)
          #expect((heights.max() ?? 0) - (heights.min() ?? 0) <= 1)
          // No more pieces than are needed.
          #expect(heights.count == (heights.reduce(0, +) + 15) / 16)
        }
      }
    }
  }

  /// Sides of tiles are the segments in order, short neighbours together.
  @Test(arguments: 0..<8 as Range<UInt64>, 1...6) func sidesAreTheSegments(seed: UInt64, ranks: Int) {
    for tileRows in [4, 100, 512] {
      let layout = Layout(
        classCounts: randomClassCounts(seed) + [3, 2, 1, 300, 5, 9], ranks: ranks, tileRows: tileRows)
      for rank in 0..<ranks {
        let (segments, sides) = (layout.segments(of: rank), layout.sides(of: rank))
        #expect(sides.flatMap { $0 } == segments)
        let middle = ranks % 2 == 0 ? layout.shard(of: rank).count / 2 : 0
        for side in sides where side.count > 1 {
          #expect(side.allSatisfy { $0.rows.count <= Layout.shortSegment } && side.whole.rows.count <= tileRows)
          #expect(side.whole.rows.upperBound <= middle || side.whole.rows.lowerBound >= middle)
        }
        // Two neighbours are apart for a reason.
        for (a, b) in zip(sides, sides.dropFirst()) {
          let isLong = [a.last, b.first].contains { ($0?.rows.count ?? 0) > Layout.shortSegment }
          let (height, next) = (a.whole.rows.count, b.first?.rows.count ?? 0)
          #expect(isLong || b.whole.rows.lowerBound == middle || height + next > tileRows)
        }
      }
    }
  }

  /// A thousand classes of four samples are eight sides, not a thousand; a long segment is one alone, and no side goes across a cut.
  @Test func smallClassesAreGathered() {
    let many = Layout(classCounts: [Int](repeating: 4, count: 1000), ranks: 1).segments(of: 0)
    let heights = many.sides(ofAtMost: 512).map { $0.rowRange.count }
    #expect(many.count == 1000 && heights == [Int](repeating: 512, count: 7) + [416])
    #expect(many.sides(ofAtMost: 16).allSatisfy { $0.count == 4 } && many.sides(ofAtMost: 3).count == 1000)
    let mixed = Layout(classCounts: [3, 2, 65, 4, 1], ranks: 1).segments(of: 0)
    #expect(mixed.sides(ofAtMost: 512).map { $0.map(\.centre) } == [[0, 1], [2], [3, 4]])
    #expect(mixed.sides(ofAtMost: 512, cut: 3).map { $0.map(\.centre) } == [[0], [1], [2], [3, 4]])
  }

  @Test func fewerSamplesThanRanks() {
    let layout = Layout(classCounts: [1, 0, 2], ranks: 7)
    #expect((0..<7).reduce(0) { $0 + layout.shard(of: $1).count } == 3)
    #expect((0..<7).count { layout.segments(of: $0).isEmpty } == 4)
    #expect(layout.presentClasses == [0, 2])
  }

  @Test func noSamples() {
    let layout = Layout(classCounts: [0, 0], ranks: 2)
    #expect(layout.sampleCount == 0 && layout.largestShard == 0)
    #expect(layout.segments(of: 1).isEmpty && layout.presentClasses.isEmpty)
  }

  @Test(arguments: 0...20, 1...9) func piecesCoverInOrder(count: Int, limit: Int) {
    let pieces = (3..<(3 + count)).pieces(ofAtMost: limit)
    #expect(pieces.flatMap { Array($0) } == Array(3..<(3 + count)))
    #expect(pieces.allSatisfy { (1...limit).contains($0.count) })
  }
}
