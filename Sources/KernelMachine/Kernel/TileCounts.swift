import Runtime

/// How many of the kernel's tiles are kept in which way, and what a product works on of those that are not kept.
public struct TileCounts: Sendable, Equatable {
  /// Kept whole, as two factors, and not at all.
  public let stored, lowRank, recomputed: Int
  /// Entries of recomputed tiles, m n of each; and those that a product multiplies: off the diagonal each twice, since the tile serves in both
  /// directions.
  public let made, used: Int
}

extension KernelOperator {
  /// *Collective.* Over all ranks.
  public func tileCounts() throws -> TileCounts {
    var (stored, lowRank, recomputed, made, used) = (0, 0, 0, 0, 0)
    for block in blocks {
      for tile in block.tiles {
        switch tile.storage {
        case .dense: stored += 1
        case .lowRank: lowRank += 1
        case .recomputed:
          let entries = tile.rows.rows.count * tile.columns.rows.count
          recomputed += 1
          made += entries
          used += (tile.isDiagonal ? 1 : 2) * entries
        }
      }
    }
    var sums = [stored, lowRank, recomputed, made, used]
    try communicating { try world.sum(&sums) }
    return TileCounts(stored: sums[0], lowRank: sums[1], recomputed: sums[2], made: sums[3], used: sums[4])
  }
}
