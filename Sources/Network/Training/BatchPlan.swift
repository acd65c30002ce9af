import Runtime

/// Who works on which of a batch's rows: each rank a part of equal size, to a row, of the batch as the order has it.
///
/// The rows lie in the ranks' shards, so most come from another rank. A rank has its part sorted by the rank that sends, which lets
/// every message arrive where it is used; within a batch the order of rows changes the rounding of sums and nothing else.
///
///     order of the batch      7 2 9 4 1 8 3           shards: rank 0 holds 0...4, rank 1 holds 5...9
///     rank 0 works on         7 2 9            as     2 | 7 9       its own first, then rank 1's
///     rank 1 works on         4 1 8 3          as     4 1 3 | 8     rank 0's first, then its own
struct BatchPlan {
  let layout: Layout
  let rank: Int

  /// Rows of the batch that a rank works on, by their place in it.
  static func share(of count: Int, rank: Int, ranks: Int) -> Range<Int> {
    (count * rank / ranks)..<(count * (rank + 1) / ranks)
  }

  /// The most rows that a rank works on.
  static func largestShare(of count: Int, ranks: Int) -> Int { (count + ranks - 1) / ranks }

  /// Positions that `worker` works on and `holder` holds, in the batch's order.
  func positions(_ batch: ArraySlice<Int32>, of worker: Int, heldBy holder: Int) -> [Int32] {
    let share = Self.share(of: batch.count, rank: worker, ranks: layout.ranks)
    let shard = layout.shard(of: holder)
    return batch[(batch.startIndex + share.lowerBound)..<(batch.startIndex + share.upperBound)].filter {
      shard.contains(Int($0))
    }
  }
}
