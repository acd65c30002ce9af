import LinearAlgebra
import Runtime

/// The exact AGOP pair by pair of samples (docs/method.md), route `gram`, whatever the number of outputs: with H_ij the gradient's weight
/// of the pair and B = H A,
///
///     M = X^T Q X,  Q = (A A^T) o H^2 - (A B^T) o H - (B A^T) o H + diag(|b_i|^2),  o entry by entry.
///
/// H stands for its deviation from a constant here; what that leaves out has a low rank (see `SampleTerms`).
///
/// **What meets what.** Each rank holds a **panel** of H, a **chunk** I of its own rows against all N samples, built while the blocks of X
/// pass round the ring (`WeightPanel`). Then the panels themselves travel (`PieceRing`), a **piece** J of rows at a time with these rows of
/// X. A chunk and a piece give Q_IJ, from one product (H^2)_IJ = H_I H_J^T of depth N, and T_I += Q_IJ X_J (`ChunkMeeting`). Q is
/// symmetric: each pair of rows meets once, on one rank, and M = sum over I of X_I^T T_I + T_I^T X_I (`PairwiseTotal`).
///
/// P = 4 ranks, a chunk each, cut into two pieces (`PairwisePlan`): 0a is rank 0's first piece. The rounds (`PairwiseRounds`), with what a
/// rank's own rows, before the x, meet:
///
///     rank, panel | round a: step 0    step 1      step 2       | round b: step 0   step 1      step 2
///     0   0a 0b   | 0a 0b x 0a    0a 0b x 1a  0a' x 2a          | 0b x 0b     0a 0b x 1b  0a 0b' x 2b
///     1   1a 1b   | 1a 1b x 1a    1a 1b x 2a  1a' x 3a          | 1b x 1b     1a 1b x 2b  1a 1b' x 3b
///     2   2a 2b   | 2a 2b x 2a    2a 2b x 3a  2a x 0a"          | 2b x 2b     2a 2b x 3b  2a x 0b, 2b x 0b"
///     3   3a 3b   | 3a 3b x 3a    3a 3b x 0a  3a x 1a"          | 3b x 3b     3a 3b x 0b  3a x 1b, 3b x 1b"
///
/// Step 0: the own piece meets itself, half of that square, and what lies behind it. Step 1: all of the neighbour's piece. Step 2: the
/// farthest pair of ranks belongs to both; each takes its pieces before the one that came, and of pieces of the same number the lower rank
/// the first half of its own rows (0a'), the upper one the second half of the other's (0a").
/// Between two pieces all ranks agree whether to pause: a checkpoint holds what is summed so far, T_I, and the place in these loops.
///
/// Where the panels do not fit, a rank's rows go in c **chunks**, two panels in memory. Different chunks meet in P steps, all pairs of
/// ranks; for c = 3, (chunk that stays, chunk that travels), and in brackets the panels that are built:
///
///     (0,0) [0]   (0,2) [2]   (0,1) [1]   |   (1,1)   (1,2) [2]   |   (2,2)
///
/// **Cost**, N samples, width d, P ranks, each rank: N^3 / P for H^2, N^2 d / P for Q X, 2 N d^2 / P for X^T T, and
/// (2 - 1/P) N^2 d / P for the panel (a rank's own square is built by half); c + (c - 1) (c - 2) / 2 panels of c chunks, each at
/// 2 N^2 d / (c P). Received: N (N + d) / 2 elements and once X. Memory: `AGOPCost.gramBytes`.
/// Sending a weight costs 4 bytes and making it 2 d operations: at d = 3072 that is worth sending at 0.2 GB/s and above.
///
/// **Centring.** Rows are a centre (see `PairwiseRows`) + deviation, x_i = m_a + delta_i. Rows of Q sum to 0 in exact arithmetic, and
/// X^T Q X = D^T Q D + D^T Z + Z^T D + U with D the deviations, Z_i = sum over classes b != a of z_ib (m_b - m_a), where z_ib sums
/// row i of Q over class b, and U the part of the means alone, which comes from the class sums of H A in double precision. Within
/// a collapsed class Q is huge and nearly cancels, but only ever meets deviations on both sides, or is left out.
struct PairwiseAGOP<T: Real>: RowsWork {
  let source: AGOPSource<T>
  /// Rows of a chunk, unless a single segment has more; the same on all ranks.
  let chunkRows: Int

  var rows: Rows<T> { source.rows }
  var weights: GradientWeights<T> { source.weights }
  /// Rows of a piece: tall enough for the product's best speed.
  var pieceRows: Int { source.runRows }

  /// *Collective.* The unnormalised AGOP; (width x width), whole on every rank.
  /// - Parameters:
  ///   - a: coefficients (own rows x outputs).
  ///   - saved: a computation to go on with.
  ///   - progress: called with the finished share.
  func agop(
    _ a: Matrix<Double>, _ safePoints: SafePoints<AGOPState>, from saved: AGOPState?, progress: (Double) -> Void
  ) throws -> Matrix<Double> {
    let plan = PairwisePlan(layout: layout, chunkRows: chunkRows, pieceRows: pieceRows)
    let centred = try PairwiseRows(rows)
    let terms = try SampleTerms<T>(a, shift: weight(atSquare: centred.squareDistance), centred, rows)
    let total = try withoutActuallyEscaping(progress) { progress in
      let rounds = PairwiseRounds(self, plan, centred, terms, safePoints, progress)
      try rounds.meetAll(from: saved)
      return rounds.total
    }
    total.addLowRank(terms, at: shard, pool)
    try communicating { try total.sum(over: world) }
    let factor = source.builder.kernel.gradientFactor * source.builder.kernel.gradientFactor
    return total.finished(factor: factor, pool)
  }

  /// Bytes of a rank with chunks of so many rows and one panel in memory or two: what stays throughout, and the largest of what comes in
  /// turn.
  static func bytes(chunkRows: Int, panels: Int, _ sizes: AGOPCost) -> Int {
    let pieceRows = min(chunkRows, max(sizes.runRows, sizes.tileRows))
    let all =
      TileBuilder<T>.bytes(sizes) + PairwiseRows<T>.bytes(sizes) + SampleTerms<T>.bytes(sizes)
      + PairwiseTotal<T>.bytes(sizes)
    let held = panels * WeightPanel<T>.bytes(rows: chunkRows, sizes)
    let pieces = (chunkRows + sizes.runRows - 1) / max(1, sizes.runRows)
    let arrivals = sizes.ranks / 2 * (panels > 1 ? 2 : pieces)
    let sums =
      ChunkSums<T>.bytes(rows: chunkRows, sizes)
      + PieceRing<T>.bytes(pieceRows: pieceRows, arrivals: arrivals, sizes)
    // A second panel is built beside the first one's sums.
    let building =
      held + (panels > 1 ? sums : 0)
      + max(Rows<T>.travellingBytes(sizes), WeightPanel<T>.productBytes(rows: chunkRows, sizes))
    let meeting =
      held + sums + ChunkMeeting<T>.bytes(rows: chunkRows, pieceRows: pieceRows, sizes)
      + PairwiseTotal<T>.wideBytes(sizes)
    let adding = held + sums + PairwiseTotal<T>.addBytes(rows: chunkRows, sizes)
    return all + max(building, meeting, adding, PairwiseTotal<T>.endBytes(sizes))
  }

  /// The gradient's weight at the root of a squared distance.
  private func weight(atSquare square: Double) -> T {
    T(gradientWeight(square: square, source.builder.kernel.form(distance: square.squareRoot(), near: 0)))
  }
}
