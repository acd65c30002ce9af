/// Who holds which rows: N samples sorted by class, a contiguous shard of them on each rank. All ranks know it all. Where values are
/// predicted a class is a group of near rows.
///
/// Ten samples, classes a and b, on two ranks; the cut in the middle of a shard is there for an even number of ranks:
///
///     sample      0   1   2   3   4 | 5   6   7   8   9
///     class       a   a   a   a   a | a   b   b   b   b
///     shard       rank 0            | rank 1
///     segments    [0 1] [2   3   4] | [5] [6] [7  8  9]     each counted from its shard's start: 0..<2, 2..<5 | 0..<1, 1..<2, 2..<5
public struct Layout: Sendable, Equatable {
  /// Samples of each class over all ranks; 0 for an absent class.
  public let classCounts: [Int]
  public let ranks: Int
  /// Rows of the highest tile.
  public let tileRows: Int
  /// Of each sample: equal ones share a number above 0, one without a copy has 0. Empty where no sample has copies.
  public let copies: [Int32]

  public init(classCounts: [Int], ranks: Int, tileRows: Int = 512, copies: [Int32] = []) {
    precondition(ranks > 0 && tileRows > 0 && (copies.isEmpty || copies.count == classCounts.reduce(0, +)))
    self.classCounts = classCounts
    self.ranks = ranks
    self.tileRows = tileRows
    self.copies = copies
  }

  /// The same with the samples' copies known.
  public func with(copies: [Int32]) -> Layout {
    Layout(classCounts: classCounts, ranks: ranks, tileRows: tileRows, copies: copies)
  }

  /// N
  public var sampleCount: Int { classCounts.reduce(0, +) }
  /// Classes, absent ones included.
  public var classCount: Int { classCounts.count }
  /// Classes that have samples.
  public var presentClasses: [Int] { classCounts.indices.filter { classCounts[$0] > 0 } }

  /// Rows of a rank's shard in class-sorted order; empty where there are more ranks than samples.
  public func shard(of rank: Int) -> Range<Int> {
    (sampleCount * rank / ranks)..<(sampleCount * (rank + 1) / ranks)
  }

  /// The largest shard's rows.
  public var largestShard: Int { (0..<ranks).map { shard(of: $0).count }.max() ?? 0 }

  /// No segment has more rows.
  public var largestSegment: Int { min(tileRows, largestShard, classCounts.max() ?? 0) }

  /// A shard cut where the class changes, and each class's part into equal pieces of at most `tileRows`. If the ranks' number is even
  /// the shard is also cut in the middle: a pair of ranks shares work by halves (see `PairSchedule`).
  public func segments(of rank: Int) -> [Segment] {
    let shard = shard(of: rank)
    let middle = ranks % 2 == 0 ? shard.lowerBound + shard.count / 2 : shard.upperBound
    var result: [Segment] = []
    var start = 0
    for (centre, count) in classCounts.enumerated() {
      let own = (start..<(start + count)).clamped(to: shard)
      start += count
      for part in [own.clamped(to: shard.lowerBound..<middle), own.clamped(to: middle..<shard.upperBound)] {
        for rows in part.pieces(ofAtMost: tileRows) {
          result.append(Segment(rows: rows.shifted(by: -shard.lowerBound), centre: centre))
        }
      }
    }
    return result
  }
}

extension Layout {
  /// Rows of a segment that is too short for a side of a tile.
  public static let shortSegment = 64

  /// A shard's segments as sides of tiles: short neighbours, of small classes, are one side, of at most `tileRows`. None goes across the cut
  /// in the middle.
  public func sides(of rank: Int) -> [[Segment]] {
    let middle = ranks % 2 == 0 ? shard(of: rank).count / 2 : 0
    return segments(of: rank).sides(ofAtMost: tileRows, cut: middle)
  }

  /// Cuts ascending class-sorted sample numbers where the class changes.
  public func segments(ofSorted indices: [Int]) -> [Segment] {
    var result: [Segment] = []
    var (end, first) = (0, 0)
    for (centre, count) in classCounts.enumerated() {
      end += count
      let last = indices[first...].firstIndex { $0 >= end } ?? indices.count
      for rows in (first..<last).pieces(ofAtMost: tileRows) { result.append(Segment(rows: rows, centre: centre)) }
      first = last
    }
    return result
  }
}
