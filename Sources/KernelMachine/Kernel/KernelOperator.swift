import LinearAlgebra
import MPI
import Runtime

/// The kernel matrix k(X, X) of all ranks together: symmetric, each pair of row blocks on one rank, in tiles that are a
/// constant and the deviation from it (docs/method.md).
///
/// K = E + sum over classes of c_ab 1 1^T. E is held in T, half of it, and read once a product: every tile serves in both
/// directions. Tiles that do not fit the budget are made again for each product. The constants act through the class sums of
/// the vector, in double precision.
public final class KernelOperator<T: Real> {
  public let rows: CentredRows<T>
  public let layout: Layout
  let world: Communicator
  let team: ThreadTeam
  let timer: PhaseTimer
  public let builder: TileBuilder<T>
  let schedule: PairSchedule
  /// In the order in which the blocks come round the ring, this rank's own first.
  private(set) var blocks: [PairBlock<T>] = []
  /// Stored tiles by their place.
  private var stored: [TilePlace: MatrixView<T>] = [:]
  /// Those that other ranks hold, while the AGOP is made.
  private var borrowed: BorrowedTiles<T>?
  /// Blocks of X that have to come by in each product, since some rank makes tiles of them again.
  private(set) var circulating = 0
  /// Breaks tiles off, being made or multiplied: the caller then asks the ranks whether it was set, and uses no result.
  public var stop: StopSwitch?
  var ring: BlockRing<T> { BlockRing(world: world, layout: layout, timer: timer) }

  /// *Collective.* Sends the blocks of X round the ring and builds this rank's tiles.
  /// - Parameters:
  ///   - tileBudget: bytes for stored tiles on this rank.
  ///   - stop: breaks the building off; the operator must not be used then.
  ///   - progress: called with the finished share, 0 to 1.
  public init(
    _ kernel: Kernel, rows: CentredRows<T>, layout: Layout, world: Communicator, team: ThreadTeam,
    timer: PhaseTimer, tileBudget: Int = .max, stop: StopSwitch? = nil, progress: (Double) -> Void = { _ in }
  ) throws {
    self.rows = rows
    self.stop = stop
    self.layout = layout
    self.world = world
    self.team = team
    self.timer = timer
    schedule = PairSchedule(rank: world.rank, ranks: world.size)
    builder = TileBuilder(kernel: kernel, centres: rows.centres, tileRows: layout.tileRows, lanes: team.count)
    blocks = makeBlocks(tileBudget)
    for block in blocks {
      for tile in block.tiles { stored[TilePlace(tile.rows, of: block.other, tile.columns)] = tile.stored }
    }
    let incomplete = blocks.lastIndex { !$0.storesAll }
    circulating = try timer.measure(.communication) { try world.maximum(incomplete.map { $0 + 1 } ?? 0) }
    var step = 0
    try ring.forEachBlock(startingWith: rows, steps: schedule.steps) { _, block, poke in
      build(blocks[step], block, poke)
      step += 1
      progress(Double(step) / Double(schedule.steps))
    }
  }

  /// The farthest blocks' tiles are stored first: making the own block's again costs no message.
  private func makeBlocks(_ tileBudget: Int) -> [PairBlock<T>] {
    var left = tileBudget
    let farthestFirst = (0..<schedule.steps).reversed().map { step in
      let other = (world.rank + step) % world.size
      var block = PairBlock<T>(of: world.rank, with: other, layout)
      block.store(within: left)
      left -= block.storedBytes
      return block
    }
    return farthestFirst.reversed()
  }

  private func build(_ pair: PairBlock<T>, _ block: CentredRows<T>, _ poke: @escaping () -> Void) {
    let (rows, builder, tiles, stop) = (self.rows, self.builder, pair.tiles, self.stop)
    let pokeFromMain = MainLane(poke)
    // Small tiles keep BLAS from its best, but of large squares the inner products leave the cache before they are kernel values: long rows
    // are worth it (d = 3,072: from 82 to 87 % of the rate of matrix products; 512: from 84 to 80). And all lanes should end together.
    let most = rows.width < 1024 ? layout.tileRows : 2 * layout.tileRows
    let limit = min(most, max(256, Int(Double(rows.rowCount) / (4 * Double(team.count).squareRoot()))))
    let squares = pair.squares(limit: limit)
    let scratch = (0..<team.count).map { _ in Matrix<T>(uninitialisedRows: limit, columns: limit) }
    team.forEachWhenFree(0..<squares.count) { index, lane in
      let square = squares[index].map { tiles[$0] }
      let (height, width) = (square.map(\.rows.rows).hull, square.map(\.columns.rows).hull)
      guard stop?.isRequested != true else { return }
      var products: MatrixView<T>?
      if square.count > 1 {
        let all = scratch[lane].reshaped(rows: height.count, columns: width.count)
        LinearAlgebra.multiply(rows.deviations.rows(height), block.deviations.rows(width), transposeB: true, into: all)
        products = all
      }
      for tile in square {
        guard let memory = tile.stored else { continue }
        let part = products?.rows(tile.rows.rows.shifted(by: -height.lowerBound))
          .columns(tile.columns.rows.shifted(by: -width.lowerBound))
        tile.build(in: memory, builder, rows, block, from: part, lane: lane)
        pokeFromMain(lane)
      }
    }
  }

  /// *Collective.* Each rank begins to send its tiles to those whose rows they are of too, for `fillWeights`; `finishLending` or
  /// `abandonLending` has to follow. Nothing is sent where no weight could come from a tile, or some rank makes tiles again.
  /// - Parameter limit: bytes of what this rank borrows.
  public func lendTiles(limit: Int) throws {
    guard builder.kernel.keepsDigits else { return }
    let wanted = Double(schedule.borrowedElements(layout) * MemoryLayout<T>.stride)
    let share = blocks.allSatisfy(\.storesAll) ? min(1, Double(limit) / max(1, wanted)) : 0
    let agreed = try timer.measure(.communication) { try world.minimum(share) }
    borrowed = try BorrowedTiles(lending: blocks, share: agreed, schedule, layout, world, timer)
  }

  /// *Local, blocking.* Returns when what is borrowed of a rank is here.
  public func waitForTiles(of other: Int) throws { try borrowed?.wait(for: other) }

  /// *Collective, blocking.* Gives back what was borrowed.
  public func finishLending() throws {
    try borrowed?.finish()
    borrowed = nil
  }

  /// *Local.* The same before the program ends in an error.
  func abandonLending() { borrowed?.abandon() }

  /// *Local.* The gradient's weights between an own segment and one of a rank's, from the tile of the kernel; false, and `out` is as it
  /// was, if it is not here. For kernels that keep their digits as deviations.
  public func fillWeights(
    _ row: Segment, _ block: CentredRows<T>, of other: Int, _ column: Segment, into out: MatrixView<T>, lane: Int
  ) -> Bool {
    if let tile = stored[TilePlace(row, of: other, column)] {
      builder.weights(fromDeviations: tile, rows, row, block, column, into: out)
      return true
    }
    let held = other == world.rank ? stored : borrowed?.tiles
    guard let tile = held?[TilePlace(column, of: other, row)] else { return false }
    builder.weights(fromTransposed: tile, rows, row, block, column, into: out, lane: lane)
    return true
  }

  /// *Local.* All tiles that this rank works on, each once, and the rank of their columns. For checks on one rank: a tile
  /// that is not stored is nil on others.
  public func forEachTile(_ body: (_ otherRank: Int, _ tile: KernelTile<T>, _ deviation: MatrixView<T>?) -> Void) {
    let scratch = Matrix<T>(uninitialisedRows: layout.tileRows, columns: paddedForProduct(layout.tileRows))
    for block in blocks {
      for tile in block.tiles {
        if tile.stored == nil && block.other == world.rank {
          tile.build(in: tile.view(of: scratch), builder, rows, rows, lane: 0)
          body(block.other, tile, tile.view(of: scratch))
        } else {
          body(block.other, tile, tile.stored)
        }
      }
    }
  }

  /// Bytes of the tiles that this rank stores.
  public var storedBytes: Int { blocks.reduce(0) { $0 + $1.storedBytes } }

  /// Share of this rank's tiles that is stored.
  public var storedShare: Double {
    let elements = blocks.reduce(0) { $0 + $1.tiles.reduce(0) { $0 + $1.elements } }
    return elements == 0 ? 1 : Double(storedBytes / MemoryLayout<T>.stride) / Double(elements)
  }
}

/// Where a tile lies: the first row of a segment of the rank that holds it, and of one of `other`'s; of a borrowed tile `other` is the holder.
struct TilePlace: Hashable {
  let row, other, column: Int

  init(_ row: Segment, of other: Int, _ column: Segment) {
    self.row = row.rows.lowerBound
    self.other = other
    self.column = column.rows.lowerBound
  }
}

/// Calls what speaks MPI from the caller's lane only.
struct MainLane: @unchecked Sendable {
  private let body: () -> Void
  init(_ body: @escaping () -> Void) { self.body = body }
  func callAsFunction(_ lane: Int) { if lane == 0 { body() } }
}

/// *Collective.* Sums of a matrix's rows by class, over all ranks; (classes x columns).
func sumByClass(
  _ v: Matrix<Double>, _ segments: [Segment], _ layout: Layout, _ world: Communicator, _ team: ThreadTeam,
  _ timer: PhaseTimer
) throws -> Matrix<Double> {
  let parts = (0..<team.count).map { _ in Matrix<Double>(rows: layout.classCount, columns: v.columns) }
  team.forEach(0..<segments.count) { index, lane in
    let sums = parts[lane].row(segments[index].centre)
    for i in segments[index].rows {
      let row = v.pointer + i * v.columns
      for k in 0..<v.columns { sums[k] += row[k] }
    }
  }
  let sums = parts[0]
  for part in parts.dropFirst() { for k in 0..<sums.count { sums.pointer[k] += part.pointer[k] } }
  try timer.measure(.communication) { try world.sum(sums.buffer) }
  return sums
}
