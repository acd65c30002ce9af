import LinearAlgebra
import Runtime

/// What every route works with.
struct AGOPSource<T: Real>: RowsWork {
  let builder: TileBuilder<T>
  let weights: GradientWeights<T>
  let rows: Rows<T>
  /// Rows that are multiplied at a time, so that BLAS is at its best: a run of a block's, or a piece of a panel.
  let runRows: Int
  /// Of the weights between two centres; nil: none.
  let compression: WeightCompression<T>?

  /// - Parameters:
  ///   - tiles: the same rows' kernel matrix, if its tiles are still there.
  ///   - outputs: K
  ///   - tileTolerance: of weights as thin factors; 0: none.
  init(
    _ rows: Rows<T>, _ kernel: Kernel, tiles: KernelOperator<T>?, runRows: Int, outputs: Int, tileTolerance: Double
  ) {
    builder = TileBuilder(kernel: kernel, rows)
    weights = GradientWeights(builder: builder, rows: rows, kernel: tiles)
    self.rows = rows
    self.runRows = runRows
    let (shard, tileRows) = (rows.layout.largestShard, rows.layout.tileRows)
    let ownRows = WeightCompression<T>.ownRows(shard: shard)
    let run = AGOPCost.longestRun(runRows, shard: shard, tileRows: tileRows)
    let multiplied = rows.width * outputs
    let pays = Sketching<T>.limit(ownRows, run, multiplied: Double(multiplied)) > 0
    compression =
      tileTolerance > 0 && pays
      ? WeightCompression(
        tolerance: tileTolerance, ownRows: ownRows, runRows: run, multiplied: multiplied,
        workers: rows.context.pool.count) : nil
  }

  /// Rows of the longest run of any block.
  var longestRun: Int { AGOPCost.longestRun(runRows, shard: layout.largestShard, tileRows: layout.tileRows) }
}

// What others' types take of memory for an AGOP.

extension TileBuilder {
  /// Bytes of the workers' scratch, and of the distances between centres with the kernel there.
  static func bytes(_ sizes: AGOPCost) -> Int {
    sizes.threads * (stripeRows + 4) * sizes.tileRows * MemoryLayout<T>.stride + 2 * sizes.centres * sizes.centres * 8
  }
}

extension CoefficientBlocks {
  static func bytes(_ sizes: AGOPCost) -> Int { sizes.samples * sizes.outputs * MemoryLayout<T>.stride }
}

extension Rows {
  /// Bytes of blocks of X on their way round the ring: one worked on and one arriving, of two ranks the one that arrives.
  static func travellingBytes(_ sizes: AGOPCost) -> Int {
    min(2, sizes.ranks - 1) * sizes.rows * (sizes.width * MemoryLayout<T>.stride + (1 + sizes.centres) * 8)
  }
}
