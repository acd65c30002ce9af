import LinearAlgebra
import Runtime

/// Some rows of a panel with their rows of X.
struct PanelPiece<T: Real> {
  let segments: [Segment]
  /// Place of the shard's first row among all samples.
  let shardStart: Int
  /// H_J; (rows x samples).
  let weights: MatrixView<T>
  /// (rows x width)
  let deviations: MatrixView<T>

  /// Rows of their shard.
  var rowRange: Range<Int> { segments.rowRange }

  /// The segments that lie in these rows of the shard, and what belongs to them.
  func limited(to rows: Range<Int>) -> PanelPiece {
    let inside = segments.filter { rows.contains($0.rows.lowerBound) }
    let part = inside.isEmpty ? 0..<0 : inside.rowRange.shifted(by: -rowRange.lowerBound)
    return PanelPiece(
      segments: inside, shardStart: shardStart, weights: weights.rows(part), deviations: deviations.rows(part))
  }
}

/// The ranks in a circle, pieces of their panels passed on while the last one is worked on.
final class PieceRing<T: Real> {
  private let plan: PairwisePlan
  /// Own rows as they are multiplied.
  private let rows: MatrixView<T>
  private let context: Context
  /// Memory for pieces that travel, weights and rows.
  private var spare: [(weights: Matrix<T>, deviations: Matrix<T>)] = []

  init(plan: PairwisePlan, rows: MatrixView<T>, context: Context) {
    self.plan = plan
    self.rows = rows
    self.context = context
  }

  /// - Parameter arrivals: pieces that come to a rank in all: one alone needs no second set of memory.
  static func bytes(pieceRows: Int, arrivals: Int, _ sizes: AGOPCost) -> Int {
    min(2, arrivals) * pieceRows * (sizes.samples + sizes.width) * MemoryLayout<T>.stride
  }

  /// *Collective.* Calls `body` with the piece of rank p, p + 1, ..., p + steps - 1 around the circle, on rank p.
  func forEachPiece(
    _ index: Int, of panel: WeightPanel<T>, steps: Int,
    _ body: (_ owner: Int, _ piece: PanelPiece<T>) throws -> Void
  ) throws {
    let world = context.world
    let (before, after) = ((world.rank + world.size - 1) % world.size, (world.rank + 1) % world.size)
    var piece = ownPiece(index, of: panel)
    for step in 0..<steps {
      let owner = (world.rank + step) % world.size
      guard step + 1 < steps else { return try body(owner, piece) }
      let next = incomingPiece(index, ofChunk: panel.chunk, of: (owner + 1) % world.size)
      let messages = context.makeRequests()
      do {
        for (incoming, outgoing, tag) in [
          (next.weights, piece.weights, MessageTag.pieceWeights), (next.deviations, piece.deviations, .pieceRows),
        ] {
          messages.add(try world.startReceive(incoming.elements, from: after, tag: tag.rawValue))
          messages.add(try world.startSend(UnsafeBufferPointer(outgoing.elements), to: before, tag: tag.rawValue))
        }
        try body(owner, piece)
        try context.communicating { try messages.waitAll() }
      } catch {
        messages.cancelAll()
        throw error
      }
      piece = next
    }
  }

  private func ownPiece(_ index: Int, of panel: WeightPanel<T>) -> PanelPiece<T> {
    let segments = plan.piece(index, ofChunk: panel.chunk, of: context.world.rank)
    let range = segments.isEmpty ? panel.range.lowerBound..<panel.range.lowerBound : segments.rowRange
    return PanelPiece(
      segments: segments, shardStart: panel.place.lowerBound - panel.range.lowerBound, weights: panel.weights(range),
      deviations: rows.rows(range))
  }

  /// Memory for a rank's piece: two sets take turns, one worked on and sent, one arriving.
  private func incomingPiece(_ index: Int, ofChunk chunk: Int, of rank: Int) -> PanelPiece<T> {
    if spare.count < 2 {
      spare.append(
        (
          Matrix(uninitialisedRows: plan.largestPiece, columns: plan.layout.sampleCount),
          Matrix(uninitialisedRows: plan.largestPiece, columns: rows.columns)
        ))
    } else {
      spare.swapAt(0, 1)
    }
    let memory = spare[spare.count - 1]
    let segments = plan.piece(index, ofChunk: chunk, of: rank)
    let count = segments.rowRange.count
    return PanelPiece(
      segments: segments, shardStart: plan.layout.shard(of: rank).lowerBound, weights: memory.weights.rows(0..<count),
      deviations: memory.deviations.rows(0..<count))
  }
}
