import LinearAlgebra
import Runtime

/// The sketched gradients of some of this rank's rows, while the blocks of X pass by. A probe is an output of the stack.
final class SketchChunk<T: Real>: @unchecked Sendable {
  let stack: GradientStack<T>
  /// sigma of each probe; (height x outputs).
  private let signs: [Matrix<T>]
  /// W of each probe between the chunk and the current run of X's segments; (height x run).
  private let weights: [Matrix<T>]
  /// H of one segment against another, and sums of W's columns (which nobody wants) and rows, one for each worker.
  private let tiles: [Matrix<T>]
  private let columnSums: [Matrix<Double>]
  private let rowSums: [Matrix<Double>]

  init(_ sketch: GradientSketch<T>, _ segments: [Segment], outputs: Int) {
    let probes = GradientSketch<T>.probes
    let (tileRows, workers) = (sketch.layout.tileRows, sketch.pool.count)
    stack = GradientStack(
      segments, outputs: probes, width: sketch.rows.width, centres: sketch.rows.centres.rows)
    let samples = segments.rowRange.shifted(by: sketch.shard.lowerBound)
    let source = SketchSigns(outputs: outputs, random: sketch.random)
    signs = (0..<probes).map { source.signs(samples, probe: $0) }
    let height = stack.height
    let runRows = max(sketch.runRows, tileRows)
    weights = (0..<probes).map { _ in Matrix(uninitialisedRows: height, columns: runRows) }
    tiles = (0..<workers).map { _ in Matrix(uninitialisedRows: tileRows, columns: tileRows) }
    columnSums = (0..<workers).map { _ in Matrix(rows: 1, columns: tileRows) }
    rowSums = (0..<workers).map { _ in Matrix(rows: 1, columns: tileRows) }
  }

  /// Adds the terms of a run of a block's segments: G += (H o (Sigma A^T)) X. - Parameter a: the block's coefficients.
  func add(
    _ sketch: GradientSketch<T>, _ block: Rows<T>, of owner: Int, _ run: [Segment], _ a: MatrixView<T>
  ) {
    let range = run.rowRange
    let first = weights[0].view.columns(0..<range.count)
    let makers = sketch.weights
    if makers.needsProducts {
      let own = sketch.rows.deviations.rows(stack.segments.rowRange)
      sketch.pool.multiply(own, block.deviations.rows(range), transposeB: true, into: first)
    }
    sketch.pool.forEach(0..<stack.segments.count) { index, worker in
      for columns in run {
        let place = columns.rows.shifted(by: -range.lowerBound)
        let tile = first.rows(self.stack.rows(of: index)).columns(place)
        makers.fill(tile, self.stack.segments[index], block, of: owner, columns, worker: worker)
        let h = self.tiles[worker].reshaped(rows: tile.rows, columns: tile.columns)
        h.copy(from: tile)
        for probe in self.signs.indices {
          self.weigh(h, a.rows(columns.rows), index, place, probe, columns.centre, worker)
        }
      }
    }
    for (probe, w) in weights.enumerated() {
      let g = stack.gradients(probe, 0..<stack.height)
      sketch.pool.multiply(w.view.columns(0..<range.count), block.deviations.rows(range), beta: 1, into: g)
      sketch.context.progress()
    }
  }

  /// W = H o (Sigma A^T) of one segment against another, and its rows' sums.
  private func weigh(
    _ h: MatrixView<T>, _ a: MatrixView<T>, _ segment: Int, _ columns: Range<Int>, _ probe: Int, _ centre: Int,
    _ worker: Int
  ) {
    let rows = stack.rows(of: segment)
    let w = weights[probe].rows(rows).columns(columns)
    multiply(signs[probe].rows(rows), a, transposeB: true, into: w)
    multiplyEntries(w, by: h)
    let (sums, ignored) = (rowSums[worker], columnSums[worker])
    sums.view.fill(0)
    addSums(of: w, rows: sums.pointer, columns: ignored.pointer)
    for (k, i) in rows.enumerated() { stack.weightSums[i, centre * stack.outputs + probe] += sums.pointer[k] }
  }
}
