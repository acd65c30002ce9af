import Runtime

/// All pairs of chunks, and of each pair the pieces, one after another: the loops of `PairwiseAGOP`.
final class PairwiseRounds<T: Real> {
  let total: PairwiseTotal<T>
  private let agop: PairwiseAGOP<T>
  private let plan: PairwisePlan
  private let rows: PairwiseRows<T>
  private let terms: SampleTerms<T>
  private let ring: PieceRing<T>
  private var share: FinishedShare
  private let safePoints: SafePoints<AGOPState>
  private let report: (Double) -> Void

  init(
    _ agop: PairwiseAGOP<T>, _ plan: PairwisePlan, _ rows: PairwiseRows<T>, _ terms: SampleTerms<T>,
    _ safePoints: SafePoints<AGOPState>, _ report: @escaping (Double) -> Void
  ) {
    self.agop = agop
    self.plan = plan
    self.rows = rows
    self.terms = terms
    self.safePoints = safePoints
    self.report = report
    total = PairwiseTotal(rows: rows)
    ring = PieceRing(plan: plan, rows: rows.deviations, context: agop.context)
    share = FinishedShare(of: Self.operations(agop, plan))
  }

  private var rank: Int { agop.world.rank }
  private var ranks: Int { agop.world.size }

  /// Multiplications and additions of this rank, nearly: what the progress is measured by.
  private static func operations(_ agop: PairwiseAGOP<T>, _ plan: PairwisePlan) -> Int {
    let (own, n, d) = (agop.rows.rowCount, agop.layout.sampleCount, agop.rows.width)
    let c = max(1, plan.chunks)
    return own * n * (n + d) / 2 + own * n * d * (c + (c - 1) * (c - 2) / 2) / c
  }

  /// What comes next: the chunk, its partner (its own number, then the last chunk and so on downwards), the partner's piece, the
  /// ring's step; and whether the partner's panel has been made before, so that its H A is known.
  private struct Place {
    var chunk = 0, partner = 0, piece = 0, step = 0
    var isKnown = false

    var numbers: [Int] { [chunk, partner, piece, step, isKnown ? 1 : 0] }

    init() {}

    init(_ numbers: [Int]) {
      (chunk, partner, piece, step, isKnown) = (numbers[0], numbers[1], numbers[2], numbers[3], numbers[4] != 0)
    }
  }

  /// *Collective.* Each chunk meets itself and all later ones, from where a saved run was.
  func meetAll(from saved: AGOPState? = nil) throws {
    guard plan.chunks > 0 else { return }
    var start = Place(try saved?.position(loops: 5) ?? Place().numbers)
    try saved.map { try terms.restore($0.tensors) }
    try saved.map { try total.restore($0.tensors) }
    // A chunk's own panel comes first and is then known.
    var place = start
    if start.partner != start.chunk { place.isKnown = true }
    var panel = try makePanel(start.chunk, &place) { saved ?? state($0, nil) }
    for chunk in start.chunk..<max(start.chunk, plan.chunks) {
      let target = ChunkSums(panel, width: agop.rows.width, centres: rows.centres.rows)
      if let saved, chunk == start.chunk, hasTarget(saved) { try target.restore(saved.tensors) }
      if start.partner == start.chunk || chunk > start.chunk {
        place = Place([chunk, chunk, 0, 0, 1])
        if chunk == start.chunk { (place.piece, place.step) = (start.piece, start.step) }
        try meet(panel, panel, target, &place)
        start.partner = plan.chunks - 1
        (start.piece, start.step, start.isKnown) = (0, 0, false)
      }
      // Downwards, so that the last one is the next chunk of the outer loop; never three panels in memory.
      var partner: WeightPanel<T>?
      for other in stride(from: chunk == start.chunk ? start.partner : plan.chunks - 1, to: chunk, by: -1) {
        partner = nil
        place = Place([chunk, other, 0, 0, chunk > 0 ? 1 : 0])
        if chunk == start.chunk && other == start.partner {
          (place.piece, place.step) = (start.piece, start.step)
          place.isKnown = place.isKnown || start.isKnown
        }
        let next = try makePanel(other, &place) { state($0, target) }
        try meet(panel, next, target, &place)
        partner = next
      }
      total.add(target, agop.pool)
      if let partner { panel = partner }
    }
  }

  private func hasTarget(_ saved: AGOPState) -> Bool { saved.tensors.contains { $0.name == "product" } }

  private func state(_ place: Place, _ target: ChunkSums<T>?) -> AGOPState {
    AGOPState(.gram, position: place.numbers, terms.saved + total.saved + (target?.saved ?? []))
  }

  /// *Collective.* Builds the panel of each rank's chunk; the first time also its products with A.
  private func makePanel(
    _ chunk: Int, _ place: inout Place, state: (Place) -> AGOPState
  ) throws -> WeightPanel<T> {
    let panel = WeightPanel<T>(
      chunk: chunk, segments: plan.chunk(chunk, of: rank), shard: agop.shard,
      columns: agop.layout.sampleCount)
    try panel.build(agop, less: terms.shift, stop: safePoints.stop) {
      report(share.adding(panel.range.count * $0 * agop.rows.width))
    }
    // Nothing has come of it yet that would be worth a checkpoint.
    let wish = try agop.world.agree(safePoints.stop.isRequested ? .stop : .nothing).wish
    try safePoints.reached(wish, state(place))
    guard !place.isKnown else { return panel }
    let products = panel.products(agop, rows, terms, into: total)
    try terms.learn(products, at: panel.place, agop.context)
    place.isKnown = true
    return panel
  }

  /// *Collective.* Every rank's panel of one chunk meets all ranks' panels of another, or of the same, each pair of rows once.
  private func meet(
    _ panel: WeightPanel<T>, _ moving: WeightPanel<T>, _ target: ChunkSums<T>, _ place: inout Place
  ) throws {
    let meeting = ChunkMeeting(agop, rows, panel, terms, target, pieceRows: plan.largestPiece)
    let pieces = plan.pieces(ofChunk: moving.chunk)
    while try !round(meeting, panel, moving, target, &place, pieces) {}
  }

  /// *Collective.* The pieces from `place` on; false if a safe point came where some rank had left out work: then from there again.
  private func round(
    _ meeting: ChunkMeeting<T>, _ panel: WeightPanel<T>, _ moving: WeightPanel<T>, _ target: ChunkSums<T>,
    _ place: inout Place, _ pieces: Int
  ) throws -> Bool {
    let isSame = panel.chunk == moving.chunk
    let steps = isSame ? PairSchedule(rank: rank, ranks: ranks).steps : ranks
    for index in place.piece..<max(place.piece, pieces) {
      var (step, done, isPausing) = (0, place.step, false)
      try ring.forEachPiece(index, of: moving, steps: steps) { owner, piece in
        defer { step += 1 }
        guard step == done else { return }
        isPausing = isPausing || safePoints.wish > .nothing
        guard !isPausing else { return }
        done = step + 1
        let rectangles = isSame ? self.rectangles(panel, index, piece, owner) : [(panel.segments, piece)]
        for (k, (own, other)) in rectangles.enumerated() where !own.isEmpty && !other.segments.isEmpty {
          // What comes after the first one is short, and no step may end half done.
          let stop = k == 0 ? safePoints.stop : nil
          guard meeting.add(other, own, isOwn: isSame && owner == rank, stop: stop) else {
            (done, isPausing) = (step, true)
            return
          }
          total.add(meeting.pieceSums, other.segments, other.deviations, agop.pool)
          let pairs = own.rowRange.count * other.rowRange.count
          report(share.adding(pairs * (agop.layout.sampleCount + agop.rows.width)))
        }
      }
      (place.piece, place.step) = (index, done)
      // Steps differ between ranks: of the farthest pair one may have none.
      let isFinished = done == steps
      let agreed = try agop.world.agree(
        max(safePoints.wish, isFinished ? .nothing : .checkpoint), unfinished: !isFinished)
      try safePoints.reached(agreed.wish, state(place, target))
      if agreed.unfinished { return false }
      place.step = 0
    }
    return true
  }

  /// What meets of a chunk and a piece of the same chunk of a rank. Own pieces meet themselves and the rows behind them. Of the
  /// farthest pair of ranks each takes its own pieces before the one that came, and half of what meets between pieces of the same
  /// number: so both have the same work whenever they wait for each other.
  private func rectangles(
    _ panel: WeightPanel<T>, _ index: Int, _ piece: PanelPiece<T>, _ owner: Int
  ) -> [(own: [Segment], other: PanelPiece<T>)] {
    if owner == rank {
      return [(panel.segments.filter { $0.rows.lowerBound >= piece.rowRange.lowerBound }, piece)]
    }
    guard (owner + ranks - rank) % ranks * 2 == ranks else { return [(panel.segments, piece)] }
    let before = (0..<index).flatMap { plan.piece($0, ofChunk: panel.chunk, of: rank) }
    let same = plan.piece(index, ofChunk: panel.chunk, of: rank)
    if rank < owner { return [(before + same.halves.first, piece)] }
    return [(before, piece), (same, piece.limited(to: piece.segments.halves.second.rowRange))]
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
