import Runtime

/// How the route `gram` cuts the rows of all ranks; the same on all of them.
///
/// A rank's rows are taken in chunks, whose weights against all samples are held at once, and a chunk travels to other ranks
/// in pieces. Both are runs of segments.
public struct PairwisePlan {
  let layout: Layout
  /// [rank][chunk], its pieces.
  private let pieces: [[[[Segment]]]]

  public init(layout: Layout, chunkRows: Int, pieceRows: Int) {
    self.layout = layout
    pieces = (0..<layout.ranks).map { rank in
      layout.segments(of: rank).runs(ofAtMost: chunkRows).map { $0.runs(ofAtMost: pieceRows) }
    }
  }

  /// Chunks of the rank that has most.
  public var chunks: Int { pieces.map(\.count).max() ?? 0 }

  /// Pieces of a chunk, on the rank that has most.
  public func pieces(ofChunk chunk: Int) -> Int {
    pieces.map { chunk < $0.count ? $0[chunk].count : 0 }.max() ?? 0
  }

  /// The segments of a rank's chunk; none where it has fewer chunks.
  public func chunk(_ chunk: Int, of rank: Int) -> [Segment] {
    chunk < pieces[rank].count ? pieces[rank][chunk].flatMap { $0 } : []
  }

  public func piece(_ piece: Int, ofChunk chunk: Int, of rank: Int) -> [Segment] {
    guard chunk < pieces[rank].count, piece < pieces[rank][chunk].count else { return [] }
    return pieces[rank][chunk][piece]
  }

  /// Rows of the largest piece of all.
  public var largestPiece: Int { pieces.flatMap { $0 }.flatMap { $0 }.map(\.rowRange.count).max() ?? 0 }
}
