import LinearAlgebra
import Runtime

/// The gradients of some of this rank's rows, for every output, while the blocks of X pass by.
final class ClassChunk<T: Real>: GradientChunk, @unchecked Sendable {
  let stack: GradientStack<T>
  private let source: AGOPSource<T>
  private let outputs: Int
  /// H between the chunk and the current run of X's segments, (height x run).
  private let weights: Matrix<T>
  /// diag(A_c) X of the run for some outputs, side by side.
  private let scaled: Matrix<T>
  /// These outputs.
  private let groups: [Range<Int>]
  /// H A of a side, one for each worker.
  private let products: [Matrix<T>]
  /// The chunk's segments, those of one centre in one.
  private let joined: [Segment]

  init(_ source: AGOPSource<T>, _ segments: [Segment], outputs: Int) {
    self.source = source
    self.outputs = outputs
    let width = source.rows.width
    stack = GradientStack(segments, outputs: outputs, width: width, centres: source.rows.centres.rows)
    groups = AGOPCost.groups(outputs: outputs, width: width)
    joined = WeightCompression<T>.joined(
      segments, limit: WeightCompression<T>.ownRows(shard: source.layout.largestShard))
    weights = Matrix(uninitialisedRows: stack.height, columns: source.longestRun)
    scaled = Matrix(uninitialisedRows: source.longestRun, columns: width * (groups.map(\.count).max() ?? 0))
    products = (0..<source.pool.count).map { _ in
      Matrix(uninitialisedRows: min(source.layout.tileRows, source.layout.largestShard), columns: outputs)
    }
  }

  static func bytes(rows: Int, _ sizes: AGOPCost) -> Int {
    let (run, outputs, width) = (sizes.longestRun, sizes.outputs, sizes.width)
    let group = AGOPCost.groups(outputs: outputs, width: width).map(\.count).max() ?? 0
    let elements = rows * run + run * width * group + sizes.threads * sizes.largestSide * outputs
    return GradientStack<T>.bytes(rows: rows, outputs: outputs, width: width, centres: sizes.centres)
      + elements * MemoryLayout<T>.stride + WeightCompression<T>.bytes(rows: rows, sizes)
  }

  static func outputs(_ sizes: AGOPCost) -> Int { sizes.outputs }

  /// Every gradient a row: their Gram matrix is the AGOP.
  var gradients: [MatrixView<T>] {
    [stack.gradients.reshaped(rows: stack.height * outputs, columns: source.rows.width)]
  }

  /// G_c += H diag(A_c) X, and the class sums of H A.
  func add(_ block: Rows<T>, of owner: Int, _ run: [Segment], _ a: MatrixView<T>) {
    let columns = run.rowRange
    let h = weights.view.columns(0..<columns.count)
    source.weights.fill(h, stack, block, of: owner, run) { tile, rows, columns, worker in
      self.addSums(tile, rows, columns, a, worker)
    }
    let split = source.compression?.split(
      h, joined, source.rows, WeightCompression<T>.joined(run, limit: .max), block)
    for group in groups {
      let x = scale(block.deviations.rows(columns), a.rows(columns), group)
      let first = group.lowerBound * source.rows.width
      if let split {
        let g = stack.gradients.view.columns(first..<(first + x.columns))
        source.compression?.addProduct(split, h, x, to: g, source.pool)
      } else {
        addProduct(h, x, at: first)
      }
    }
  }

  /// diag(A_c) X of some outputs, side by side.
  private func scale(_ x: MatrixView<T>, _ a: MatrixView<T>, _ outputs: Range<Int>) -> MatrixView<T> {
    let out = scaled.reshaped(rows: x.rows, columns: outputs.count * x.columns)
    source.pool.forEachPart(of: x.rows) { rows, _ in
      for i in rows {
        let (from, factors, to) = (x.pointer + i * x.stride, a.pointer + i * a.stride, out.pointer + i * out.stride)
        for (k, c) in outputs.enumerated() {
          T.scaleRows(from, x.stride, factors + c, a.stride, 1, x.columns, to + k * x.columns)
        }
      }
    }
    return out
  }

  /// G += H X at some columns of G, by pieces. Each has one owner and its terms come in the order of the runs: the sum does not
  /// depend on the threads.
  private func addProduct(_ h: MatrixView<T>, _ x: MatrixView<T>, at first: Int) {
    let limit = source.world.size > 1 ? 2048 : 4096
    let count = Self.pieces(h.rows, x.columns, limit: limit, workers: source.pool.count)
    let rows = (0..<h.rows).pieces(ofAtMost: (h.rows + count.rows - 1) / count.rows)
    let columns = (0..<x.columns).pieces(ofAtMost: (x.columns + count.columns - 1) / count.columns)
    let stack = stack
    source.pool.forEach(0..<(rows.count * columns.count)) { task, worker in
      let (row, column) = (rows[task % rows.count], columns[task / rows.count])
      multiply(
        h.rows(row), x.columns(column), beta: 1,
        into: stack.gradients.rows(row).columns(column.shifted(by: first)))
    }
  }

  /// Pieces of a product, as many as make equal work for all workers; and of those the ones for which BLAS packs least: a piece packs its
  /// rows of H and its columns of X. - Parameter limit: rows of a piece; messages are moved on between two.
  private static func pieces(_ height: Int, _ width: Int, limit: Int, workers: Int) -> (rows: Int, columns: Int) {
    let least = max(1, (height + limit - 1) / limit)
    let choices = (1...workers).map { columns in
      var rows = least
      while rows * columns % workers != 0 { rows += 1 }
      return (rows: rows, columns: columns)
    }
    return choices.min { $0.rows * width + $0.columns * height < $1.rows * width + $1.columns * height } ?? (least, 1)
  }

  /// The class sums of H A of a side. - Parameter rows: of the chunk.
  private func addSums(
    _ h: MatrixView<T>, _ rows: Range<Int>, _ columns: [Segment], _ a: MatrixView<T>, _ worker: Int
  ) {
    let (product, weightSums) = (products[worker].rows(0..<h.rows), stack.weightSums)
    for column in columns {
      let part = h.columns(column.rows.shifted(by: -columns.rowRange.lowerBound))
      multiply(part, a.rows(column.rows), into: product)  // H A
      for (k, i) in rows.enumerated() {
        T.accumulate(
          product.pointer + k * outputs,
          weightSums.pointer + i * weightSums.columns + column.centre * outputs, outputs)
      }
    }
  }
}
