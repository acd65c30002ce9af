import LinearAlgebra
import MPI

/// The kernel matrix k(X, X) of all ranks together: symmetric, each pair of row blocks on one rank, in tiles stored as a
/// constant and the deviation from it (NUMERICS, section 4).
///
/// K = E + sum over classes of c_ab 1 1^T. E is stored in T, half of it, and read once a product: every tile serves in both
/// directions. The constants act through the class sums of the vector, in double precision.
public final class KernelOperator<T: Real> {
  public let rows: CentredRows<T>
  public let layout: Layout
  let world: Communicator
  let team: ThreadTeam
  let timer: PhaseTimer
  package let builder: TileBuilder<T>
  let schedule: PairSchedule
  private var blocks: [PairBlock] = []

  /// The tiles held of one pair of row blocks.
  private struct PairBlock {
    let other: Int
    let otherSegments: [Segment]
    /// Rows of the other rank's shard.
    let otherRows: Int
    let tiles: [StoredTile<T>]
  }

  /// *Collective.* Sends the blocks of X round the ring and builds this rank's tiles.
  /// - Parameter progress: called with the finished share, 0 to 1.
  public init(
    _ kernel: Kernel, rows: CentredRows<T>, layout: Layout, world: Communicator, team: ThreadTeam,
    timer: PhaseTimer, progress: (Double) -> Void = { _ in }
  ) throws {
    self.rows = rows
    self.layout = layout
    self.world = world
    self.team = team
    self.timer = timer
    schedule = PairSchedule(rank: world.rank, ranks: world.size)
    builder = TileBuilder(kernel: kernel, centres: rows.centres, tileRows: layout.tileRows, lanes: team.count)
    let ring = BlockRing<T>(world: world, layout: layout, team: team, timer: timer)
    try ring.forEachBlock(startingWith: rows, steps: schedule.steps) { owner, block, poke in
      blocks.append(build(owner, block, poke))
      progress(Double(blocks.count) / Double(schedule.steps))
    }
  }

  private func build(_ owner: Int, _ block: CentredRows<T>, _ poke: @escaping () -> Void) -> PairBlock {
    let own = rows.segments
    let tiles = schedule.tiles(own: own, other: block.segments, otherRank: owner).map {
      StoredTile<T>(own[$0.own], block.segments[$0.other], isDiagonal: owner == world.rank && $0.own == $0.other)
    }
    let (rows, builder) = (self.rows, self.builder)
    let pokeFromMain = MainLane(poke)
    team.forEach(0..<tiles.count) { index, lane in
      let tile = tiles[index]
      builder.build(.kernelDeviation, rows, tile.rows, block, tile.columns, into: tile.deviation, lane: lane)
      tile.clearPadding()
      pokeFromMain(lane)
    }
    return PairBlock(other: owner, otherSegments: block.segments, otherRows: block.rowCount, tiles: tiles)
  }

  /// *Local.* All tiles that this rank holds, each once.
  package func forEachStoredTile(_ body: (_ otherRank: Int, StoredTile<T>) -> Void) {
    for block in blocks { for tile in block.tiles { body(block.other, tile) } }
  }

  /// Bytes of the tiles that this rank holds.
  public var storedBytes: Int {
    blocks.reduce(0) { $0 + $1.tiles.reduce(0) { $0 + $1.bytes } }
  }
}

/// Calls what speaks MPI from the caller's lane only.
struct MainLane: @unchecked Sendable {
  private let body: () -> Void
  init(_ body: @escaping () -> Void) { self.body = body }
  func callAsFunction(_ lane: Int) { if lane == 0 { body() } }
}

// MARK: - Product

extension KernelOperator {
  /// *Collective.* y = K v, for v and y (own rows x columns). The stored deviations are multiplied in precision `V`: T for the
  /// solver's iterations, Double where the true residual is wanted.
  public func apply<V: Real>(_ v: Matrix<Double>, into y: Matrix<Double>, in precision: V.Type) throws {
    precondition(v.rows == rows.rowCount && y.rows == v.rows && y.columns == v.columns)
    let exchange = try VectorExchange<V>(v, operator: self)
    do {
      try applyConstants(v, into: y)
      for block in blocks {
        let vector = try timer.measure(.communication) { try exchange.vector(of: block.other) }
        let (own, other) = multiply(block, exchange.own, vector, exchange.poke)
        add(own, to: y)
        if block.other == world.rank { add(other, to: y) } else { try exchange.send(sum(other), to: block.other) }
      }
      for part in try timer.measure(.communication, { try exchange.finish() }) { add([part], to: y) }
    } catch {
      exchange.abandon()
      throw error
    }
  }

  /// y_i = sum over classes b of c_ab (1^T v_b), a the class of row i.
  private func applyConstants(_ v: Matrix<Double>, into y: Matrix<Double>) throws {
    let sums = try sumByClass(v, rows.segments, layout, world, timer)
    let classes = layout.classCount
    let products = Matrix<Double>(rows: classes, columns: v.columns)
    for a in 0..<classes {
      for b in 0..<classes {
        let c = builder.constant(a, b)
        for k in 0..<v.columns { products[a, k] += c * sums[b, k] }
      }
    }
    for segment in rows.segments {
      for i in segment.rows { _ = y.row(i).update(fromContentsOf: products.row(segment.centre)) }
    }
  }

  /// E v and E^T v of one pair of blocks, as each lane's own sums.
  private func multiply<V: Real>(
    _ block: PairBlock, _ own: Matrix<V>, _ other: Matrix<V>, _ poke: @escaping () -> Void
  ) -> (own: [Matrix<Double>], other: [Matrix<Double>]) {
    let columns = own.columns
    let ownSums = (0..<team.count).map { _ in Matrix<Double>(rows: rows.rowCount, columns: columns) }
    let otherSums = (0..<team.count).map { _ in Matrix<Double>(rows: block.otherRows, columns: columns) }
    let pokeFromMain = MainLane(poke)
    let tileRows = layout.tileRows
    let (lanes, tiles) = (team.count, block.tiles)
    team.run { lane in
      let product = TileProduct<T, V>(tileRows: tileRows, vectors: columns)
      for index in stride(from: lane, to: tiles.count, by: lanes) {
        product.add(tiles[index], own, other, ownSums[lane], otherSums[lane])
        pokeFromMain(lane)
      }
    }
    return (ownSums, otherSums)
  }

  private func sum(_ parts: [Matrix<Double>]) -> Matrix<Double> {
    for part in parts.dropFirst() { for k in 0..<part.count { parts[0].pointer[k] += part.pointer[k] } }
    return parts[0]
  }

  private func add(_ parts: [Matrix<Double>], to y: Matrix<Double>) {
    for part in parts { for k in 0..<part.count { y.pointer[k] += part.pointer[k] } }
  }
}

/// *Collective.* Sums of a matrix's rows by class, over all ranks; (classes x columns).
func sumByClass(
  _ v: Matrix<Double>, _ segments: [Segment], _ layout: Layout, _ world: Communicator, _ timer: PhaseTimer
) throws -> Matrix<Double> {
  let sums = Matrix<Double>(rows: layout.classCount, columns: v.columns)
  for segment in segments {
    for i in segment.rows {
      for k in 0..<v.columns { sums[segment.centre, k] += v[i, k] }
    }
  }
  try timer.measure(.communication) { try world.sum(sums.buffer) }
  return sums
}
