import LinearAlgebra
import MPI
import Runtime

/// The tiles of this rank's rows that its holders hold, on their way here.
///
/// Of each pair of row blocks one rank holds the tiles; a product serves both, but the AGOP wants their entries on both. Sending
/// an entry costs the bytes of a number, making it 2 d operations. All messages are posted before the work on the own tiles
/// begins, and a holder's are waited for when its block of X comes by, in the second half of the circle. What a holder stores as
/// two factors, or not at all, is not sent.
final class RemoteTiles<T: Real>: RowsWork {
  let rows: Rows<T>
  private let messages: RequestGroup
  /// Messages by holder.
  private var arriving: [Int: Int] = [:]
  private var blocks: [PairBlock<T>] = []
  /// Servants' tiles by their place on the holder.
  private(set) var tiles: [TilePlace: MatrixView<T>] = [:]

  /// *Collective.*
  /// - Parameters:
  ///   - held: this rank's blocks. Tiles that are factors, or not stored, stay where they are: each is made from the rows.
  ///   - limit: bytes of what this rank borrows.
  init(sending held: [PairBlock<T>], limit: Int, _ schedule: PairSchedule, _ rows: Rows<T>) throws {
    self.rows = rows
    messages = rows.context.makeRequests()
    do {
      let elsewhere = try askHolders(of: schedule, held)
      let wanted = elsewhere.reduce(0) { $0 + $1.storedBytes }
      let own = wanted == 0 ? 1 : min(1, Double(limit) / Double(wanted))
      // Of each pair of blocks the first tiles, the same share on all ranks: sender and receiver count alike.
      let share = try communicating { try world.minimum(own) }
      for block in elsewhere { try receive(share, block) }
      for block in held where block.other != world.rank {
        let count = block.first(within: Self.bytes(share, of: block.denseBytes)).elements
        guard count > 0 else { continue }
        let sent = UnsafeBufferPointer(start: block.storage.pointer, count: count)
        messages.add(try world.startSend(sent, to: block.other, tag: MessageTag.tiles.rawValue))
      }
    } catch {
      messages.cancelAll()
      throw error
    }
  }

  private static func bytes(_ share: Double, of bytes: Int) -> Int { Int(share * Double(bytes)) }

  /// A block of this rank's rows on the rank that holds it.
  private struct HeldElsewhere {
    let holder: Int
    let block: PairBlock<T>
    /// 1 for each tile that the holder stores whole, 0 for others.
    let flags: Matrix<Double>

    func isStored(_ tile: Int) -> Bool { flags[0, tile] != 0 }

    var storedBytes: Int {
      block.tiles.indices.reduce(0) { $0 + (isStored($1) ? block.tiles[$1].elements : 0) } * MemoryLayout<T>.stride
    }
  }

  /// *Collective.* What the holders store whole of this rank's rows.
  private func askHolders(of schedule: PairSchedule, _ held: [PairBlock<T>]) throws -> [HeldElsewhere] {
    let told = held.filter { $0.other != world.rank }.map { block in
      (
        other: block.other,
        flags: Matrix<Double>(rows: 1, columns: block.tiles.count, block.tiles.map { $0.dense == nil ? 0.0 : 1.0 })
      )
    }
    let asked = schedule.holders.map { holder in
      let block = PairBlock<T>(of: holder, with: world.rank, layout)
      return HeldElsewhere(
        holder: holder, block: block, flags: Matrix<Double>(rows: 1, columns: block.tiles.count))
    }
    let tag = MessageTag.storedTiles.rawValue
    let requests = context.makeRequests()
    do {
      for one in asked where one.flags.count > 0 {
        requests.add(try world.startReceive(one.flags.buffer, from: one.holder, tag: tag))
      }
      for one in told where one.flags.count > 0 {
        requests.add(try world.startSend(UnsafeBufferPointer(one.flags.buffer), to: one.other, tag: tag))
      }
      try communicating { try requests.waitAll() }
    } catch {
      requests.cancelAll()
      throw error
    }
    return withExtendedLifetime(told) { asked }
  }

  private func receive(_ share: Double, _ one: HeldElsewhere) throws {
    var block = one.block
    block.store(within: Self.bytes(share, of: one.storedBytes), where: one.isStored)
    guard block.storedBytes > 0 else { return }
    for tile in block.tiles {
      // The holder's rows, this rank's columns.
      guard let dense = tile.dense else { continue }
      tile.forEachPart(dense) { tiles[TilePlace($0, of: one.holder, $1)] = $2 }
    }
    arriving[one.holder] = messages.add(
      try world.startReceive(block.storage.buffer, from: one.holder, tag: MessageTag.tiles.rawValue))
    blocks.append(block)
  }

  /// *Local, blocking.* Returns when a holder's tiles are here; at once for any other rank.
  func wait(for holder: Int) throws {
    guard let message = arriving[holder] else { return }
    try communicating { try messages.wait(message) }
  }

  /// *Local, blocking.* Returns when the messages are through, sent ones too: before the tiles go.
  func finish() throws { try communicating { try messages.waitAll() } }

  /// *Local.* Before the program ends in an error.
  func cancel() { messages.cancelAll() }
}
