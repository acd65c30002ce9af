import LinearAlgebra
import MPI
import Runtime

/// The tiles of this rank's rows that its holders hold, on their way here.
///
/// Of each pair of row blocks one rank holds the tiles; a product serves both, but the AGOP wants their entries on both. Sending
/// an entry costs the bytes of a number, making it 2 d operations. All messages are posted before the work on the own tiles
/// begins, and a holder's are waited for when its block of X comes by, in the second half of the circle.
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
  ///   - held: this rank's blocks, all tiles stored.
  ///   - share: of each pair of blocks the first tiles, 0 to 1; the same on all ranks.
  init(sending held: [PairBlock<T>], share: Double, _ schedule: PairSchedule, _ rows: Rows<T>) throws {
    self.rows = rows
    messages = rows.context.makeRequests()
    do {
      for holder in schedule.holders { try receive(share, from: holder) }
      for block in held where block.other != world.rank {
        let count = block.first(within: Self.bytes(share, of: block)).elements
        guard count > 0 else { continue }
        let sent = UnsafeBufferPointer(start: block.storage.pointer, count: count)
        messages.add(try world.startSend(sent, to: block.other, tag: MessageTag.tiles.rawValue))
      }
    } catch {
      messages.cancelAll()
      throw error
    }
  }

  /// Bytes of all tiles of this rank's rows that other ranks hold.
  static func bytes(_ schedule: PairSchedule, _ layout: Layout) -> Int {
    schedule.remoteElements(layout) * MemoryLayout<T>.stride
  }

  private static func bytes(_ share: Double, of block: PairBlock<T>) -> Int { Int(share * Double(block.bytes)) }

  private func receive(_ share: Double, from holder: Int) throws {
    var block = PairBlock<T>(of: holder, with: world.rank, layout)
    block.store(within: Self.bytes(share, of: block))
    guard block.storedBytes > 0 else { return }
    for tile in block.tiles {
      // The holder's rows, this rank's columns.
      guard let dense = tile.dense else { continue }
      tile.forEachPart(dense) { tiles[TilePlace($0, of: holder, $1)] = $2 }
    }
    arriving[holder] = messages.add(
      try world.startReceive(block.storage.buffer, from: holder, tag: MessageTag.tiles.rawValue))
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
