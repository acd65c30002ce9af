import LinearAlgebra
import Runtime

/// f(x) = k(x, X) A at points that each rank has of its own, the blocks of X coming round the ring.
public struct Predictor<T: Real>: RowsWork {
  let kernel: Kernel
  /// X, this rank's shard.
  let rows: Rows<T>

  public init(kernel: Kernel, rows: Rows<T>) {
    self.kernel = kernel
    self.rows = rows
  }

  /// *Collective.* The K outputs of each own point, (own points x classes), in the points' order before they were grouped.
  /// - Parameters:
  ///   - points: grouped by the centres of `rows`.
  ///   - coefficients: A's own rows, (own rows x classes).
  public func outputs(at points: GroupedRows<T>, _ coefficients: Matrix<Double>) throws -> Matrix<Double> {
    try outputs(at: points, [coefficients])[0]
  }

  /// *Collective.* The same of several A: each tile is made once, and every output has the bits that it has alone.
  @specialized(where T == Float)
  @specialized(where T == Double)
  public func outputs(at points: GroupedRows<T>, _ coefficients: [Matrix<Double>]) throws -> [Matrix<Double>] {
    let sums = coefficients.map { Matrix<Double>(rows: points.rows.rowCount, columns: $0.columns) }
    let all = try coefficients.map { try CoefficientBlocks($0.converted(to: T.self), rows) }
    let builder = TileBuilder<T>(kernel: kernel, rows)
    try rows.forEachBlock(steps: world.size) { owner, block in
      add(block, all.map { $0.block(of: owner) }, at: points.rows, builder, to: sums)
    }
    return try zip(coefficients, sums).map { coefficients, sums in
      try addConstants(coefficients, points.rows, builder, to: sums)
      let outputs = Matrix<Double>(uninitialisedRows: sums.rows, columns: sums.columns)
      for (i, original) in points.order.enumerated() { _ = outputs.row(original).update(fromContentsOf: sums.row(i)) }
      return outputs
    }
  }

  /// The deviations' part of one block.
  private func add(
    _ block: Rows<T>, _ all: [MatrixView<T>], at points: Rows<T>, _ builder: TileBuilder<T>, to sums: [Matrix<Double>]
  ) {
    let (tileRows, pool) = (layout.tileRows, self.pool)
    pool.forEachWhenFree(0..<points.segments.count) { index, worker in
      let segment = points.segments[index]
      let tile = Matrix<T>(uninitialisedRows: segment.rows.count, columns: tileRows)
      let products = all.map { Matrix<T>(uninitialisedRows: segment.rows.count, columns: $0.columns) }
      for columns in block.segments {
        let e = tile.reshaped(rows: segment.rows.count, columns: columns.rows.count)
        builder.build(.kernelDeviation, points, segment, block, columns, into: e, worker: worker)
        for ((a, product), sums) in zip(zip(all, products), sums) {
          multiply(e, a.rows(columns.rows), into: product.view)
          T.accumulate(product.pointer, sums.pointer + segment.rows.lowerBound * sums.columns, product.count)
        }
        pool.breathe(worker)
      }
    }
  }

  /// *Collective.* The constants' part: sum over classes b of c_ab (1^T A_b).
  private func addConstants(
    _ a: Matrix<Double>, _ points: Rows<T>, _ builder: TileBuilder<T>, to sums: Matrix<Double>
  ) throws {
    let products = builder.constants(times: try rows.sumByCentre(a), pool)
    for segment in points.segments {
      let own = products.row(segment.centre)
      for i in segment.rows { for k in 0..<a.columns { sums[i, k] += own[k] } }
    }
  }
}

/// All ranks' coefficients, (N x classes): small beside X.
struct CoefficientBlocks<T: Real> {
  private let whole: Matrix<T>
  private let layout: Layout

  /// *Collective.*
  init(_ own: Matrix<T>, _ rows: Rows<T>) throws {
    let (layout, context) = (rows.layout, rows.context)
    whole = Matrix(rows: layout.sampleCount, columns: own.columns)
    self.layout = layout
    let shard = layout.shard(of: context.world.rank)
    (whole.pointer + shard.lowerBound * own.columns).update(from: own.pointer, count: own.count)
    let whole = self.whole
    try context.communicating { try context.world.sum(whole.buffer) }
  }

  func block(of rank: Int) -> MatrixView<T> { whole.rows(layout.shard(of: rank)) }
}
