import LinearAlgebra
import Runtime

/// Which pairs of row blocks a rank holds, so that each pair is held once and all ranks have the same work.
///
/// Rank p takes the pairs with blocks p, p + 1, ... around the circle, P / 2 of them. Where P is even the farthest pair
/// belongs to both of its ranks: the lower one takes the first half of its own rows, the upper one the rest.
///
/// P = 4, each rank's pairs (own block, other's), and who holds the tiles of row and column block:
///
///     step        0      1      2                                   0    1    2    3
///     rank 0    (0,0)  (0,1)  (0,2) first half of 0's rows      0   0    0   0|2   3
///     rank 1    (1,1)  (1,2)  (1,3) first half of 1's rows      1        1    1   1|3
///     rank 2    (2,2)  (2,3)  (2,0) second half of 0's rows     2             2    2
///     rank 3    (3,3)  (3,0)  (3,1) second half of 1's rows     3                  3
///
/// At step k rank p works on block p + k, while block p + k + 1 comes from rank p + 1 and its last one goes on to p - 1.
/// For odd P there is no shared pair: P = 3 has steps 0 and 1.
public struct PairSchedule: Sendable {
  public let rank: Int
  let ranks: Int

  public init(rank: Int, ranks: Int) {
    self.rank = rank
    self.ranks = ranks
  }

  /// Blocks that this rank works on, its own included.
  public var steps: Int { ranks / 2 + 1 }

  /// Ranks whose rows this one multiplies, in the order in which their blocks come by.
  public var partners: [Int] { (1..<max(1, steps)).map { (rank + $0) % ranks } }

  /// Ranks that multiply this one's rows.
  public var holders: [Int] { (1..<max(1, steps)).map { (rank + ranks - $0) % ranks } }

  /// The pairs (own side, other's side) to hold of the pair of blocks (rank, other).
  public func tiles(own: [Segment], other: [Segment], otherRank: Int) -> [(own: Int, other: Int)] {
    if otherRank == rank {
      return own.indices.flatMap { i in (i..<own.count).map { (i, $0) } }
    }
    let offset = (otherRank + ranks - rank) % ranks
    let shared = ranks % 2 == 0 && offset == ranks / 2
    var (first, second) = (own.indices, other.indices)
    if shared && rank < otherRank { first = first.prefix(upTo: Self.half(of: own)) }
    if shared && rank > otherRank { second = second.suffix(from: Self.half(of: other)) }
    return first.flatMap { i in second.map { (i, $0) } }
  }

  /// Elements of this rank's tiles, all of them stored.
  public func tileElements(_ layout: Layout) -> Int {
    let own = layout.sides(of: rank).map(\.whole)
    return ([rank] + partners).reduce(0) { sum, other in
      let columns = layout.sides(of: other).map(\.whole)
      return tiles(own: own, other: columns, otherRank: other).reduce(sum) {
        $0 + own[$1.own].rows.count * paddedForProduct(columns[$1.other].rows.count)
      }
    }
  }

  /// Elements of the tiles of this rank's rows that its holders hold.
  public func remoteElements(_ layout: Layout) -> Int {
    let own = layout.sides(of: rank).map(\.whole)
    return holders.reduce(0) { sum, holder in
      let rows = layout.sides(of: holder).map(\.whole)
      let tiles = PairSchedule(rank: holder, ranks: ranks).tiles(own: rows, other: own, otherRank: rank)
      return tiles.reduce(sum) { $0 + rows[$1.own].rows.count * paddedForProduct(own[$1.other].rows.count) }
    }
  }

  /// The first segment of a block's second half; `Layout` cuts there.
  private static func half(of segments: [Segment]) -> Int {
    let rows = segments.last?.rows.upperBound ?? 0
    return segments.firstIndex { $0.rows.lowerBound + $0.rows.upperBound > rows } ?? segments.count
  }
}
