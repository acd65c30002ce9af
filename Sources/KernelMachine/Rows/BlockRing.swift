import LinearAlgebra
import MPI
import Runtime

extension Rows {
  /// *Collective.* The ranks in a circle, each shard of X passed on while the last one is worked on: no rank ever holds all of X. Calls
  /// `body` with the blocks of rank p, p + 1, ..., p + steps - 1 around the circle, on rank p, whose own rows these are.
  func forEachBlock(steps: Int, _ body: (_ owner: Int, _ block: Rows<T>) throws -> Void) throws {
    let world = context.world
    var spare: [(rows: Matrix<T>, terms: Matrix<Double>)] = []
    var block = self
    for step in 0..<max(0, steps) {
      let owner = (world.rank + step) % world.size
      guard step + 1 < steps else { return try body(owner, block) }
      let next = (owner + 1) % world.size
      let incoming =
        spare.popLast()
        ?? (
          Matrix<T>(uninitialisedRows: layout.largestShard, columns: width),
          Matrix<Double>(uninitialisedRows: layout.largestShard, columns: terms.columns)
        )
      let count = layout.shard(of: next).count
      let messages = context.makeRequests()
      do {
        try exchange(incoming.rows, count, block.storage, block.rowCount, .block, messages)
        try exchange(incoming.terms, count, block.terms, block.rowCount, .blockTerms, messages)
        try body(owner, block)
        try context.communicating { try messages.waitAll() }
      } catch {
        messages.cancelAll()
        throw error
      }
      if step > 0 { spare.append((block.storage, block.terms)) }
      block = Rows(
        incoming.rows, rowCount: count, centres: centres, segments: layout.segments(of: next), terms: incoming.terms,
        layout: layout, context: context, start: layout.shard(of: next).lowerBound)
    }
  }

  /// Starts to receive some rows from the next rank and to send some to the one before.
  private func exchange<E: MPIElement>(
    _ incoming: Matrix<E>, _ rows: Int, _ outgoing: Matrix<E>, _ sent: Int, _ tag: MessageTag, _ messages: RequestGroup
  ) throws {
    let world = context.world
    let (before, after) = ((world.rank + world.size - 1) % world.size, (world.rank + 1) % world.size)
    messages.add(
      try world.startReceive(
        UnsafeMutableBufferPointer(start: incoming.pointer, count: rows * incoming.columns), from: after,
        tag: tag.rawValue))
    messages.add(
      try world.startSend(
        UnsafeBufferPointer(start: outgoing.pointer, count: sent * outgoing.columns), to: before, tag: tag.rawValue))
  }
}
