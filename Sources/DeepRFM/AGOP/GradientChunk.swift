import LinearAlgebra
import MPI

/// The gradients of some of this rank's rows, for every class, while the blocks of X pass by.
final class GradientChunk<T: Real>: @unchecked Sendable {
  let stack: GradientStack<T>
  private let classes: Int
  /// H between the chunk and the current run of X's segments, (height x run).
  private let weights: Matrix<T>
  /// diag(A_c) X of the run, one for each lane.
  private let scaled: [Matrix<T>]
  /// H A of one segment, one for each lane.
  private let products: [Matrix<T>]

  init(_ agop: ClassGradients<T>, segments: [Segment], classes: Int) {
    self.classes = classes
    let (width, lanes) = (agop.rows.width, agop.team.count)
    let (tileRows, runRows) = (agop.layout.tileRows, max(agop.runRows, agop.layout.tileRows))
    stack = GradientStack(segments, outputs: classes, width: width, centres: agop.rows.centres.rows)
    weights = Matrix(uninitialisedRows: stack.height, columns: runRows)
    scaled = (0..<lanes).map { _ in Matrix(uninitialisedRows: runRows, columns: width) }
    products = (0..<lanes).map { _ in Matrix(uninitialisedRows: tileRows, columns: classes) }
  }

  /// Adds the terms of a run of a block's segments: G_c += H diag(A_c) X.
  func add(
    _ agop: ClassGradients<T>, _ block: CentredRows<T>, of owner: Int, _ run: [Segment],
    _ coefficients: MatrixView<T>, _ poke: @escaping () -> Void
  ) {
    let columns = run.rowRange
    let h = weights.view.columns(0..<columns.count)
    fillWeights(h, agop, block, owner, run, coefficients, poke)
    // Each piece of G has one owner and its terms come in the order of the segments: the sum does not depend on the threads.
    let parts = rowParts(lanes: agop.team.count)
    let (a, x) = (coefficients.rows(columns), block.deviations.rows(columns))
    let pokeFromMain = MainLane(poke)
    agop.team.forEach(0..<(classes * parts.count)) { task, lane in
      let (c, part) = (task / parts.count, parts[task % parts.count])
      let scaled = self.scaled[lane].rows(0..<x.rows)
      T.scaleRows(x.pointer, x.stride, a.pointer + c, a.stride, x.rows, x.columns, scaled.pointer)
      multiply(h.rows(part), scaled, beta: 1, into: self.stack.gradients(c, part))
      pokeFromMain(lane)
    }
  }

  /// H of a run, and the sums of H A.
  private func fillWeights(
    _ h: MatrixView<T>, _ agop: ClassGradients<T>, _ block: CentredRows<T>, _ owner: Int, _ run: [Segment],
    _ coefficients: MatrixView<T>, _ poke: @escaping () -> Void
  ) {
    let (weights, stack) = (agop.weights, stack)
    if weights.needsProducts {
      let own = agop.rows.deviations.rows(stack.segments.rowRange)
      agop.team.withThreadedBLAS { multiply(own, block.deviations.rows(run.rowRange), transposeB: true, into: h) }
    }
    let pokeFromMain = MainLane(poke)
    agop.team.forEach(0..<stack.segments.count) { index, lane in
      for columns in run {
        let tile = h.rows(stack.rows(of: index)).columns(columns.rows.shifted(by: -run.rowRange.lowerBound))
        weights.fill(tile, stack.segments[index], block, of: owner, columns, lane: lane)
        self.addSums(index, tile, coefficients.rows(columns.rows), columns.centre, lane)
      }
      pokeFromMain(lane)
    }
  }

  /// The chunk's rows in so many parts that every lane has as many tasks, or nearly.
  private func rowParts(lanes: Int) -> [Range<Int>] {
    let wanted = classes % lanes == 0 || classes >= 8 * lanes ? 1 : lanes
    return (0..<stack.height).pieces(ofAtMost: max(1, (stack.height + wanted - 1) / wanted))
  }

  private func addSums(_ segment: Int, _ h: MatrixView<T>, _ a: MatrixView<T>, _ centre: Int, _ lane: Int) {
    let product = products[lane].rows(0..<h.rows)
    multiply(h, a, into: product)
    let weightSums = stack.weightSums
    for (k, i) in stack.rows(of: segment).enumerated() {
      T.accumulate(
        product.pointer + k * classes, weightSums.pointer + i * weightSums.columns + centre * classes, classes)
    }
  }
}
