import LinearAlgebra
import Runtime

/// The exact AGOP by Gram matrices (docs/method.md), whatever the number of outputs: with H_ij the gradient's weight of
/// the pair and B = H A,
///
///     M = X^T Q X,  Q = (A A^T) o H^2 - (A B^T) o H - (B A^T) o H + diag(|b_i|^2),  o entry by entry.
///
/// H stands for its deviation from a constant here; what that leaves out has a low rank (see `GramTerms`).
///
/// **Schedule.** Each rank holds a panel of H: a chunk of its own rows against all N samples, built while the blocks of X pass
/// round the ring. Then the panels themselves travel, a piece of rows at a time with these rows of X: a piece J that comes
/// by gives Q_IJ of the own chunk I, from one product (H^2)_IJ = H_I H_J^T of depth N, and adds Q_IJ X_J to T_I. Q is
/// symmetric: each pair of rows is met once (see `PairSchedule`), and M = sum of X_I^T T_I + T_I^T X_I.
/// Sending a weight costs 4 bytes and making it 2 d operations: at d = 3072 that is worth sending at 0.2 GB/s and above.
///
/// **Cost**, N samples, width d, P ranks, each rank: N^3 / P for H^2, N^2 d / P for Q X, 2 N d^2 / P for X^T T, and
/// (2 - 1/P) N^2 d / P for the panel (a rank's own square is built by half). Memory: N/P x (N + d) elements, and
/// 2 pieces of N + d columns under way. Received: N (N + d) / 2 elements and once X.
/// Where that is more than `memoryBytes`, a rank's rows go in c chunks and the pairs of chunks one after another with two
/// panels in memory: c + (c - 1) (c - 2) / 2 panels are built where c would do, each at 2 N^2 d / (c P) operations.
///
/// **Centring.** Rows are a centre (see `GramRows`) + deviation, x_i = m_a + delta_i. Rows of Q sum to 0 in exact arithmetic, and
/// X^T Q X = D^T Q D + D^T Z + Z^T D + U with D the deviations, Z_i = sum over classes b != a of z_ib (m_b - m_a), where z_ib sums
/// row i of Q over class b, and U the part of the means alone, which comes from the class sums of H A in double precision. Within
/// a collapsed class Q is huge and nearly cancels, but only ever meets deviations on both sides, or is left out.
public struct GramProduct<T: Real>: RowsWork {
  let builder: TileBuilder<T>
  let weights: GradientWeights<T>
  let rows: Rows<T>
  /// Bytes for panels and what goes with them, unless single segments need more.
  let memoryBytes: Int
  /// Rows of a piece: tall enough for the product's best speed.
  let pieceRows: Int

  /// - Parameter kernel: the same rows' kernel matrix, if its tiles are still there.
  public init(
    builder: TileBuilder<T>, rows: Rows<T>, kernel: KernelOperator<T>? = nil, memoryBytes: Int = 8 << 30, pieceRows: Int = AGOPCost.runRows
  ) {
    self.builder = builder
    weights = GradientWeights(builder: builder, rows: rows, kernel: kernel)
    self.rows = rows
    self.memoryBytes = memoryBytes
    self.pieceRows = pieceRows
  }

  /// *Collective.* The unnormalised AGOP, sum over samples and outputs of the gradients' outer products; (width x width), whole
  /// on every rank.
  /// - Parameters:
  ///   - a: coefficients (own rows x outputs).
  ///   - saved: a computation to go on with.
  ///   - progress: called with the finished share.
  public func agop(
    _ a: Matrix<Double>, safePoints: SafePoints<AGOPState> = .none, from saved: AGOPState? = nil,
    progress: (Double) -> Void
  ) throws -> Matrix<Double> {
    let cost = AGOPCost(
      samples: layout.sampleCount, rows: layout.largestShard, width: rows.width, outputs: a.columns,
      ranks: layout.ranks,
      scalarBytes: MemoryLayout<T>.stride, memoryBytes: try world.minimum(memoryBytes))
    let plan = GramPlan(layout: layout, chunkRows: cost.gramChunkRows, pieceRows: pieceRows)
    let centred = try GramRows(rows)
    let terms = try GramTerms<T>(a, shift: weight(atSquare: centred.squareDistance), centred, rows)
    let total = try withoutActuallyEscaping(progress) { progress in
      let run = GramRun(self, plan, centred, terms, safePoints, progress)
      try run.meetAll(from: saved)
      return run.total
    }
    total.addLowRank(terms, at: shard, pool)
    try communicating { try total.sum(over: world) }
    let factor = builder.kernel.gradientFactor * builder.kernel.gradientFactor
    return total.finished(factor: factor, pool)
  }

  /// The gradient's weight at the root of a squared distance.
  private func weight(atSquare square: Double) -> T {
    T(gradientWeight(square: square, builder.kernel.form(distance: square.squareRoot(), near: 0)))
  }
}
