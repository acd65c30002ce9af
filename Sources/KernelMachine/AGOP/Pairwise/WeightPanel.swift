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

  /// A rectangle of the panel. Of two own segments of the chunk only one
  /// order is computed, the other copied.
  private func build(
    _ agop: PairwiseAGOP<T>, less shift: T, _ rows: [Segment], _ block: Rows<T>, of owner: Int,
    _ columns: [Segment]
  ) {
    let (first, isOwn) = (agop.layout.shard(of: owner).lowerBound, owner == agop.world.rank)
    let tiles = rows.flatMap { row in
      columns.filter { !(isOwn && holds($0) && $0.rows.lowerBound > row.rows.lowerBound) }.map { (row, $0) }
    }
    if agop.weights.needsProducts { fillProducts(agop, rows, block, columns, tiles.map(\.1).rowRange, first, isOwn) }
    agop.context.progress()
    let makers = agop.weights
    agop.pool.forEachWhenFree(0..<tiles.count) { index, worker in
      let (row, column) = tiles[index]
      let out = self.weights(row.rows).columns(column.rows.shifted(by: first))
      makers.fill(out, row, block, of: owner, column, worker: worker)
      Self.subtract(shift, from: out, isDiagonal: isOwn && row == column)
      if isOwn && row != column && self.holds(column) {
        transpose(out, into: self.weights(column.rows).columns(row.rows.shifted(by: first)))
      }
    }
  }

  /// A rectangle's inner products by one large product; on the diagonal the lower half and each segment's own square.
  private func fillProducts(
    _ agop: PairwiseAGOP<T>, _ rows: [Segment], _ block: Rows<T>, _ columns: [Segment], _ needed: Range<Int>,
    _ first: Int, _ isOwn: Bool
  ) {
    let x = agop.rows.deviations.rows(rows.rowRange)
    let out = weights(rows.rowRange).columns(needed.shifted(by: first))
    if isOwn && rows.first == columns.first {
      agop.pool.addOuterGram(of: x, beta: 0, intoLower: out)
      for segment in rows {
        mirrorLower(weights(segment.rows).columns(segment.rows.shifted(by: first)))
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

  /// *Local.* (B_I s_I): B_I = H_I A and the sums of the rows of H_I - h, (chunk rows x (outputs + 1)), in double; and to `total` what
  /// the means alone give. With S_ibc = sum over samples j of centre b of H_ij A_jc, row i of centre a has the gradient sum over b of
  /// W_ibc m_b: W = S but for b = a, where W_iac = -(sum over b != a of S_ibc).
  func products(
    _ agop: PairwiseAGOP<T>, _ rows: PairwiseRows<T>, _ terms: SampleTerms<T>, into total: PairwiseTotal<T>
  ) -> Matrix<Double> {
    let products = Matrix<Double>(rows: range.count, columns: terms.outputs + 1)
    let centres = rows.centres.rows
    let squares = (0..<agop.pool.count).map { _ in Matrix<Double>(rows: centres, columns: centres) }
    let (layout, constant) = (agop.layout, terms.constantSums)
    agop.pool.forEach(0..<segments.count) { index, worker in
      let segment = self.segments[index]
      let own = rows.centre(of: segment)
      let sums = self.sums(segment, rows, layout, terms)
      for (k, i) in segment.rows.enumerated() {
        let s = sums.rows(k..<(k + 1)).reshaped(rows: centres, columns: terms.outputs + 1)
        let b = products.row(i - self.range.lowerBound)
        for centre in 0..<centres { b[terms.outputs] += s[centre, terms.outputs] }
        for c in 0..<terms.outputs {
          for centre in 0..<centres {
            s[centre, c] += constant[centre, c]
            b[c] += s[centre, c]
          }
          s[own, c] -= b[c]
        }
        let w = s.columns(0..<terms.outputs)
        multiply(w, w, transposeB: true, beta: 1, into: squares[worker].view)
      }
    }
    for square in squares { for k in 0..<square.count { total.means.pointer[k] += square.pointer[k] } }
    return products
  }

  /// Bytes that `products` and `SampleTerms.learn` take one after the other.
  static func productBytes(rows: Int, _ sizes: AGOPCost) -> Int {
    let (wide, centres) = (sizes.outputs + 1, sizes.centres)
    let segment = min(sizes.segmentRows, rows) * wide * (centres * 8 + MemoryLayout<T>.stride)
    return rows * wide * 8 + max(sizes.threads * (centres * centres * 8 + segment), SampleTerms<T>.learnBytes(sizes))
  }

  /// Of one segment the sums of (H - h) A by centre, and last of each those of H - h; (rows x (centres (outputs + 1))).
  private func sums(
    _ segment: Segment, _ rows: PairwiseRows<T>, _ layout: Layout, _ terms: SampleTerms<T>
  ) -> Matrix<Double> {
    let width = terms.outputs + 1
    let sums = Matrix<Double>(rows: segment.rows.count, columns: rows.centres.rows * width)
    let product = Matrix<T>(uninitialisedRows: segment.rows.count, columns: width)
    let h = weights(segment.rows)
    for rank in 0..<layout.ranks {
      let first = layout.shard(of: rank).lowerBound
      for column in layout.segments(of: rank) {
        let place = column.rows.shifted(by: first)
        multiply(h.columns(place), terms.coefficientsAndOnes(place), into: product.view)
        for i in 0..<product.rows {
          T.accumulate(
            product.pointer + i * width, sums.pointer + i * sums.columns + rows.centre(of: column) * width, width)
        }
      }
    }
    return sums
  }
}
