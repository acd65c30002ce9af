import LinearAlgebra
import Runtime

/// The gradient's weights between a chunk of this rank's rows and all samples, H_I, less the constant h; (chunk rows x samples).
final class WeightPanel<T: Real>: @unchecked Sendable {
  let chunk: Int
  let segments: [Segment]
  /// Rows of the shard.
  let range: Range<Int>
  /// Their place among all samples.
  let place: Range<Int>
  /// H_I - h, 0 for a row and itself: columns in the class-sorted order of all samples.
  let weights: Matrix<T>

  /// *Local.* Memory only.
  init(chunk: Int, segments: [Segment], shard: Range<Int>, columns: Int) {
    self.chunk = chunk
    self.segments = segments
    range = segments.rowRange
    place = (shard.lowerBound + range.lowerBound)..<(shard.lowerBound + range.upperBound)
    weights = Matrix(uninitialisedRows: range.count, columns: columns)
  }

  static func bytes(rows: Int, _ sizes: AGOPCost) -> Int { rows * sizes.samples * MemoryLayout<T>.stride }

  /// The weights of these rows of the shard.
  func weights(_ rows: Range<Int>) -> MatrixView<T> {
    weights.rows((rows.lowerBound - range.lowerBound)..<(rows.upperBound - range.lowerBound))
  }

  /// *Collective.* Fills H_I as the blocks of X pass round the ring; breaks off, and must not be used, if `stop` is set.
  /// - Parameter finished: called with the columns that are new.
  func build(_ agop: PairwiseAGOP<T>, less shift: T, stop: StopSwitch? = nil, finished: (Int) -> Void) throws {
    let runs = segments.runs(ofAtMost: agop.pieceRows)
    try agop.rows.forEachBlock(steps: agop.world.size) { owner, block in
      let isOwn = owner == agop.world.rank
      try agop.weights.await(owner)
      for columns in columnRuns(of: block, isOwn, agop.pieceRows) {
        for rows in runs where stop?.isRequested != true {
          build(agop, less: shift, rows, block, of: owner, columns)
        }
        finished(columns.rowRange.count)
      }
    }
  }

  /// A block's segments in runs; the chunk's own ones in the same runs as its rows.
  private func columnRuns(of block: Rows<T>, _ isOwn: Bool, _ limit: Int) -> [[Segment]] {
    guard isOwn else { return block.segments.runs(ofAtMost: limit) }
    let before = block.segments.filter { $0.rows.upperBound <= range.lowerBound }
    let after = block.segments.filter { $0.rows.lowerBound >= range.upperBound && !holds($0) }
    return [before, segments, after].flatMap { $0.runs(ofAtMost: limit) }
  }

  /// A rectangle of the panel, side by side. Of two own sides of the chunk only one order is computed, the other copied.
  private func build(
    _ agop: PairwiseAGOP<T>, less shift: T, _ rows: [Segment], _ block: Rows<T>, of owner: Int,
    _ columns: [Segment]
  ) {
    let (first, isOwn) = (agop.layout.shard(of: owner).lowerBound, owner == agop.world.rank)
    let limit = GradientWeights<T>.sideRows(
      of: range.count, tileRows: agop.layout.tileRows, workers: agop.pool.count)
    let (rowSides, columnSides) = (rows.sides(ofAtMost: limit), columns.sides(ofAtMost: limit))
    let tiles = rowSides.flatMap { row in
      columnSides.filter { !(isOwn && holds($0) && $0.rowRange.lowerBound > row.rowRange.lowerBound) }.map { (row, $0) }
    }
    if agop.weights.needsProducts {
      fillProducts(agop, rowSides, block, columnSides, tiles.flatMap(\.1).rowRange, first, isOwn)
    }
    agop.context.progress()
    let makers = agop.weights
    agop.pool.forEachWhenFree(0..<tiles.count) { index, worker in
      let (row, column) = tiles[index]
      let out = self.weights(row.rowRange).columns(column.rowRange.shifted(by: first))
      makers.fill(out, row, block, of: owner, column, worker: worker)
      Self.subtract(shift, from: out, isDiagonal: isOwn && row == column)
      if isOwn && row != column && self.holds(column) {
        transpose(out, into: self.weights(column.rowRange).columns(row.rowRange.shifted(by: first)))
      }
    }
  }

  /// A rectangle's inner products by one large product; on the diagonal the lower half and each side's own square.
  private func fillProducts(
    _ agop: PairwiseAGOP<T>, _ rows: [[Segment]], _ block: Rows<T>, _ columns: [[Segment]], _ needed: Range<Int>,
    _ first: Int, _ isOwn: Bool
  ) {
    let range = rows.map(\.rowRange).hull
    let x = agop.rows.deviations.rows(range)
    let out = weights(range).columns(needed.shifted(by: first))
    if isOwn && rows.first == columns.first {
      agop.pool.addOuterGram(of: x, beta: 0, intoLower: out)
      for side in rows {
        mirrorLower(weights(side.rowRange).columns(side.rowRange.shifted(by: first)))
      }
    } else {
      agop.pool.multiply(x, block.deviations.rows(needed), transposeB: true, into: out)
    }
  }

  /// A row's weight with itself meets a difference of 0: it may be h.
  private static func subtract(_ shift: T, from h: MatrixView<T>, isDiagonal: Bool) {
    for i in 0..<h.rows {
      let row = h.pointer + i * h.stride
      for j in 0..<h.columns { row[j] -= shift }
      if isDiagonal { row[i] = 0 }
    }
  }

  private func holds(_ segment: Segment) -> Bool { range.contains(segment.rows.lowerBound) }

  private func holds(_ side: [Segment]) -> Bool { range.contains(side.rowRange.lowerBound) }
}
