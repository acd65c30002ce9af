import LinearAlgebra
import Runtime

/// Makes H: the gradient's weights between own segments and those of the blocks that come by.
///
/// Where the kernel's tiles are still in memory, H comes from them, an elementwise loop instead of 2 d operations an entry. Those
/// that another rank holds are remote, as many as there is memory for (see `RemoteTiles`).
struct GradientWeights<T: Real>: @unchecked Sendable {  // Reads only.
  let builder: TileBuilder<T>
  let rows: Rows<T>
  /// nil: every weight is made from the rows.
  private let kernel: KernelOperator<T>?

  init(builder: TileBuilder<T>, rows: Rows<T>, kernel: KernelOperator<T>?) {
    self.builder = builder
    self.rows = rows
    self.kernel = kernel?.keepsDigits == true ? kernel : nil
  }

  /// Whether the rows' inner products are wanted in `out` before `fill`: one product for many segments.
  var needsProducts: Bool { kernel == nil }

  /// *Local, blocking.* To be called before `fill` wants weights against a rank's block.
  func await(_ owner: Int) throws { try kernel?.waitForTiles(of: owner) }

  /// *Local.* H of own segment `row` and segment `column` of a rank's block.
  func fill(_ out: MatrixView<T>, _ row: Segment, _ block: Rows<T>, of owner: Int, _ column: Segment, worker: Int) {
    guard let kernel else {
      return builder.finish(.gradientWeight, rows, row, block, column, products: out, worker: worker)
    }
    if kernel.fillWeights(row, block, of: owner, column, into: out, worker: worker) { return }
    builder.build(.gradientWeight, rows, row, block, column, into: out, worker: worker)
  }
}

extension GradientWeights {
  /// *Local.* H of a chunk's segments against a run of a block's, (chunk rows x run). - Parameter finished: gets each tile as it is made,
  /// with the number of its own segment and the block's, on the worker that made it.
  func fill(
    _ h: MatrixView<T>, _ stack: GradientStack<T>, _ block: Rows<T>, of owner: Int, _ run: [Segment],
    finished: @escaping @Sendable (_ tile: MatrixView<T>, _ segment: Int, _ columns: Segment, _ worker: Int) -> Void
  ) {
    let (pool, range) = (rows.context.pool, run.rowRange)
    if needsProducts {
      let own = rows.deviations.rows(stack.segments.rowRange)
      pool.multiply(own, block.deviations.rows(range), transposeB: true, into: h)
    }
    pool.forEachWhenFree(0..<stack.segments.count) { index, worker in
      for columns in run {
        let tile = h.rows(stack.rows(of: index)).columns(columns.rows.shifted(by: -range.lowerBound))
        self.fill(tile, stack.segments[index], block, of: owner, columns, worker: worker)
        finished(tile, index, columns, worker)
      }
    }
  }
}
