import LinearAlgebra

/// The gradients of some of this rank's rows, for every class, while the blocks of X pass by.
final class GradientChunk<T: Real>: @unchecked Sendable {
  private let segments: [Segment]
  /// Row of the chunk at which each segment starts, and after the last the chunk's height.
  private let starts: [Int]
  private let classes: Int
  private let height: Int
  /// G: class after class, (height x width) each.
  private let gradients: Matrix<T>
  /// S_ibc = sum over samples j of class b of H_ij A_jc, in double: (height x (centres * classes)).
  private let weightSums: Matrix<Double>
  /// H between the chunk and the current segment of X, (height x segment).
  private let weights: Matrix<T>
  /// diag(A_c) X of the current segment, one for each lane.
  private let scaled: [Matrix<T>]
  /// H A of one segment, one for each lane.
  private let products: [Matrix<T>]

  init(_ agop: ClassGradients<T>, segments: [Segment], classes: Int) {
    self.segments = segments
    self.classes = classes
    var starts = [0]
    for segment in segments { starts.append((starts.last ?? 0) + segment.rows.count) }
    self.starts = starts
    height = starts.last ?? 0
    let (width, tileRows, lanes) = (agop.rows.width, agop.layout.tileRows, agop.team.count)
    gradients = Matrix(rows: classes * height, columns: width)
    weightSums = Matrix(rows: height, columns: agop.rows.centres.rows * classes)
    weights = Matrix(uninitialisedRows: height, columns: tileRows)
    scaled = (0..<lanes).map { _ in Matrix(uninitialisedRows: tileRows, columns: width) }
    products = (0..<lanes).map { _ in Matrix(uninitialisedRows: tileRows, columns: classes) }
  }

  /// All classes' gradients one below the other, (classes height x width): their Gram matrix is the AGOP.
  var stacked: MatrixView<T> { gradients.view }

  /// Adds the terms of one segment of a block: G_c += H diag(A_c) X.
  func add(
    _ agop: ClassGradients<T>, _ block: CentredRows<T>, _ columns: Segment, _ coefficients: MatrixView<T>,
    _ poke: @escaping () -> Void
  ) {
    let pokeFromMain = MainLane(poke)
    let a = coefficients.rows(columns.rows)
    let (builder, rows) = (agop.builder, agop.rows)
    agop.team.forEach(0..<segments.count) { index, lane in
      let h = self.weights(index, columns.rows.count)
      builder.build(.gradientWeight, rows, self.segments[index], block, columns, into: h, lane: lane)
      self.addSums(index, h, a, columns.centre, lane)
      pokeFromMain(lane)
    }
    // Each piece of G has one owner and its terms come in the order of the segments: the sum does not depend on the threads.
    let parts = rowParts(lanes: agop.team.count)
    let x = block.deviations.rows(columns.rows)
    let h = weights(columns.rows.count)
    agop.team.forEach(0..<(classes * parts.count)) { task, lane in
      let (c, part) = (task / parts.count, parts[task % parts.count])
      let scaled = self.scaled[lane].rows(0..<x.rows)
      T.scaleRows(x.pointer, x.stride, a.pointer + c, a.stride, x.rows, x.columns, scaled.pointer)
      let g = self.gradients.rows((c * self.height + part.lowerBound)..<(c * self.height + part.upperBound))
      multiply(h.rows(part), scaled, beta: 1, into: g)
      pokeFromMain(lane)
    }
  }

  /// The chunk's rows in so many parts that every lane has as many tasks, or nearly.
  private func rowParts(lanes: Int) -> [Range<Int>] {
    let wanted = classes % lanes == 0 || classes >= 8 * lanes ? 1 : lanes
    return (0..<height).pieces(ofAtMost: max(1, (height + wanted - 1) / wanted))
  }

  private func weights(_ columns: Int) -> MatrixView<T> {
    weights.view.columns(0..<columns)
  }

  private func weights(_ segment: Int, _ columns: Int) -> MatrixView<T> {
    weights(columns).rows(starts[segment]..<starts[segment + 1])
  }

  private func addSums(_ segment: Int, _ h: MatrixView<T>, _ a: MatrixView<T>, _ centre: Int, _ lane: Int) {
    let product = products[lane].rows(0..<h.rows)
    multiply(h, a, into: product)
    for i in 0..<h.rows {
      let sums = weightSums.pointer + (starts[segment] + i) * weightSums.columns + centre * classes
      for c in 0..<classes { sums[c] += Double(product[i, c]) }
    }
  }

  /// After all blocks: with m the class means and a the row's class, G_c += sum over b of S_bc (m_b - m_a) - (sum over b of
  /// S_bc) (x_i - m_a).
  func finish(_ agop: ClassGradients<T>) {
    let rows = agop.rows
    agop.team.forEach(0..<(segments.count * classes)) { task, _ in
      let (index, c) = (task / self.classes, task % self.classes)
      self.finish(rows, index, c)
    }
  }

  private func finish(_ rows: CentredRows<T>, _ index: Int, _ c: Int) {
    let (segment, centres) = (segments[index], rows.centres)
    let sums = Matrix<T>(uninitialisedRows: segment.rows.count, columns: centres.rows)
    let first = c * height + starts[index]
    let g = gradients.rows(first..<(first + segment.rows.count))
    for i in 0..<segment.rows.count {
      let all = weightSums.row(starts[index] + i)
      var total = 0.0
      for b in 0..<centres.rows {
        total += all[b * classes + c]
        sums[i, b] = T(all[b * classes + c])
      }
      let (deviation, weight) = (rows.deviations.row(segment.rows.lowerBound + i), T(total))
      let target = g.row(i)
      for k in 0..<target.count { target[k] -= weight * deviation[k] }
    }
    let offsets = Matrix<T>(uninitialisedRows: centres.rows, columns: centres.columns)
    for b in 0..<centres.rows {
      for k in 0..<centres.columns { offsets[b, k] = T(centres[b, k] - centres[segment.centre, k]) }
    }
    multiply(sums.view, offsets.view, beta: 1, into: g)
  }
}
