import LinearAlgebra
import MPI
import Runtime

/// f(x) = k(x, X) A at points that each rank has of its own, the blocks of X coming round the ring.
public struct Predictor<T: Real> {
  public let kernel: Kernel
  /// X, this rank's shard.
  let rows: CentredRows<T>
  let layout: Layout
  let world: Communicator
  let team: ThreadTeam
  let timer: PhaseTimer

  public init(
    kernel: Kernel, rows: CentredRows<T>, layout: Layout, world: Communicator, team: ThreadTeam, timer: PhaseTimer
  ) {
    self.kernel = kernel
    self.rows = rows
    self.layout = layout
    self.world = world
    self.team = team
    self.timer = timer
  }

  /// *Collective.* The K outputs of each own point, (own points x classes), in the points' order before they were grouped.
  /// - Parameters:
  ///   - points: grouped by the centres of `rows`.
  ///   - coefficients: A's own rows, (own rows x classes).
  public func outputs(at points: GroupedRows<T>, _ coefficients: Matrix<Double>) throws -> Matrix<Double> {
    let sums = Matrix<Double>(rows: points.rows.rowCount, columns: coefficients.columns)
    let all = try CoefficientBlocks(coefficients.converted(to: T.self), layout, world, timer)
    let builder = TileBuilder<T>(kernel: kernel, centres: rows.centres, tileRows: layout.tileRows, lanes: team.count)
    let ring = BlockRing<T>(world: world, layout: layout, timer: timer)
    try ring.forEachBlock(startingWith: rows, steps: world.size) { owner, block, poke in
      add(block, all.block(of: owner), at: points.rows, builder, to: sums, MainLane(poke))
    }
    try addConstants(coefficients, points.rows, builder, to: sums)
    let outputs = Matrix<Double>(uninitialisedRows: sums.rows, columns: sums.columns)
    for (i, original) in points.order.enumerated() { _ = outputs.row(original).update(fromContentsOf: sums.row(i)) }
    return outputs
  }

  /// The deviations' part of one block.
  private func add(
    _ block: CentredRows<T>, _ a: MatrixView<T>, at points: CentredRows<T>, _ builder: TileBuilder<T>,
    to sums: Matrix<Double>, _ poke: MainLane
  ) {
    let tileRows = layout.tileRows
    team.forEachWhenFree(0..<points.segments.count) { index, lane in
      let segment = points.segments[index]
      let tile = Matrix<T>(uninitialisedRows: segment.rows.count, columns: tileRows)
      let product = Matrix<T>(uninitialisedRows: segment.rows.count, columns: a.columns)
      for columns in block.segments {
        let e = tile.reshaped(rows: segment.rows.count, columns: columns.rows.count)
        builder.build(.kernelDeviation, points, segment, block, columns, into: e, lane: lane)
        multiply(e, a.rows(columns.rows), into: product.view)
        T.accumulate(product.pointer, sums.pointer + segment.rows.lowerBound * sums.columns, product.count)
        poke(lane)
      }
    }
  }

  /// *Collective.* The constants' part: sum over classes b of c_ab (1^T A_b).
  private func addConstants(
    _ a: Matrix<Double>, _ points: CentredRows<T>, _ builder: TileBuilder<T>, to sums: Matrix<Double>
  ) throws {
    let classSums = try sumByClass(a, rows.segments, layout, world, team, timer)
    for segment in points.segments {
      for b in 0..<layout.classCount {
        let c = builder.constant(segment.centre, b)
        for i in segment.rows { for k in 0..<a.columns { sums[i, k] += c * classSums[b, k] } }
      }
    }
  }
}

/// All ranks' coefficients, (N x classes): small beside X.
struct CoefficientBlocks<T: Real> {
  private let whole: Matrix<T>
  private let layout: Layout

  /// *Collective.*
  init(_ own: Matrix<T>, _ layout: Layout, _ world: Communicator, _ timer: PhaseTimer) throws {
    whole = Matrix(rows: layout.sampleCount, columns: own.columns)
    self.layout = layout
    let shard = layout.shard(of: world.rank)
    (whole.pointer + shard.lowerBound * own.columns).update(from: own.pointer, count: own.count)
    let whole = self.whole
    try timer.measure(.communication) { try world.sum(whole.buffer) }
  }

  func block(of rank: Int) -> MatrixView<T> { whole.rows(layout.shard(of: rank)) }
}
