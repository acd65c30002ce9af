import LinearAlgebra
import MPI

/// One walk of the Gram route through all pairs of chunks.
final class GramRun<T: Real> {
  let total: GramTotal<T>
  private let gram: GramProduct<T>
  private let plan: GramPlan
  private let terms: GramTerms<T>
  private let ring: PieceRing<T>
  private var share: FinishedShare
  private let report: (Double) -> Void

  init(_ gram: GramProduct<T>, _ plan: GramPlan, _ terms: GramTerms<T>, _ report: @escaping (Double) -> Void) {
    self.gram = gram
    self.plan = plan
    self.terms = terms
    self.report = report
    total = GramTotal(rows: gram.rows)
    ring = PieceRing(plan: plan, rows: gram.rows, world: gram.world, timer: gram.timer)
    share = FinishedShare(of: Self.operations(gram, plan))
  }

  private var rank: Int { gram.world.rank }
  private var ranks: Int { gram.world.size }

  /// Multiplications and additions of this rank, nearly: what the progress is measured by.
  private static func operations(_ gram: GramProduct<T>, _ plan: GramPlan) -> Int {
    let (own, n, d) = (gram.rows.rowCount, gram.layout.sampleCount, gram.rows.width)
    let c = max(1, plan.chunks)
    return own * n * (n + d) / 2 + own * n * d * (c + (c - 1) * (c - 2) / 2) / c
  }

  /// *Collective.* Each chunk meets itself and all later ones.
  func meetAll() throws {
    guard plan.chunks > 0 else { return }
    var panel = try makePanel(0, isFirst: true)
    for chunk in 0..<plan.chunks {
      let target = GramTarget(panel, width: gram.rows.width, centres: gram.rows.centres.rows)
      try meet(panel, panel, target)
      // Downwards, so that the last one is the next chunk of the outer loop; never three panels in memory.
      var partner: GramPanel<T>?
      for other in stride(from: plan.chunks - 1, to: chunk, by: -1) {
        partner = nil
        let next = try makePanel(other, isFirst: chunk == 0)
        try meet(panel, next, target)
        partner = next
      }
      total.add(target, gram.rows, gram.team)
      if let partner { panel = partner }
    }
  }

  /// *Collective.* Builds the panel of each rank's chunk; the first time also H A and the class sums of it.
  private func makePanel(_ chunk: Int, isFirst: Bool) throws -> GramPanel<T> {
    let panel = GramPanel<T>(
      chunk: chunk, segments: plan.chunk(chunk, of: rank), shard: gram.layout.shard(of: rank),
      columns: gram.layout.sampleCount)
    try panel.build(gram) { report(share.adding(panel.range.count * $0 * gram.rows.width)) }
    guard isFirst else { return panel }
    let products = panel.classSums(gram, terms, into: total)
    try terms.learn(products, at: panel.place, gram.world, gram.timer)
    return panel
  }

  /// *Collective.* Every rank's panel of one chunk meets all ranks' panels of another, or of the same, each pair of rows once.
  private func meet(_ panel: GramPanel<T>, _ moving: GramPanel<T>, _ target: GramTarget<T>) throws {
    let isSame = panel.chunk == moving.chunk
    let steps = isSame ? PairSchedule(rank: rank, ranks: ranks).steps : ranks
    let meeting = GramMeeting(gram, panel, terms, target, pieceRows: plan.largestPiece)
    for index in 0..<plan.pieces(ofChunk: moving.chunk) {
      try ring.forEachPiece(index, of: moving, steps: steps) { owner, piece, poke in
        let (own, other) = isSame ? pair(panel, piece, owner) : (panel.segments, piece)
        guard !own.isEmpty && !other.segments.isEmpty else { return }
        meeting.add(other, own, isOwn: isSame && owner == rank, poke)
        total.add(meeting.pieceSums, other.segments, other.deviations, gram.team)
        let pairs = own.rowRange.count * other.rowRange.count
        report(share.adding(pairs * (gram.layout.sampleCount + gram.rows.width)))
      }
    }
  }

  /// What meets of a chunk and a piece of the same chunk of a rank. Own pieces meet themselves and the rows behind them; of the
  /// farthest pair of ranks the lower one takes the first half of its own rows, the upper one the rest.
  private func pair(
    _ panel: GramPanel<T>, _ piece: GramPiece<T>, _ owner: Int
  ) -> (own: [Segment], other: GramPiece<T>) {
    if owner == rank {
      return (panel.segments.filter { $0.rows.lowerBound >= piece.rowRange.lowerBound }, piece)
    }
    guard (owner + ranks - rank) % ranks * 2 == ranks else { return (panel.segments, piece) }
    if rank < owner { return (panel.segments.halves.first, piece) }
    return (panel.segments, piece.limited(to: plan.chunk(panel.chunk, of: owner).halves.second.rowRange))
  }
}

/// Work done as a share of the whole.
struct FinishedShare {
  private let total: Double
  private var done = 0.0

  init(of total: Int) { self.total = max(1, Double(total)) }

  /// The finished share after some more work.
  mutating func adding(_ work: Int) -> Double {
    done += Double(work)
    return min(1, done / total)
  }
}
