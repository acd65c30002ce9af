import LinearAlgebra
import Runtime

/// The sketched gradients of some of this rank's rows, while the blocks of X pass by. A probe is an output of the stack.
final class SketchChunk<T: Real>: GradientChunk, @unchecked Sendable {
  let stack: GradientStack<T>
  private let source: AGOPSource<T>
  /// sigma of each probe; (height x outputs).
  private let signs: [Matrix<T>]
  /// W of each probe between the chunk and the current run of X's segments; (height x run).
  private let weights: [Matrix<T>]
  /// H of one side against another, and sums of W's columns (which nobody wants) and rows, one for each worker.
  private let tiles: [Matrix<T>]
  private let columnSums: [Matrix<Double>]
  private let rowSums: [Matrix<Double>]

  init(_ source: AGOPSource<T>, _ segments: [Segment], _ signs: SketchSigns) {
    self.source = source
    let probes = GradientSketch<T>.probes
    let (tileRows, workers) = (source.layout.tileRows, source.pool.count)
    let stack = GradientStack<T>(
      segments, outputs: probes, width: source.rows.width, centres: source.rows.centres.rows)
    self.stack = stack
    let samples = segments.rowRange.shifted(by: source.shard.lowerBound)
    self.signs = (0..<probes).map { signs.signs(samples, probe: $0) }
    weights = (0..<probes).map { _ in Matrix(uninitialisedRows: stack.height, columns: source.longestRun) }
    tiles = (0..<workers).map { _ in Matrix(uninitialisedRows: tileRows, columns: tileRows) }
    columnSums = (0..<workers).map { _ in Matrix(rows: 1, columns: tileRows) }
    rowSums = (0..<workers).map { _ in Matrix(rows: 1, columns: tileRows) }
  }

  static func bytes(rows: Int, _ sizes: AGOPCost) -> Int {
    let (probes, tileRows) = (GradientSketch<T>.probes, sizes.tileRows)
    let elements = rows * probes * (sizes.outputs + sizes.longestRun) + sizes.threads * tileRows * tileRows
    return GradientStack<T>.bytes(rows: rows, outputs: probes, width: sizes.width, centres: sizes.centres)
      + elements * MemoryLayout<T>.stride + sizes.threads * 2 * tileRows * 8
  }

  static func outputs(_ sizes: AGOPCost) -> Int { GradientSketch<T>.probes }

  var gradients: [MatrixView<T>] { signs.indices.map { stack.gradients($0, 0..<stack.height) } }

  /// G += (H o (Sigma A^T)) X
  func add(_ block: Rows<T>, of owner: Int, _ run: [Segment], _ a: MatrixView<T>) {
    let range = run.rowRange
    source.weights.fill(weights[0].view.columns(0..<range.count), stack, block, of: owner, run) {
      tile, rows, columns, worker in
      let h = self.tiles[worker].reshaped(rows: tile.rows, columns: tile.columns)
      h.copy(from: tile)
      for probe in self.signs.indices {
        let w = self.weights[probe].rows(rows).columns(columns.rowRange.shifted(by: -range.lowerBound))
        self.weigh(h, a, rows, columns, probe, into: w, worker)
      }
    }
    for (probe, w) in weights.enumerated() {
      let g = stack.gradients(probe, 0..<stack.height)
      source.pool.multiply(w.view.columns(0..<range.count), block.deviations.rows(range), beta: 1, into: g)
      source.context.progress()
    }
  }

  /// W = H o (Sigma A^T) of one side against another, and its rows' sums by centre. - Parameter rows: of the chunk.
  private func weigh(
    _ h: MatrixView<T>, _ a: MatrixView<T>, _ rows: Range<Int>, _ columns: [Segment], _ probe: Int,
    into w: MatrixView<T>, _ worker: Int
  ) {
    multiply(signs[probe].rows(rows), a.rows(columns.rowRange), transposeB: true, into: w)  // W <- Sigma A^T
    multiplyEntries(w, by: h)  // W <- H o W
    let (sums, ignored) = (rowSums[worker], columnSums[worker])
    for column in columns {
      let part = w.columns(column.rows.shifted(by: -columns.rowRange.lowerBound))
      sums.view.fill(0)
      addSums(of: part, rows: sums.pointer, columns: ignored.pointer)
      for (k, i) in rows.enumerated() {
        stack.weightSums[i, column.centre * stack.outputs + probe] += sums.pointer[k]
      }
    }
  }
}
