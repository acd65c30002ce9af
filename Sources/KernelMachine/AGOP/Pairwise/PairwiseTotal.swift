import LinearAlgebra
import MPI
import Runtime

/// A rank's part of M, in double precision: M = D^T Q D + Y^T m + m^T Y + m^T C m, with m the centres. Q's part of low rank,
/// P A^T + A P^T, is kept apart.
final class PairwiseTotal<T: Real> {
  /// D^T Q D, lower triangle; (width x width).
  private let deviations: Matrix<Double>
  /// Y = sum over rows i of z_i delta_i^T; (centres x width).
  private let cross: Matrix<Double>
  /// C; (centres x centres).
  let means: Matrix<Double>
  /// A^T D and P^T D; (outputs x width) each.
  private var lowRank: (a: Matrix<Double>, p: Matrix<Double>)?
  private let rows: PairwiseRows<T>

  init(rows: PairwiseRows<T>) {
    self.rows = rows
    let width = rows.deviations.columns
    deviations = Matrix(rows: width, columns: width)
    cross = Matrix(rows: rows.centres.rows, columns: width)
    means = Matrix(rows: rows.centres.rows, columns: rows.centres.rows)
  }

  static func bytes(_ sizes: AGOPCost) -> Int {
    let (width, centres) = (sizes.width, sizes.centres)
    return 8 * (width * width + centres * width + centres * centres)
  }

  /// Bytes that one of `forEachWide`'s parts takes.
  static func wideBytes(_ sizes: AGOPCost) -> Int { 8 * min(wideRows, sizes.rows) * sizes.width }

  /// Bytes that `add` takes for a chunk: in float32 the largest directions come first, then a part of M, and either is flipped.
  static func addBytes(rows: Int, _ sizes: AGOPCost) -> Int {
    max(2 * sizes.width * sizes.width * 8 + directionBytes(rows: rows, sizes), wideBytes(sizes))
  }

  /// Bytes that the part of low rank and the end take, once the panels are gone.
  static func endBytes(_ sizes: AGOPCost) -> Int {
    let (k, width) = (sizes.outputs, sizes.width)
    let lowRank = 8 * (sizes.rows + sizes.centres) * (2 * k + sizes.centres) + wideBytes(sizes)
    return 8 * 2 * k * width + max(lowRank, 8 * width * width)
  }

  var saved: [SavedTensor] {
    [SavedTensor("deviations", deviations), SavedTensor("cross", cross), SavedTensor("means", means)]
  }

  /// Throws `CheckpointError`.
  func restore(_ saved: [SavedTensor]) throws {
    for (name, matrix) in [("deviations", deviations), ("cross", cross), ("means", means)] {
      try saved.restore(name, into: matrix)
    }
  }

  /// *Local.* What a chunk has gathered: D_I^T T_I + T_I^T D_I and its rows' part of Y. T_I is changed.
  func add(_ target: ChunkSums<T>, _ pool: ThreadPool) {
    let x = rows.deviations.rows(target.range)
    if T.precision == .float32 { takeOutLargest(x, target.product, pool) }
    let part = Matrix<T>(uninitialisedRows: x.columns, columns: x.columns)
    pool.multiply(x, target.product.view, transposeA: true, into: part.view)
    addSymmetric(part, pool)
    add([target.classSums], target.segments, x, pool)
  }

  /// M += A + A^T, lower triangle.
  func addSymmetric<E: Real>(_ a: Matrix<E>, _ pool: ThreadPool) {
    let flipped = Matrix<E>(uninitialisedRows: a.columns, columns: a.rows)
    let m = deviations
    pool.forEachPart(of: m.rows) { range, _ in
      transpose(a.view.columns(range), into: flipped.rows(range))
      for i in range {
        E.accumulate(a.pointer + i * m.columns, m.pointer + i * m.columns, i + 1)
        E.accumulate(flipped.pointer + i * m.columns, m.pointer + i * m.columns, i + 1)
      }
    }
  }

  /// *Local.* Y += Z D for some rows. A row's own centre gets minus the sum of the others: rows of Q sum to 0.
  /// - Parameters:
  ///   - parts: Z is their sum, (centres x rows) each; changed.
  ///   - segments: of the rows, in order.
  func add(_ parts: [Matrix<Double>], _ segments: [Segment], _ x: MatrixView<T>, _ pool: ThreadPool) {
    let z = parts[0]
    for part in parts.dropFirst() { for k in 0..<z.count { z.pointer[k] += part.pointer[k] } }
    for segment in segments {
      let own = rows.centre(of: segment)
      for i in segment.rows.shifted(by: -segments.rowRange.lowerBound) {
        var others = 0.0
        for b in 0..<z.rows where b != own { others += z[b, i] }
        z[own, i] = -others
      }
    }
    forEachWide(x) { rows, wide in
      pool.multiply(z.view.columns(rows), wide, beta: 1, into: cross.view)
    }
  }

  /// *Local.* The part of low rank, of a rank's rows. - Parameter place: where they are among all samples.
  func addLowRank(_ terms: SampleTerms<T>, at place: Range<Int>, _ pool: ThreadPool) {
    let factors = terms.lowRankFactors(place)
    // Row i's sums of P A^T + A P^T over the samples of each centre.
    let sums = Matrix<Double>(uninitialisedRows: rows.centres.rows, columns: place.count)
    multiply(terms.lowRankSums().view, factors.view, transposeB: true, into: sums.view)
    add([sums], rows.segments, rows.deviations, pool)
    let outputs = terms.outputs
    let parts = (
      a: Matrix<Double>(rows: outputs, columns: cross.columns), p: Matrix<Double>(rows: outputs, columns: cross.columns)
    )
    forEachWide(rows.deviations) { range, wide in
      let own = factors.rows(range)
      pool.multiply(own.columns(0..<outputs), wide, transposeA: true, beta: 1, into: parts.a.view)
      pool.multiply(own.columns(outputs..<(2 * outputs)), wide, transposeA: true, beta: 1, into: parts.p.view)
    }
    lowRank = parts
  }

  static var wideRows: Int { 256 }

  /// Calls `body` with some rows at a time in double precision.
  func forEachWide(_ x: MatrixView<T>, _ body: (_ rows: Range<Int>, _ wide: MatrixView<Double>) -> Void) {
    let wide = Matrix<Double>(uninitialisedRows: min(x.rows, Self.wideRows), columns: x.columns)
    for rows in (0..<x.rows).pieces(ofAtMost: Self.wideRows) {
      for (k, i) in rows.enumerated() { T.widen(x.pointer + i * x.stride, wide.pointer + k * wide.columns, x.columns) }
      body(rows, wide.rows(0..<rows.count))
    }
  }

  /// *Collective.*
  func sum(over world: Communicator) throws {
    for matrix in [deviations, cross, means] { try world.sum(matrix.buffer) }
    if let lowRank { for matrix in [lowRank.a, lowRank.p] { try world.sum(matrix.buffer) } }
  }

  /// *Local.* M times a factor, once all ranks' parts are summed.
  func finished(factor: Double, _ pool: ThreadPool) -> Matrix<Double> {
    let centres = rows.centres
    // Y^T m + m^T Y + m^T C m = V^T m + m^T V with V = Y + C m / 2, C being symmetric.
    multiply(means.view, centres.view, alpha: 0.5, beta: 1, into: cross.view)
    let mixed = Matrix<Double>(uninitialisedRows: centres.columns, columns: centres.columns)
    pool.multiply(cross.view, centres.view, transposeA: true, into: mixed.view)
    if let lowRank { pool.multiply(lowRank.a.view, lowRank.p.view, transposeA: true, beta: 1, into: mixed.view) }
    let m = deviations
    pool.forEachPart(of: m.rows) { rows, _ in
      for i in rows { for j in 0...i { m[i, j] = factor * (m[i, j] + mixed[i, j] + mixed[j, i]) } }
    }
    mirrorLower(deviations.view)
    return deviations
  }
}
