import LinearAlgebra
import Runtime

/// Builds tiles: the kernel, or the gradient's weights, between a segment of one block and a segment of another.
///
/// One product of deviations, one elementwise loop, and a second look at the pairs so near to each other that the product
/// has lost their distance's digits. Each thread has its own scratch: pass its worker.
public final class TileBuilder<T: Real>: @unchecked Sendable {
  public enum Quantity: Sendable {
    /// k(D) minus the kernel at the distance of the two centres.
    case kernelDeviation
    /// k(D) / D (laplace; 0 for coincident points) or k(D) (gaussian).
    case gradientWeight
  }

  let kernel: Kernel
  /// Distances between the centres; (centres x centres).
  let distances: Matrix<Double>
  private let centres: Matrix<Double>
  /// The kernel at these distances; (centres x centres).
  private let constants: Matrix<Double>
  private let scratch: [Scratch]

  /// Rows of a stripe. Fewer, and BLAS packs the columns' rows too often; more, and the inner products leave the cache before
  /// they are kernel values.
  static var stripeRows: Int { 512 }

  /// Below this D^2, relative to the squared norms, a distance is taken again from the difference of the rows.
  static var near: Double { T.precision == .float32 ? 1e-3 : 1e-6 }

  /// Points nearer than this, relative to the norms, coincide: what separates them is rounding. The norms are of the deviations and
  /// the distance of the centres, which hold the rows' digits.
  static var coincident: Double { T.precision == .float32 ? 8 * Double(T.ulpOfOne) : 1e-12 }

  /// The same, squared, beside the rows' own norms, centre and all. Rows of two centres were rounded before these were taken away;
  /// those of one keep the digits of smaller distances, but for what rounding made of them when they were read.
  private static func coincidentSquare(sameCentre: Bool) -> Double {
    let relative = sameCentre ? (T.precision == .float32 ? 2 : 8) * Double(T.ulpOfOne) : coincident
    return relative * relative
  }

  /// D^2 below which some pairs of a tile coincide by their rows' own norms, at most.
  private static func coincidentSquare(_ x: SegmentNorms, _ y: SegmentNorms, sameCentre: Bool) -> Double {
    coincidentSquare(sameCentre: sameCentre) * (x.largestRow + y.largestRow)
  }

  /// Squared norms among a segment's rows.
  private struct SegmentNorms {
    var leastDeviation = Double.infinity
    /// Centre and all.
    var largestRow = 0.0
  }

  private let centreSquares: [Double]

  /// |row|^2, centre and all.
  private func rowSquare(_ block: Rows<T>, _ row: Int, _ centre: Int) -> Double {
    centreSquares[centre] + 2 * block.innerProduct(row, with: centre) + block.squaredNorm(row)
  }

  private func norms(_ block: Rows<T>, _ segment: Segment) -> SegmentNorms {
    var norms = SegmentNorms()
    for i in segment.rows {
      norms.leastDeviation = min(norms.leastDeviation, block.squaredNorm(i))
      norms.largestRow = max(norms.largestRow, rowSquare(block, i, segment.centre))
    }
    return norms
  }

  private final class Scratch {
    let products: Matrix<T>
    let alpha, beta, rowNorm, columnNorm: Matrix<T>
    init(tileRows: Int) {
      products = Matrix(uninitialisedRows: TileBuilder.stripeRows, columns: tileRows)
      alpha = Matrix(uninitialisedRows: 1, columns: tileRows)
      beta = Matrix(uninitialisedRows: 1, columns: tileRows)
      rowNorm = Matrix(uninitialisedRows: 1, columns: tileRows)
      columnNorm = Matrix(uninitialisedRows: 1, columns: tileRows)
    }
  }

  /// Bytes of a thread's scratch.
  static func scratchBytes(tileRows: Int, _ scalarBytes: Int) -> Int { (stripeRows + 4) * tileRows * scalarBytes }

  /// *Local.* For segments whose centres are those of `rows`.
  public init<S>(kernel: Kernel, _ rows: Rows<S>) {
    self.kernel = kernel
    centres = rows.centres
    centreSquares = (0..<centres.rows).map { [centres = rows.centres] c in centres.row(c).reduce(0) { $0 + $1 * $1 } }
    let distances = centreDistances(centres)
    self.distances = distances
    constants = Matrix(uninitialisedRows: distances.rows, columns: distances.columns)
    constants.fill { kernel.form(distance: distances[$0, $1], near: Self.near).constant }
    scratch = (0..<rows.context.pool.count).map { _ in Scratch(tileRows: rows.layout.tileRows) }
  }

  /// The kernel at the distance of two centres: the constant that belongs to a tile of deviations.
  public func constant(_ a: Int, _ b: Int) -> Double { constants[a, b] }

  /// *Local.* For each centre a the sum over centres b of c_ab S_b; (centres x columns), of sums S of the same shape.
  func constants(times sums: Matrix<Double>, _ pool: ThreadPool) -> Matrix<Double> {
    let (count, constants) = (sums.rows, self.constants)
    let products = Matrix<Double>(uninitialisedRows: count, columns: sums.columns)
    // To wake the workers takes longer than ten classes do.
    if count * count * sums.columns < 1 << 16 {
      multiply(constants.view, sums.view, into: products.view)
    } else {
      pool.forEachPart(of: count) { range, _ in multiply(constants.rows(range), sums.view, into: products.rows(range)) }
    }
    return products
  }

  /// *Local.* Writes the tile of `rowSegment` x `columnSegment` to `out`.
  @specialized(where T == Float)
  @specialized(where T == Double)
  public func build(
    _ quantity: Quantity, _ rows: Rows<T>, _ rowSegment: Segment, _ columns: Rows<T>,
    _ columnSegment: Segment, into out: MatrixView<T>, worker: Int
  ) {
    build(quantity, rows, rowSegment, columns, columnSegment, products: nil, into: out, worker: worker)
  }

  /// *Local.* The same from the inner products of the segments' deviations.
  func build(
    _ quantity: Quantity, _ rows: Rows<T>, _ rowSegment: Segment, _ columns: Rows<T>,
    _ columnSegment: Segment, from products: MatrixView<T>, into out: MatrixView<T>, worker: Int
  ) {
    build(quantity, rows, rowSegment, columns, columnSegment, products: products, into: out, worker: worker)
  }

  /// *Local.* The same of a segment with itself: little more than the lower half is made, the rest is its mirror image.
  func buildSquare(_ quantity: Quantity, _ rows: Rows<T>, _ segment: Segment, into out: MatrixView<T>, worker: Int) {
    let (first, count) = (segment.rows.lowerBound, segment.rows.count)
    for strip in (0..<count).pieces(ofAtMost: max(64, (count + 3) / 4)) {
      let row = Segment(rows: strip.shifted(by: first), centre: segment.centre)
      let column = Segment(rows: first..<(first + strip.upperBound), centre: segment.centre)
      build(quantity, rows, row, rows, column, into: out.rows(strip).columns(0..<strip.upperBound), worker: worker)
      let before = 0..<strip.lowerBound
      transpose(out.rows(strip).columns(before), into: out.rows(before).columns(strip))
    }
  }

  /// *Local.* The same where `out` already holds the inner products of the segments' deviations, from one large product.
  func finish(
    _ quantity: Quantity, _ rows: Rows<T>, _ rowSegment: Segment, _ columns: Rows<T>,
    _ columnSegment: Segment, products out: MatrixView<T>, worker: Int
  ) {
    build(quantity, rows, rowSegment, columns, columnSegment, products: out, into: out, worker: worker)
  }

  /// *Local.* The gradient's weights from a tile's kernel deviations, without a product; only if the kernel `keepsDigits`.
  /// - Parameter e: (row segment x column segment), as `build` made it.
  func weights(
    fromDeviations e: MatrixView<T>, _ rows: Rows<T>, _ rowSegment: Segment, _ columns: Rows<T>,
    _ columnSegment: Segment, into out: MatrixView<T>
  ) {
    let (a, b) = (rowSegment.centre, columnSegment.centre)
    let form = kernel.form(distance: distances[a, b], near: Self.near)
    let (own, other) = (norms(rows, rowSegment), norms(columns, columnSegment))
    let nearest = max(
      Self.nearest * form.distance, Self.coincidentSquare(own, other, sameCentre: a == b).squareRoot())
    guard gradientWeight(ofDeviation: e, nearest: nearest, form, into: out), a != b else { return }
    let pairs = Pairs(rows: rows, rowSegment, columns: columns, columnSegment)
    for i in 0..<out.rows {
      for j in 0..<out.columns where laplaceDistance(deviation: Double(e[i, j]), form) < 2 * nearest {
        out[i, j] = T(value(.gradientWeight, pairs, i, j, form))
      }
    }
  }

  /// The same for the transposed tile. - Parameter e: (column segment x row segment)
  func weights(
    fromTransposed e: MatrixView<T>, _ rows: Rows<T>, _ rowSegment: Segment, _ columns: Rows<T>,
    _ columnSegment: Segment, into out: MatrixView<T>, worker: Int
  ) {
    for stripe in (0..<e.rows).pieces(ofAtMost: Self.stripeRows) {
      let first = columnSegment.rows.lowerBound
      let part = Segment(
        rows: (first + stripe.lowerBound)..<(first + stripe.upperBound), centre: columnSegment.centre)
      let weights = scratch[worker].products.reshaped(rows: stripe.count, columns: e.columns)
      self.weights(fromDeviations: e.rows(stripe), columns, part, rows, rowSegment, into: weights)
      transpose(weights, into: out.columns(stripe))
    }
  }

  /// The same from a tile's two factors: L R, or where they are the transposed tile's (L^T, R^T), their product transposed.
  func weights(
    from factors: (left: MatrixView<T>, right: MatrixView<T>), transposed: Bool, _ rows: Rows<T>, _ rowSegment: Segment,
    _ columns: Rows<T>, _ columnSegment: Segment, into out: MatrixView<T>, worker: Int
  ) {
    for stripe in (0..<out.rows).pieces(ofAtMost: Self.stripeRows) {
      let left = transposed ? factors.left.columns(stripe) : factors.left.rows(stripe)
      let e = scratch[worker].products.reshaped(rows: stripe.count, columns: out.columns)
      multiply(left, factors.right, transposeA: transposed, transposeB: transposed, into: e)
      let part = Segment(rows: stripe.shifted(by: rowSegment.rows.lowerBound), centre: rowSegment.centre)
      weights(fromDeviations: e, rows, part, columns, columnSegment, into: out.rows(stripe))
    }
  }

  /// Between classes, a distance this much smaller than that of the means is taken again from the rows.
  private static var nearest: Double { 0.05 }

  private func build(
    _ quantity: Quantity, _ rows: Rows<T>, _ rowSegment: Segment, _ columns: Rows<T>,
    _ columnSegment: Segment, products: MatrixView<T>?, into out: MatrixView<T>, worker: Int
  ) {
    let (a, b) = (rowSegment.centre, columnSegment.centre)
    let form = kernel.form(distance: distances[a, b], near: Self.near)
    let s = scratch[worker]
    fillTerms(rows, rowSegment, from: a, to: b, sign: -1, s.alpha, s.rowNorm)
    fillTerms(columns, columnSegment, from: a, to: b, sign: 1, s.beta, s.columnNorm)
    // Centres that are all but the same, and rows that are all but their centres: nothing is near beside norms as small.
    let (own, other) = (norms(rows, rowSegment), norms(columns, columnSegment))
    let coincident = Self.coincidentSquare(own, other, sameCentre: a == b)
    let smallest = own.leastDeviation + other.leastDeviation + form.distance * form.distance
    let mayCoincide = smallest * form.near <= 4 * coincident
    let y = columns.deviations.rows(columnSegment.rows)
    for stripe in (0..<rowSegment.rows.count).pieces(ofAtMost: Self.stripeRows) {
      let first = rowSegment.rows.lowerBound
      let x = rows.deviations.rows((first + stripe.lowerBound)..<(first + stripe.upperBound))
      let target = out.rows(stripe)
      var g = s.products.reshaped(rows: stripe.count, columns: y.rows)
      if let products = products?.rows(stripe) {
        // Looked at again where points are near: `out` must not overwrite them.
        if products.pointer == target.pointer { g.copy(from: products) } else { g = products }
      } else {
        multiply(x, y, transposeB: true, into: g)
      }
      let terms = TileTerms(
        alpha: s.alpha.pointer + stripe.lowerBound, beta: s.beta.pointer,
        rowNorm: s.rowNorm.pointer + stripe.lowerBound, columnNorm: s.columnNorm.pointer)
      let close =
        switch quantity {
        case .kernelDeviation: kernelDeviation(of: g, terms, form, into: target)
        case .gradientWeight: gradientWeight(of: g, terms, form, into: target)
        }
      if close || mayCoincide {
        let part = Segment(rows: stripe.shifted(by: first), centre: a)
        let pairs = Pairs(rows: rows, part, columns: columns, columnSegment)
        mend(quantity, pairs, g, terms, form, coincident: coincident, target)
      }
    }
    joinCopies(quantity, Pairs(rows: rows, rowSegment, columns: columns, columnSegment), form, out)
  }

  /// alpha or beta, and the norms, of one segment's rows.
  private func fillTerms(
    _ block: Rows<T>, _ segment: Segment, from a: Int, to b: Int, sign: Double, _ terms: Matrix<T>,
    _ norms: Matrix<T>
  ) {
    for (k, i) in segment.rows.enumerated() {
      let norm = block.squaredNorm(i)
      let along = a == b ? 0 : block.innerProduct(i, with: b) - block.innerProduct(i, with: a)
      terms.pointer[k] = T(norm + sign * 2 * along)
      norms.pointer[k] = T(norm)
    }
  }

  /// A segment of one block and one of another.
  private struct Pairs {
    let rows: Rows<T>
    let rowSegment: Segment
    let columns: Rows<T>
    let columnSegment: Segment

    init(rows: Rows<T>, _ rowSegment: Segment, columns: Rows<T>, _ columnSegment: Segment) {
      (self.rows, self.rowSegment, self.columns, self.columnSegment) = (rows, rowSegment, columns, columnSegment)
    }
  }

  /// Takes the pairs below `near` again, from the difference of their rows in double precision, and those that may coincide.
  /// - Parameter coincident: D^2 of such pairs, at most.
  private func mend(
    _ quantity: Quantity, _ pairs: Pairs, _ g: MatrixView<T>, _ terms: TileTerms<T>, _ form: TileForm,
    coincident: Double, _ out: MatrixView<T>
  ) {
    let square = T(form.distance * form.distance)
    let (near, least) = (T(form.near), T(4 * coincident))
    for i in 0..<g.rows {
      let (alpha, norm) = (terms.alpha[i], terms.rowNorm[i] + square)
      for j in 0..<g.columns {
        let d2 = square + ((alpha + terms.beta[j]) - 2 * g[i, j])
        // Not `<`: two rows that are both the centre have norms of 0.
        guard d2 <= max(near * (norm + terms.columnNorm[j]), least) else { continue }
        out[i, j] = T(value(quantity, pairs, i, j, form))
      }
    }
  }

  /// Takes the pairs of equal samples again, which rounding may have parted.
  private func joinCopies(_ quantity: Quantity, _ pairs: Pairs, _ form: TileForm, _ out: MatrixView<T>) {
    guard !pairs.rows.layout.copies.isEmpty else { return }
    let columns = pairs.columnSegment.rows.map { pairs.columns.copy($0) }
    guard columns.contains(where: { $0 != 0 }) else { return }
    for (i, row) in pairs.rowSegment.rows.enumerated() {
      let copy = pairs.rows.copy(row)
      guard copy != 0 else { continue }
      for j in columns.indices where columns[j] == copy { out[i, j] = T(value(quantity, pairs, i, j, form)) }
    }
  }

  /// One pair's quantity from the difference of its rows.
  private func value(_ quantity: Quantity, _ pairs: Pairs, _ i: Int, _ j: Int, _ form: TileForm) -> Double {
    let (row, column) = (pairs.rowSegment.rows.lowerBound + i, pairs.columnSegment.rows.lowerBound + j)
    let (a, b) = (pairs.rowSegment.centre, pairs.columnSegment.centre)
    let square = squareDistance(pairs.rows, row, a, pairs.columns, column, b)
    let deviations =
      pairs.rows.squaredNorm(row) + pairs.columns.squaredNorm(column) + form.distance * form.distance
    let rows = rowSquare(pairs.rows, row, a) + rowSquare(pairs.columns, column, b)
    let copy = pairs.rows.copy(row)
    let coincides =
      copy != 0 && copy == pairs.columns.copy(column) || square <= Self.coincident * Self.coincident * deviations
      || square <= Self.coincidentSquare(sameCentre: a == b) * rows
    switch quantity {
    case .kernelDeviation:
      let exact = coincides ? 0 : square
      return kernelDeviation(squareExcess: exact - form.distance * form.distance, form)
    case .gradientWeight:
      // Gaussian: the difference of coincident rows is 0, their weight does not matter but must be the same in every tile.
      return coincides && !form.gaussian ? 0 : gradientWeight(square: square, form)
    }
  }

  private func squareDistance(_ x: Rows<T>, _ i: Int, _ a: Int, _ y: Rows<T>, _ j: Int, _ b: Int) -> Double {
    T.squareDistance(
      x.deviations.pointer + i * x.deviations.stride, y.deviations.pointer + j * y.deviations.stride,
      centres.pointer + a * centres.columns, centres.pointer + b * centres.columns, centres.columns)
  }
}
