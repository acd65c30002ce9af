import LinearAlgebra
import MPI
import Runtime

/// The tiles of this rank's rows that its servants hold, on their way here.
///
/// Of each pair of row blocks one rank holds the tiles; a product serves both, but the AGOP wants their entries on both. Sending
/// an entry costs the bytes of a number, making it 2 d operations. All messages are posted before the work on the own tiles
/// begins, and a servant's are waited for when its block of X comes by, in the second half of the circle.
final class BorrowedTiles<T: Real> {
  private let world: Communicator
  private let timer: PhaseTimer
  private let messages = RequestGroup()
  /// Messages by servant.
  private var arriving: [Int: Int] = [:]
  private var blocks: [PairBlock<T>] = []
  /// Servants' tiles by their place on the servant.
  private(set) var tiles: [TilePlace: MatrixView<T>] = [:]

  /// *Collective.*
  /// - Parameters:
  ///   - held: this rank's blocks, all tiles stored.
  ///   - share: of each pair of blocks the first tiles, 0 to 1; the same on all ranks.
  init(
    lending held: [PairBlock<T>], share: Double, _ schedule: PairSchedule, _ layout: Layout, _ world: Communicator,
    _ timer: PhaseTimer
  ) throws {
    self.world = world
    self.timer = timer
    do {
      for servant in schedule.servants { try borrow(share, from: servant, layout) }
      for block in held where block.other != world.rank {
        let count = block.first(within: Self.bytes(share, of: block)).elements
        guard count > 0 else { continue }
        let sent = UnsafeBufferPointer(start: block.storage.pointer, count: count)
        messages.add(try world.startSend(sent, to: block.other, tag: MessageTag.tiles.rawValue))
      }
    } catch {
      messages.abandonAll()
      throw error
    }
  }

  private static func bytes(_ share: Double, of block: PairBlock<T>) -> Int { Int(share * Double(block.bytes)) }

  private func borrow(_ share: Double, from servant: Int, _ layout: Layout) throws {
    var block = PairBlock<T>(of: servant, with: world.rank, layout)
    block.store(within: Self.bytes(share, of: block))
    guard block.storedBytes > 0 else { return }
    for tile in block.tiles {
      // The servant's rows, this rank's columns.
      tiles[TilePlace(tile.rows, of: servant, tile.columns)] = tile.stored
    }
    arriving[servant] = messages.add(
      try world.startReceive(block.storage.buffer, from: servant, tag: MessageTag.tiles.rawValue))
    blocks.append(block)
  }

  /// *Local, blocking.* Returns when a servant's tiles are here; at once for any other rank.
  func wait(for servant: Int) throws {
    guard let message = arriving[servant] else { return }
    try timer.measure(.communication) { try messages.wait(message) }
  }

  /// *Local, blocking.* Returns when the messages are through, sent ones too: before the tiles go.
  func finish() throws { try timer.measure(.communication) { try messages.waitAll() } }

  /// *Local.* Before the program ends in an error.
  func abandon() { messages.abandonAll() }
}
