import LinearAlgebra
import Runtime

/// A partial Cholesky factor of the kernel matrix, K ~ F F^T, by blocks of pivots drawn at random with the residual's
/// diagonal as weights: RPCholesky (Chen, Epperly, Tropp, Webber, arXiv 2207.06503; blocked: arXiv 2410.03969).
public struct PartialCholesky {
  /// (own rows x capacity); the first `rank` columns are filled. Double: the digits of the small pivots matter.
  let factor: Matrix<Double>
  private(set) var rank = 0
  /// Trace of K - F F^T over all ranks.
  private(set) var residualTrace: Double
  /// W by centre, of a factor of W^1/2 K W^1/2; nil: 1.
  private let weights: [Double]?

  /// Smallest pivot taken, beside the mean of the residual's diagonal.
  private static let worthwhile = 1e-2

  /// *Collective.* Adds blocks of pivots until `limit` columns are there, the residual's trace is down to `enough`, or what is
  /// left of the diagonal is rounding.
  init<T: Real>(
    of k: KernelOperator<T>, limit: Int, enough: Double, weights: [Double]? = nil, random: RandomStream,
    progress: (Double) -> Void
  ) throws {
    factor = Matrix(rows: k.rows.rowCount, columns: limit)
    self.weights = weights
    residualTrace =
      weights.map { zip($0, k.layout.classCounts).reduce(0) { $0 + $1.0 * Double($1.1) } }
      ?? Double(k.layout.sampleCount)
    var diagonal = k.rows.segments.flatMap { [Double](repeating: weights?[$0.centre] ?? 1, count: $0.rows.count) }
    let block = Self.blockColumns(limit)
    var round = 0
    while rank < limit && residualTrace > enough {
      let pivots = try PivotRows(
        drawing: min(block, limit - rank), weights: diagonal, of: k, random: random, round: round)
      guard pivots.count > 0 else { break }
      let gained = try add(pivots, of: k, to: &diagonal)
      if gained == 0 { break }
      let trace = Matrix<Double>(rows: 1, columns: 1, [diagonal.reduce(0, +)])
      try k.sumAlike(trace.buffer)
      residualTrace = trace[0, 0]
      round += 1
      progress(Double(rank) / Double(limit))
    }
  }

  /// Pivots of a round, of 3 or more: each reads X from end to end. Products with a multiple of 16 are a tenth faster, and more than 256
  /// columns no better.
  public static func blockColumns(_ limit: Int) -> Int {
    let rounds = max(3, (limit + 255) / 256)
    return max(16, ((limit + rounds - 1) / rounds + 15) / 16 * 16)
  }

  /// *Collective.* Adds what the pivots' columns bring; returns the number of columns gained.
  private mutating func add<T: Real>(
    _ pivots: PivotRows<T>, of k: KernelOperator<T>, to diagonal: inout [Double]
  ) throws -> Int {
    var (columns, largest) = try k.columns(at: pivots)
    if let roots = weights?.map({ $0.squareRoot() }) {
      k.rows.scale(columns, by: roots)
      for segment in pivots.rows.segments {
        for j in segment.rows { for i in 0..<columns.rows { columns[i, j] *= roots[segment.centre] } }
      }
      largest *= weights?.max() ?? 1
    }
    // F's rows at the pivots, from the ranks that own them.
    let known = Matrix<Double>(rows: pivots.count, columns: rank)
    for (position, local) in pivots.own {
      for c in 0..<rank { known[position, c] = factor[local, c] }
    }
    try k.context.communicating { try k.world.sum(known.buffer) }
    let earlier = factor.view.columns(0..<rank)
    k.pool.multiply(earlier, known.view, transposeB: true, alpha: -1, beta: 1, into: columns.view)
    let core = Matrix<Double>(rows: pivots.count, columns: pivots.count)
    for (position, local) in pivots.own { _ = core.row(position).update(fromContentsOf: columns.row(local)) }
    try k.sumAlike(core.buffer)
    // What E's rounding in T leaves undecided.
    let noise = 8 * Double(T.ulpOfOne) * largest + 64 * Double.ulpOfOne
    // A pivot that its block's others all but explain brings nothing but its own rounding, divided by its root.
    let worth = Self.worthwhile * residualTrace / Double(k.layout.sampleCount)
    let cholesky = try PivotedCholesky(of: core, tolerance: max(noise, worth), asOnRankZeroOf: k)
    guard cholesky.rank > 0 else { return 0 }
    append(cholesky, columns, k.pool, &diagonal, noise: noise)
    return cholesky.rank
  }

  private mutating func append(
    _ cholesky: PivotedCholesky, _ columns: Matrix<Double>, _ pool: ThreadPool, _ diagonal: inout [Double],
    noise: Double
  ) {
    let target = factor.view.columns(rank..<(rank + cholesky.rank))
    let left = Matrix<Double>(rows: 1, columns: diagonal.count, diagonal)
    let order = Array(cholesky.order.prefix(cholesky.rank))
    pool.forEachPart(of: columns.rows) { rows, _ in
      // Few rows at a time: they stay in the L2 cache from the first step to the last.
      for batch in rows.pieces(ofAtMost: 256) {
        order.withUnsafeBufferPointer { order in
          for i in batch {
            let (from, to) = (columns.pointer + i * columns.columns, target.pointer + i * target.stride)
            for c in 0..<order.count { to[c] = from[order[c]] }
          }
        }
        solveRightTransposed(cholesky.factor, rows: target.rows(batch))
        for i in batch {
          let rest = left[0, i] - Self.sumOfSquares(target.row(i))
          left[0, i] = rest > noise ? rest : 0
        }
      }
    }
    diagonal = left.values
    rank += cholesky.rank
  }

  /// Eight sums at a time, which do not wait for each other.
  private static func sumOfSquares(_ x: UnsafeMutableBufferPointer<Double>) -> Double {
    var sums = SIMD8<Double>.zero
    let whole = x.count / 8 * 8
    for k in stride(from: 0, to: whole, by: 8) {
      let part = UnsafeRawPointer(x.baseAddress! + k).loadUnaligned(as: SIMD8<Double>.self)
      sums += part * part
    }
    return x[whole...].reduce(sums.sum()) { $0 + $1 * $1 }
  }
}

extension PivotedCholesky {
  /// *Collective.* The same on all ranks, whatever their processors' rounding: rank and order are decisions.
  fileprivate init<T: Real>(of a: Matrix<Double>, tolerance: Double, asOnRankZeroOf k: KernelOperator<T>) throws {
    let own = PivotedCholesky(of: a, tolerance: tolerance)
    guard k.world.size > 1 else {
      self = own
      return
    }
    var found = [Double](repeating: 0, count: 1 + a.rows + a.count)
    found[0] = Double(own.rank)
    for (i, row) in own.order.enumerated() { found[1 + i] = Double(row) }
    for (i, value) in own.factor.buffer.enumerated() { found[1 + a.rows + i] = value }
    try k.takeFromRankZero(&found)
    let rank = Int(found[0])
    self.init(
      order: found[1...].prefix(a.rows).map { Int($0) }, rank: rank,
      factor: Matrix(rows: rank, columns: rank, found[(1 + a.rows)...].prefix(rank * rank)))
  }
}
