import LinearAlgebra
import MPI

/// The sketched gradients of some of this rank's rows, while the blocks of X pass by. A probe is an output of the stack.
final class SketchChunk<T: Real>: @unchecked Sendable {
  let stack: GradientStack<T>
  /// sigma of each probe; (height x outputs).
  private let signs: [Matrix<T>]
  /// W of each probe between the chunk and the current segment of X; (height x segment).
  private let weights: [Matrix<T>]
  /// H of one segment and sums of a row, one for each lane.
  private let tiles: [Matrix<T>]
  private let columnSums: [Matrix<Double>]
  private let rowSums: [Matrix<Double>]

  init(_ sketch: GradientSketch<T>, _ segments: [Segment], outputs: Int) {
    let probes = GradientSketch<T>.probes
    let (tileRows, lanes) = (sketch.layout.tileRows, sketch.team.count)
    stack = GradientStack(
      segments, outputs: probes, width: sketch.rows.width, centres: sketch.rows.centres.rows)
    let samples = segments.rowRange.shifted(by: sketch.layout.shard(of: sketch.world.rank).lowerBound)
    let source = SketchSigns(outputs: outputs, random: sketch.random)
    signs = (0..<probes).map { source.signs(samples, probe: $0) }
    let height = stack.height
    weights = (0..<probes).map { _ in Matrix(uninitialisedRows: height, columns: tileRows) }
    tiles = (0..<lanes).map { _ in Matrix(uninitialisedRows: tileRows, columns: tileRows) }
    columnSums = (0..<lanes).map { _ in Matrix(uninitialisedRows: 1, columns: tileRows) }
    rowSums = (0..<lanes).map { _ in Matrix(rows: 1, columns: tileRows) }
  }

  /// Adds the terms of one segment of a block: G += (H o (Sigma A^T)) X. - Parameter a: the segment's coefficients.
  func add(
    _ sketch: GradientSketch<T>, _ block: CentredRows<T>, _ columns: Segment, _ a: MatrixView<T>,
    _ poke: @escaping () -> Void
  ) {
    let pokeFromMain = MainLane(poke)
    let (builder, rows) = (sketch.builder, sketch.rows)
    sketch.team.forEach(0..<stack.segments.count) { index, lane in
      let h = self.tiles[lane].reshaped(rows: self.stack.rows(of: index).count, columns: columns.rows.count)
      builder.build(.gradientWeight, rows, self.stack.segments[index], block, columns, into: h, lane: lane)
      for probe in self.signs.indices { self.weigh(h, a, index, probe, columns.centre, lane) }
      pokeFromMain(lane)
    }
    let x = block.deviations.rows(columns.rows)
    sketch.team.withThreadedBLAS {
      for (probe, w) in weights.enumerated() {
        multiply(w.view.columns(0..<x.rows), x, beta: 1, into: stack.gradients(probe, 0..<stack.height))
      }
    }
  }

  /// W = H o (Sigma A^T) of one segment, and its rows' sums.
  private func weigh(_ h: MatrixView<T>, _ a: MatrixView<T>, _ segment: Int, _ probe: Int, _ centre: Int, _ lane: Int) {
    let rows = stack.rows(of: segment)
    let w = weights[probe].rows(rows).columns(0..<h.columns)
    multiply(signs[probe].rows(rows), a, transposeB: true, into: w)
    multiplyEntries(w, by: h)
    let (sums, ignored) = (rowSums[lane], columnSums[lane])
    sums.view.fill(0)
    ignored.view.fill(0)
    addSums(of: w, rows: sums.pointer, columns: ignored.pointer)
    for (k, i) in rows.enumerated() { stack.weightSums[i, centre * stack.outputs + probe] += sums.pointer[k] }
  }
}
