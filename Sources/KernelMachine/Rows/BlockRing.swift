import LinearAlgebra
import MPI
import Runtime

/// The ranks in a circle, each shard of X passed on while the last one is worked on: no rank ever holds all of X.
struct BlockRing<T: Real> {
  let world: Communicator
  let layout: Layout
  let timer: PhaseTimer

  /// Keeps a message under way between two pieces of work; call it from the thread that speaks MPI.
  typealias Poke = () -> Void

  /// *Collective.* Calls `body` with the blocks of rank p, p + 1, ..., p + steps - 1 around the circle, on rank p.
  func forEachBlock(
    startingWith own: CentredRows<T>, steps: Int,
    _ body: (_ owner: Int, _ block: CentredRows<T>, _ poke: @escaping Poke) throws -> Void
  ) throws {
    guard steps > 0 else { return }
    var spare: [(rows: Matrix<T>, terms: Matrix<Double>)] = []
    var block = own
    for step in 0..<steps {
      let owner = (world.rank + step) % world.size
      guard step + 1 < steps else { return try body(owner, block, {}) }
      let next = (owner + 1) % world.size
      let incoming =
        spare.popLast()
        ?? (
          Matrix<T>(uninitialisedRows: layout.largestShard, columns: own.width),
          Matrix<Double>(uninitialisedRows: layout.largestShard, columns: own.terms.columns)
        )
      let rows = layout.shard(of: next).count
      let messages = RequestGroup()
      do {
        try exchange(incoming.rows, rows, block.storage, block.rowCount, tag: .block, messages)
        try exchange(incoming.terms, rows, block.terms, block.rowCount, tag: .blockTerms, messages)
        // A failure to make progress comes to light in waitAll.
        try body(owner, block, { _ = try? messages.poke() })
        try timer.measure(.communication) { try messages.waitAll() }
      } catch {
        messages.abandonAll()
        throw error
      }
      if step > 0 { spare.append((block.storage, block.terms)) }
      block = CentredRows(
        incoming.rows, rowCount: rows, centres: own.centres, segments: layout.segments(of: next), terms: incoming.terms)
    }
  }

  /// Starts to receive some rows from the next rank and to send some to the one before.
  private func exchange<E>(
    _ incoming: Matrix<E>, _ rows: Int, _ outgoing: Matrix<E>, _ sent: Int, tag: MessageTag, _ messages: RequestGroup
  ) throws where E: MPIElement {
    let (before, after) = ((world.rank + world.size - 1) % world.size, (world.rank + 1) % world.size)
    messages.add(
      try world.startReceive(
        UnsafeMutableBufferPointer(start: incoming.pointer, count: rows * incoming.columns), from: after, tag: tag.rawValue))
    messages.add(
      try world.startSend(
        UnsafeBufferPointer(start: outgoing.pointer, count: sent * outgoing.columns), to: before, tag: tag.rawValue))
  }
}
