import LinearAlgebra
import Runtime

/// The gradients of some of this rank's rows, for every class, while the blocks of X pass by.
public final class GradientChunk<T: Real>: @unchecked Sendable {
  public let stack: GradientStack<T>
  private let classes: Int
  /// H between the chunk and the current run of X's segments, (height x run).
  private let weights: Matrix<T>
  /// diag(A_c) X of the run for some classes, side by side.
  private let scaled: Matrix<T>
  /// These classes.
  private let groups: [Range<Int>]
  /// H A of one segment, one for each worker.
  private let products: [Matrix<T>]

  public init(_ agop: ClassGradients<T>, segments: [Segment], classes: Int) {
    self.classes = classes
    let (width, workers) = (agop.rows.width, agop.pool.count)
    let (tileRows, runRows) = (agop.layout.tileRows, max(agop.runRows, agop.layout.tileRows))
    stack = GradientStack(segments, outputs: classes, width: width, centres: agop.rows.centres.rows)
    weights = Matrix(uninitialisedRows: stack.height, columns: runRows)
    groups = ClassGradients<T>.groups(classes: classes, width: width)
    scaled = Matrix(uninitialisedRows: runRows, columns: width * (groups.map(\.count).max() ?? 0))
    products = (0..<workers).map { _ in Matrix(uninitialisedRows: tileRows, columns: classes) }
  }

  /// Adds the terms of a run of a block's segments: G_c += H diag(A_c) X.
  public func add(
    _ agop: ClassGradients<T>, _ block: Rows<T>, of owner: Int, _ run: [Segment],
    _ coefficients: MatrixView<T>
  ) {
    guard stack.height > 0 else { return }
    let columns = run.rowRange
    let h = weights.view.columns(0..<columns.count)
    fillWeights(h, agop, block, owner, run, coefficients)
    for group in groups {
      let x = scale(agop, block.deviations.rows(columns), coefficients.rows(columns), group)
      addProduct(agop, h, x, at: group.lowerBound * agop.rows.width)
    }
  }

  /// diag(A_c) X of some classes, side by side.
  private func scale(
    _ agop: ClassGradients<T>, _ x: MatrixView<T>, _ a: MatrixView<T>, _ classes: Range<Int>
  ) -> MatrixView<T> {
    let out = scaled.reshaped(rows: x.rows, columns: classes.count * x.columns)
    agop.pool.forEachPart(of: x.rows) { rows, _ in
      for i in rows {
        let (from, factors, to) = (x.pointer + i * x.stride, a.pointer + i * a.stride, out.pointer + i * out.stride)
        for (k, c) in classes.enumerated() {
          T.scaleRows(from, x.stride, factors + c, a.stride, 1, x.columns, to + k * x.columns)
        }
      }
    }
    return out
  }

  /// G += H X at some columns of G, by pieces. Each has one owner and its terms come in the order of the runs: the sum does not
  /// depend on the threads.
  private func addProduct(
    _ agop: ClassGradients<T>, _ h: MatrixView<T>, _ x: MatrixView<T>, at first: Int
  ) {
    let count = Self.pieces(h.rows, x.columns, limit: agop.world.size > 1 ? 2048 : 4096, workers: agop.pool.count)
    let rows = (0..<h.rows).pieces(ofAtMost: (h.rows + count.rows - 1) / count.rows)
    let columns = (0..<x.columns).pieces(ofAtMost: (x.columns + count.columns - 1) / count.columns)
    let stack = stack
    agop.pool.forEach(0..<(rows.count * columns.count)) { task, worker in
      let (row, column) = (rows[task % rows.count], columns[task / rows.count])
      multiply(
        h.rows(row), x.columns(column), beta: 1,
        into: stack.gradients.rows(row).columns(column.shifted(by: first)))
    }
  }

  /// Pieces of a product, as many as make equal work for all workers; and of those the ones for which BLAS packs least: a piece packs its
  /// rows of H and its columns of X. - Parameter limit: rows of a piece; messages are moved on between two.
  static func pieces(_ height: Int, _ width: Int, limit: Int, workers: Int) -> (rows: Int, columns: Int) {
    let least = max(1, (height + limit - 1) / limit)
    let choices = (1...workers).map { columns in
      var rows = least
      while rows * columns % workers != 0 { rows += 1 }
      return (rows: rows, columns: columns)
    }
    return choices.min { $0.rows * width + $0.columns * height < $1.rows * width + $1.columns * height } ?? (least, 1)
  }

  /// H of a run, and the sums of H A.
  private func fillWeights(
    _ h: MatrixView<T>, _ agop: ClassGradients<T>, _ block: Rows<T>, _ owner: Int, _ run: [Segment],
    _ coefficients: MatrixView<T>
  ) {
    let (weights, stack) = (agop.weights, stack)
    if weights.needsProducts {
      let own = agop.rows.deviations.rows(stack.segments.rowRange)
      agop.pool.multiply(own, block.deviations.rows(run.rowRange), transposeB: true, into: h)
    }
    agop.pool.forEachWhenFree(0..<stack.segments.count) { index, worker in
      for columns in run {
        let tile = h.rows(stack.rows(of: index)).columns(columns.rows.shifted(by: -run.rowRange.lowerBound))
        weights.fill(tile, stack.segments[index], block, of: owner, columns, worker: worker)
        self.addSums(index, tile, coefficients.rows(columns.rows), columns.centre, worker)
      }
    }
  }

  private func addSums(_ segment: Int, _ h: MatrixView<T>, _ a: MatrixView<T>, _ centre: Int, _ worker: Int) {
    let product = products[worker].rows(0..<h.rows)
    multiply(h, a, into: product)
    let weightSums = stack.weightSums
    for (k, i) in stack.rows(of: segment).enumerated() {
      T.accumulate(
        product.pointer + k * classes, weightSums.pointer + i * weightSums.columns + centre * classes, classes)
    }
  }
}
