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

  /// *Local.* H of a side of own segments and one of a rank's block, each pair of segments with its own constants.
  /// - Parameter out: (the side's rows x the other's), with the rows' inner products where these are wanted.
  func fill(
    _ out: MatrixView<T>, _ side: [Segment], _ block: Rows<T>, of owner: Int, _ columns: [Segment], worker: Int
  ) {
    guard let kernel else { return finish(out, side, block, columns, worker: worker) }
    var missing: [(row: Segment, column: Segment)] = []
    for row in side {
      for column in columns {
        let part = Self.part(of: out, side, row, columns, column)
        if !kernel.fillWeights(row, block, of: owner, column, into: part, worker: worker) {
          missing.append((row, column))
        }
      }
    }
    // Of one tile of the kernel all pairs are here, or none: then one product serves them all.
    if missing.count > 1 && missing.count == side.count * columns.count {
      multiply(
        rows.deviations.rows(side.rowRange), block.deviations.rows(columns.rowRange), transposeB: true, into: out)
      return finish(out, side, block, columns, worker: worker)
    }
    for (row, column) in missing {
      let part = Self.part(of: out, side, row, columns, column)
      builder.build(.gradientWeight, rows, row, block, column, into: part, worker: worker)
    }
  }

  /// H in place of the rows' inner products.
  private func finish(
    _ out: MatrixView<T>, _ side: [Segment], _ block: Rows<T>, _ columns: [Segment], worker: Int
  ) {
    for row in side {
      for column in columns {
        let part = Self.part(of: out, side, row, columns, column)
        builder.finish(.gradientWeight, rows, row, block, column, products: part, worker: worker)
      }
    }
  }

  private static func part(
    of out: MatrixView<T>, _ side: [Segment], _ row: Segment, _ columns: [Segment], _ column: Segment
  ) -> MatrixView<T> {
    out.rows(row.rows.shifted(by: -side.rowRange.lowerBound))
      .columns(column.rows.shifted(by: -columns.rowRange.lowerBound))
  }

  /// Rows of a side where so many are shared among the workers: enough sides for all, and none so short that what it gathers is for
  /// nothing.
  static func sideRows(of count: Int, tileRows: Int, workers: Int) -> Int {
    min(tileRows, max(Layout.shortSegment, (count + workers - 1) / workers))
  }
}

extension GradientWeights {
  /// *Local.* H of a chunk's segments against a run of a block's, (chunk rows x run). - Parameter finished: gets each tile as it is made,
  /// with its rows of the chunk and the block's side, on the worker that made it; those of the same rows one after the other.
  func fill(
    _ h: MatrixView<T>, _ stack: GradientStack<T>, _ block: Rows<T>, of owner: Int, _ run: [Segment],
    finished:
      @escaping @Sendable (_ tile: MatrixView<T>, _ rows: Range<Int>, _ columns: [Segment], _ worker: Int) -> Void
  ) {
    let (pool, range, own) = (rows.context.pool, run.rowRange, stack.segments.rowRange)
    if needsProducts {
      pool.multiply(rows.deviations.rows(own), block.deviations.rows(range), transposeB: true, into: h)
    }
    let tileRows = rows.layout.tileRows
    let limit = min(tileRows, (own.count + pool.count - 1) / pool.count)
    let (sides, others) = (stack.segments.sides(ofAtMost: limit), run.sides(ofAtMost: tileRows))
    pool.forEachWhenFree(0..<sides.count) { index, worker in
      let place = sides[index].rowRange.shifted(by: -own.lowerBound)
      for columns in others {
        let tile = h.rows(place).columns(columns.rowRange.shifted(by: -range.lowerBound))
        self.fill(tile, sides[index], block, of: owner, columns, worker: worker)
        finished(tile, place, columns, worker)
      }
    }
  }
}
