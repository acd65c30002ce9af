import LinearAlgebra
import Runtime

/// What every route works with.
struct AGOPSource<T: Real>: RowsWork {
  let builder: TileBuilder<T>
  let weights: GradientWeights<T>
  let rows: Rows<T>
  /// Rows that are multiplied at a time, so that BLAS is at its best: a run of a block's, or a piece of a panel.
  let runRows: Int

  /// - Parameter tiles: the same rows' kernel matrix, if its tiles are still there.
  init(_ rows: Rows<T>, _ kernel: Kernel, tiles: KernelOperator<T>?, runRows: Int) {
    builder = TileBuilder(kernel: kernel, rows)
    weights = GradientWeights(builder: builder, rows: rows, kernel: tiles)
    self.rows = rows
    self.runRows = runRows
  }

  /// Rows of the longest run of any block.
  var longestRun: Int { AGOPCost.longestRun(runRows, shard: layout.largestShard, tileRows: layout.tileRows) }
}
