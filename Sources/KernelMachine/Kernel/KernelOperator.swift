import LinearAlgebra
import Runtime

/// The kernel matrix k(X, X) of all ranks together: symmetric, each pair of row blocks on one rank, in tiles that are a
/// constant and the deviation from it (docs/method.md).
///
/// K = E + sum over classes of c_ab 1 1^T. E is held in T, half of it, and read once a product: every tile serves in both
/// directions. Tiles that do not fit the budget are recomputed for each product. The constants act through the class sums of
/// the vector, in double precision.
public final class KernelOperator<T: Real>: RowsWork {
  public let rows: Rows<T>
  public let builder: TileBuilder<T>
  let schedule: PairSchedule
  /// In the order in which the blocks come round the ring, this rank's own first.
  var blocks: [PairBlock<T>] = []
  private(set) var workspace: ProductWorkspace
  /// Stored tiles by their place, and those that have factors.
  private var stored: [TilePlace: MatrixView<T>] = [:]
  private var factors: [TilePlace: LowRankApproximation<T>] = [:]
  /// What was gained by factors, and what they lose.
  var compression = CompressionLog()
  /// Those that other ranks hold, while the AGOP is made.
  private var remote: RemoteTiles<T>?
  /// Blocks of X that have to come by in each product, since some rank makes tiles of them again.
  private(set) var circulating = 0
  /// The same for a product as exact as the rows, which makes tiles that have factors anew too.
  private(set) var circulatingExactly = 0
  /// Whether the gradient's weights can come from tiles.
  let keepsDigits: Bool
  /// Breaks tiles off, being made or multiplied: the caller then asks the ranks whether it was set, and uses no result.
  var stop: StopSwitch?

  /// *Collective.* Sends the blocks of X round the ring and builds this rank's tiles.
  /// - Parameters:
  ///   - tileBudget: bytes for stored tiles on this rank.
  ///   - compression: when a tile becomes two thin factors; nil: never.
  ///   - stop: breaks the building off; the operator must not be used then.
  ///   - progress: called with the finished share, 0 to 1.
  @specialized(where T == Float)
  @specialized(where T == Double)
  public init(
    _ kernel: Kernel, _ rows: Rows<T>, tileBudget: Int = .max, compression: TileCompression? = nil,
    stop: StopSwitch? = nil, progress: (Double) -> Void = { _ in }
  ) throws {
    self.rows = rows
    schedule = PairSchedule(rank: rows.context.world.rank, ranks: rows.context.world.size)
    builder = TileBuilder(kernel: kernel, rows)
    keepsDigits = kernel.keepsDigits(norm: try rows.largestNorm())
    workspace = ProductWorkspace([PairBlock<T>](), holders: 0, workers: 1)
    blocks = (0..<schedule.steps).map { PairBlock(of: world.rank, with: (world.rank + $0) % world.size, layout) }
    var left = tileBudget
    if let compression { left -= try compress(by: compression, within: tileBudget, stop) }
    store(within: left)
    workspace = ProductWorkspace(blocks, holders: schedule.holders.count, workers: pool.count)
    for block in blocks {
      for tile in block.tiles {
        if let factors = tile.lowRank { self.factors[TilePlace(tile.rows, of: block.other, tile.columns)] = factors }
        guard let dense = tile.dense else { continue }
        tile.forEachPart(dense) { stored[TilePlace($0, of: block.other, $1)] = $2 }
      }
    }
    circulating = try steps { !$0.storesAll }
    circulatingExactly = max(circulating, try steps(\.hasFactors))
    var step = 0
    try rows.forEachBlock(steps: schedule.steps) { _, block in
      build(blocks[step], block, stop)
      step += 1
      progress(Double(step) / Double(schedule.steps))
    }
  }

  /// *Collective.* Blocks that have to come by until all ranks have had the last one for which this holds.
  private func steps(_ isWanted: (PairBlock<T>) -> Bool) throws -> Int {
    let last = blocks.lastIndex(where: isWanted)
    return try communicating { try world.maximum(last.map { $0 + 1 } ?? 0) }
  }

  /// The farthest blocks' tiles are stored first: making the own block's again costs no message.
  private func store(within budget: Int) {
    var left = budget
    for step in blocks.indices.reversed() {
      let before = blocks[step].storedBytes
      blocks[step].store(within: left)
      left -= blocks[step].storedBytes - before
    }
  }

  private func build(_ pair: PairBlock<T>, _ block: Rows<T>, _ stop: StopSwitch?) {
    let (rows, builder, tiles, pool) = (self.rows, self.builder, pair.tiles, self.pool)
    // Small tiles keep BLAS from its best, but of large squares the inner products leave the cache before they are kernel values: long rows
    // are worth it (d = 3,072: from 82 to 87 % of the rate of matrix products; 512: from 84 to 80). And all workers should end together.
    let most = rows.width < 1024 ? layout.tileRows : 2 * layout.tileRows
    let limit = min(most, max(256, Int(Double(rows.rowCount) / (4 * Double(pool.count).squareRoot()))))
    let squares = pair.squares(limit: limit)
    let scratch = (0..<pool.count).map { _ in Matrix<T>(uninitialisedRows: limit, columns: limit) }
    pool.forEachWhenFree(0..<squares.count) { index, worker in
      let square = squares[index].map { tiles[$0] }
      let (height, width) = (square.map(\.rows.rows).hull, square.map(\.columns.rows).hull)
      guard stop?.isRequested != true else { return }
      var products: MatrixView<T>?
      if square.count > 1 {
        let all = scratch[worker].reshaped(rows: height.count, columns: width.count)
        LinearAlgebra.multiply(rows.deviations.rows(height), block.deviations.rows(width), transposeB: true, into: all)
        products = all
      }
      for tile in square {
        guard let memory = tile.dense else { continue }
        let part = products?.rows(tile.rows.rows.shifted(by: -height.lowerBound))
          .columns(tile.columns.rows.shifted(by: -width.lowerBound))
        tile.build(in: memory, builder, rows, block, from: part, worker: worker)
        pool.breathe(worker)
      }
    }
  }

  /// *Collective.* Each rank begins to send its tiles to those whose rows they are of too, for `fillWeights`; `finishTileExchange` or
  /// `cancelTileExchange` has to follow. Only tiles that are stored whole are sent, and none where no weight could come from a tile.
  /// - Parameter limit: bytes of what this rank borrows.
  @specialized(where T == Float)
  @specialized(where T == Double)
  public func beginTileExchange(limit: Int) throws {
    guard keepsDigits else { return }
    remote = try RemoteTiles(sending: blocks, limit: limit, schedule, rows)
  }

  /// *Local, blocking.* Returns when what is remote of a rank is here.
  public func waitForTiles(of other: Int) throws { try remote?.wait(for: other) }

  /// *Collective, blocking.* Gives back what was remote.
  public func finishTileExchange() throws {
    try remote?.finish()
    remote = nil
  }

  /// *Local.* The same before the program ends in an error.
  func cancelTileExchange() { remote?.cancel() }

  /// *Local.* The gradient's weights between an own segment and one of a rank's, from the tile of the kernel; false, and `out` is as it
  /// was, if it is not here. For kernels that keep their digits as deviations.
  @specialized(where T == Float)
  @specialized(where T == Double)
  public func fillWeights(
    _ row: Segment, _ block: Rows<T>, of other: Int, _ column: Segment, into out: MatrixView<T>, worker: Int
  ) -> Bool {
    if let tile = stored[TilePlace(row, of: other, column)] {
      builder.weights(fromDeviations: tile, rows, row, block, column, into: out)
      return true
    }
    let held = other == world.rank ? stored : remote?.tiles
    if let tile = held?[TilePlace(column, of: other, row)] {
      builder.weights(fromTransposed: tile, rows, row, block, column, into: out, worker: worker)
      return true
    }
    if let tile = factors[TilePlace(row, of: other, column)] {
      builder.weights(
        from: (tile.left, tile.right), transposed: false, rows, row, block, column, into: out, worker: worker)
      return true
    }
    guard other == world.rank, let tile = factors[TilePlace(column, of: other, row)] else { return false }
    builder.weights(
      from: (tile.right, tile.left), transposed: true, rows, row, block, column, into: out, worker: worker)
    return true
  }

  /// *Local.* All tiles that this rank works on, each once, pair by pair of segments, and the rank of their columns, as exact as the rows. For checks on one rank: a
  /// tile that is not stored whole is nil on others.
  @specialized(where T == Float)
  @specialized(where T == Double)
  public func forEachTile(_ body: (_ otherRank: Int, _ tile: KernelTile<T>, _ deviation: MatrixView<T>?) -> Void) {
    let scratch = Matrix<T>(uninitialisedRows: layout.tileRows, columns: paddedForProduct(layout.tileRows))
    for block in blocks {
      for tile in block.tiles {
        if tile.dense == nil && block.other == world.rank {
          tile.build(in: tile.view(of: scratch), builder, rows, rows, worker: 0)
        }
        let isHere = tile.dense != nil || block.other == world.rank
        tile.forEachPart(tile.dense ?? tile.view(of: scratch)) { row, column, part in
          body(block.other, KernelTile(row, column, isDiagonal: tile.isDiagonal), isHere ? part : nil)
        }
      }
    }
  }

  /// *Local.* Gives back what products need beside the tiles; the next one takes it again.
  public func releaseWorkspace() {
    workspace = ProductWorkspace(blocks, holders: schedule.holders.count, workers: pool.count)
  }

  /// Whether no tile, on any rank, is made anew for each product.
  public var storesAll: Bool { circulating == 0 }

  /// Bytes of the tiles that this rank stores.
  public var storedBytes: Int { blocks.reduce(0) { $0 + $1.storedBytes } }

  /// *Collective.* How much of all ranks' tiles has factors.
  public func compressionOfAll() throws -> Compression {
    try Compression(
      of: compression,
      elements: blocks.reduce(0) { $0 + $1.tiles.reduce(0) { $0 + $1.rows.rows.count * $1.columns.rows.count } },
      context)
  }

  /// *Collective.* Bytes of all ranks' tiles that are stored, and of all of them were they stored whole.
  public func bytesOfAll() throws -> (stored: Double, whole: Double) {
    let sums = Matrix<Double>(rows: 1, columns: 2, [Double(storedBytes), Double(wholeBytes)])
    try sum(sums.buffer)
    return (sums[0, 0], sums[0, 1])
  }

  /// Bytes of this rank's tiles, were all of them stored whole.
  public var wholeBytes: Int { blocks.reduce(0) { $0 + $1.bytes } }

  /// Stored bytes beside those of all of this rank's tiles.
  public var storedShare: Double { wholeBytes == 0 ? 1 : Double(storedBytes) / Double(wholeBytes) }
}

/// Where a tile lies: the first row of a segment of the rank that holds it, and of one of `other`'s; of a remote tile `other` is the holder.
struct TilePlace: Hashable {
  let row, other, column: Int

  init(_ row: Segment, of other: Int, _ column: Segment) {
    self.row = row.rows.lowerBound
    self.other = other
    self.column = column.rows.lowerBound
  }
}

extension Rows {
  /// *Local.* Multiplies each row of a matrix with its centre's factor. - Parameter v: (own rows x columns).
  func scale(_ v: Matrix<Double>, by factors: [Double]) {
    context.pool.forEach(0..<segments.count) { [segments] index, _ in
      for i in segments[index].rows {
        let (row, factor) = (v.pointer + i * v.columns, factors[segments[index].centre])
        for k in 0..<v.columns { row[k] *= factor }
      }
    }
  }

  /// *Local.* The same in memory of its own.
  func scaled(_ v: Matrix<Double>, by factors: [Double]) -> Matrix<Double> {
    let copy = v.copy()
    scale(copy, by: factors)
    return copy
  }

  /// *Collective.* The largest norm of a row, centre and all, over all ranks.
  func largestNorm() throws -> Double {
    var most = 0.0
    for segment in segments {
      let square = centres.row(segment.centre).reduce(0) { $0 + $1 * $1 }
      for i in segment.rows { most = max(most, square + 2 * innerProduct(i, with: segment.centre) + squaredNorm(i)) }
    }
    return try context.communicating { try context.world.maximum(most) }.squareRoot()
  }

  /// *Collective.* Sums of a matrix's rows by centre, over all ranks; (centres x columns). - Parameter v: (own rows x columns).
  func sumByCentre(_ v: Matrix<Double>) throws -> Matrix<Double> {
    let (pool, segments) = (context.pool, self.segments)
    let parts = (0..<pool.count).map { _ in Matrix<Double>(rows: centres.rows, columns: v.columns) }
    pool.forEach(0..<segments.count) { index, worker in
      let sums = parts[worker].row(segments[index].centre)
      for i in segments[index].rows {
        let row = v.pointer + i * v.columns
        for k in 0..<v.columns { sums[k] += row[k] }
      }
    }
    let sums = parts[0]
    for part in parts.dropFirst() { for k in 0..<sums.count { sums.pointer[k] += part.pointer[k] } }
    try context.communicating { try context.world.sum(sums.buffer) }
    return sums
  }
}
