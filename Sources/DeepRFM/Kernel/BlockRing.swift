import LinearAlgebra
import MPI

/// The ranks in a circle, each shard of X passed on while the last one is worked on: no rank ever holds all of X.
struct BlockRing<T: Real> {
  let world: Communicator
  let layout: Layout
  let team: ThreadTeam
  let timer: PhaseTimer

  /// Keeps a message under way between two pieces of work; call it from the thread that speaks MPI.
  typealias Poke = () -> Void

  /// *Collective.* Calls `body` with the blocks of rank p, p + 1, ..., p + steps - 1 around the circle, on rank p.
  func forEachBlock(
    startingWith own: CentredRows<T>, steps: Int,
    _ body: (_ owner: Int, _ block: CentredRows<T>, _ poke: @escaping Poke) throws -> Void
  ) throws {
    guard steps > 0 else { return }
    let (before, after) = ((world.rank + world.size - 1) % world.size, (world.rank + 1) % world.size)
    var spare: [Matrix<T>] = []
    var block = own
    for step in 0..<steps {
      let owner = (world.rank + step) % world.size
      guard step + 1 < steps else { return try body(owner, block, {}) }
      let next = (owner + 1) % world.size
      let incoming =
        spare.popLast() ?? Matrix<T>(uninitialisedRows: layout.largestShard, columns: own.width)
      let rows = layout.shard(of: next).count
      let messages = RequestGroup()
      do {
        messages.add(
          try world.startReceive(
            UnsafeMutableBufferPointer(start: incoming.pointer, count: rows * own.width), from: after, tag: 1))
        messages.add(
          try world.startSend(
            UnsafeBufferPointer(start: block.deviations.pointer, count: block.rowCount * own.width), to: before,
            tag: 1))
        // A failure to make progress comes to light in waitAll.
        try body(owner, block, { _ = try? messages.poke() })
        try timer.measure(.communication) { try messages.waitAll() }
      } catch {
        messages.abandonAll()
        throw error
      }
      if step > 0 { spare.append(block.storage) }
      block = CentredRows(
        incoming, rowCount: rows, centres: own.centres, segments: layout.segments(of: next), team: team)
    }
  }
}
