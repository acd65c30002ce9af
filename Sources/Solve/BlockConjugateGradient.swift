import LinearAlgebra
import Runtime

/// Preconditioned block conjugate gradient: the classes share one Krylov space (O'Leary, Linear Algebra and its Applications 29, 1980).
///
/// A product serves all classes anyhow; here each also profits from the directions of the others, which takes a quarter to a third of
/// the iterations away (measured on CIFAR-10). Vectors and small matrices are float64. A block of directions is cut to what is
/// independent in it, once as residuals, in the preconditioner's inner product, and once as directions, in K's: with two
/// classes, or once residuals have become parallel, it is thinner than the number of classes (Dubrulle, ETNA 12, 2001).
/// Convergence is declared on the true residual; where the recursive one was too hopeful, the iteration starts again from the
/// true one. Where it is bound to be, since the products' rounding has added up to half the tolerance, the true one takes its place
/// in time, some iterations before the end (Sleijpen and van der Vorst, Computing 56, 1996): those after it were lost otherwise.
///
/// ```
///            x = 0, r = b
///                 |
///                 v         small: the recursive residuals are within the tolerance
///   +-------> iterate -------------------+
///   |                                    | drift: rounding has added up (once)
///   |                                    | limit, indefinite, notFinite: it cannot go on
///   |   not yet, and it pays             v
///   +--------------------------- measure r = b - (K + ridge I) x
///                                        |
///                                        v
///                                done: an `Outcome`
/// ```
///
/// Directions are kept conjugate to all their predecessors, not the last alone, which rounding would undo: without it rank
/// counts differ in float64 (1e-14 to 1e-7 in 20 iterations, digits), and in float32 iterations are lost.
public final class BlockConjugateGradient {
  let system: RidgeSystem
  let columns: ColumnBlock
  let tolerance: Double
  private let maxIterations: Int
  var safePoints: SafePoints<State>
  /// Relative, of the working precision.
  private let rounding: Double
  /// Directions this near to dependent on others, in K's inner product, are rounding of the working precision.
  private var dependent: Double { 8 * rounding }

  // The workspace: A's iterate x, residual r, preconditioned z, directions p and their image; (own rows x classes).
  let x, r, z, p, Kp: Matrix<Double>
  /// S of a step, (classes x classes), and (K Q)^T Z S.
  private let step: Matrix<Double>
  private let partMemory = Scratch()
  var earlier: ConjugateDirections
  var iterations = 0
  /// Whether in this iteration R's part along the earlier directions has been taken away.
  var isCorrected = false
  /// Whether r has just been measured, and nobody has looked at it yet.
  var isMeasured = false
  /// The worst true residual at the last start.
  var last = Double.infinity
  /// Rows of all ranks.
  private var allRows = 0.0

  /// Bytes of a block of directions and its image, nearly.
  public static func blockBytes(rows: Int, classes: Int) -> Int {
    2 * 8 * rows * paddedForProduct(classes * ConjugateDirections.piece) / ConjugateDirections.piece
  }

  /// Bytes of what a solver owns when it has gone as far as it remembers: x, r, z, p and its image, (rows x classes) each; the directions
  /// and their images; each thread's partial sums, and what they add up to three times. The answer, twice (rows x classes), is not among it.
  public static func workspaceBytes(rows: Int, classes: Int, threads: Int, historyLimit: Int) -> Int {
    let past = ConjugateDirections.columns(width: classes, limit: historyLimit)
    let sums = 8 * classes * (paddedForProduct(classes) + past)
    return 5 * 8 * rows * classes + ConjugateDirections.bytes(rows: rows, width: classes, limit: historyLimit)
      + (threads + 3) * sums
  }

  /// Below this share of the tolerance the recursive residual, which runs a little ahead of the true one, is small enough.
  ///
  /// Where a few iterations reach the tolerance, a digit more costs next to nothing, and is worth it: in collapsed layers
  /// almost all of Y lies in directions that are solved at once, so NC2 feels what is left (measured: 20 % at 1e-5).
  var margin: Double { iterations < 10 ? 0.1 : isSettled ? 0.95 : 0.8 }

  /// Whether r was measured since the beginning: it has little drift then.
  private var isSettled: Bool { last < .infinity }

  /// How far the recursive residuals may have come away from the true ones, beside `scale`, by each class's x . x: products in the working
  /// precision are off by 3 sqrt(rows) half units of |x| (measured in float32 on CIFAR-10, 2,000 to 24,000 samples: 2.3 to 3.8 at
  /// layer 1, less below).
  private func drift(_ x: [Double], _ scale: [Double]) -> Double {
    1.5 * rounding * allRows.squareRoot() * (zip(x, scale).map { $0.squareRoot() / $1 }.max() ?? 0)
  }

  /// Above this share of the tolerance drift has the recursive residuals end too soon.
  private static var bearableDrift: Double { 0.5 }
  /// Times the tolerance: what is left of the way from here brings little new drift, and is long enough to take in what there was.
  private static var settling: Double { 5 }

  /// - Parameters:
  ///   - historyLimit: blocks of directions that are remembered, 2 (own rows x classes) in double each; at least 1.
  ///   - rounding: relative, of the working precision.
  public init(
    _ system: RidgeSystem, rows: Int, classes: Int, tolerance: Double, maxIterations: Int, historyLimit: Int = 50,
    rounding: Double = .ulpOfOne, pool: ThreadPool, safePoints: SafePoints<State> = .none
  ) {
    self.system = system
    self.safePoints = safePoints
    columns = ColumnBlock(pool: pool)
    self.tolerance = tolerance
    self.maxIterations = maxIterations
    self.rounding = rounding
    x = Matrix(rows: rows, columns: classes)
    r = Matrix(rows: rows, columns: classes)
    z = Matrix(rows: rows, columns: classes)
    p = Matrix(rows: rows, columns: classes)
    Kp = Matrix(rows: rows, columns: classes)
    step = Matrix(rows: classes, columns: classes)
    earlier = ConjugateDirections(rows: rows, width: classes, limit: historyLimit)
  }

  /// *Collective.* Solves for the right-hand side b, starting from 0, or from where a saved solve of the same system was.
  /// - Parameter progress: called after each iteration with its number and the worst relative residual.
  public func solve(
    _ b: Matrix<Double>, from saved: State? = nil, progress: (Int, Double) -> Void = { _, _ in }
  ) throws -> Solution {
    let sums = try sum(columns.dots(b, b) + [Double(b.rows)])
    let scale = sums.dropLast().map { $0 > 0 ? $0.squareRoot() : 1 }
    allRows = sums[b.columns]
    if let saved { try restore(saved) } else { begin(b) }
    var endingSaved = saved?.ending
    while true {
      let ending = try endingSaved ?? iterate(scale, progress)
      endingSaved = nil
      let residuals = try measure(b, scale, after: ending)
      let worst = worstResidual(of: residuals)
      if let outcome = outcome(worst, after: ending) {
        return Solution(
          coefficients: x.copy(), residual: r.copy(), relativeResiduals: residuals, iterations: iterations,
          outcome: outcome)
      }
      last = worst
      isCorrected = false
      isMeasured = true
    }
  }

  /// *Local.* How the solve ends with this true residual; nil: it goes on from there.
  private func outcome(_ worst: Double, after ending: Ending) -> Outcome? {
    if !worst.isFinite { return .notFinite }
    if worst <= tolerance { return .converged }
    if iterations >= maxIterations { return .iterationLimit }
    if ending == .drift || worst < 0.5 * last { return nil }
    return ending == .indefinite ? .indefinite : .stalled
  }

  /// *Local.* X += Q S and R -= K Q S.
  private func apply(step: Matrix<Double>, along directions: [MatrixView<Double>], _ images: [MatrixView<Double>]) {
    columns.combine(directions, step, beta: 1, into: x.view)  // X <- X + Q S
    columns.combine(images, step, alpha: -1, beta: 1, into: r.view)  // R <- R - K Q S
  }

  /// *Collective.* Kp = (K + ridge I) p, of which all but the first columns are 0: classes that are done need no product. z's memory is
  /// free by now, and Kp's own holds the narrow image until it is spread.
  private func applySystem(columns count: Int) throws {
    guard count < p.columns else { return try system.apply(p, Kp) }
    let narrow = Matrix(rows: p.rows, columns: count, sharing: z)
    let image = Matrix(rows: p.rows, columns: count, sharing: Kp)
    narrow.view.copy(from: p.view.columns(0..<count))
    try system.apply(narrow, image)
    // From the last row, so that none is written over before it has moved.
    for i in (0..<Kp.rows).reversed() {
      let row = Kp.pointer + i * Kp.columns
      row.update(from: Kp.pointer + i * count, count: count)
      (row + count).update(repeating: 0, count: Kp.columns - count)
    }
  }

  private func begin(_ b: Matrix<Double>) {
    iterations = 0
    isCorrected = false
    isMeasured = false
    last = .infinity
    earlier.forget()
    x.view.fill(0)
    r.pointer.update(from: b.pointer, count: b.count)
  }

  /// Why the iteration ended; `drift` comes once in a solve.
  public enum Ending: Int, Sendable { case small, indefinite, limit, drift, notFinite }

  /// *Collective.* Iterates from r, the residual of x, until the recursive residual is small. Each round ends, or comes to the safe point in
  /// `measureDirections`, or forgets the earlier directions, which it can once between two of these.
  private func iterate(_ scale: [Double], _ progress: (Int, Double) -> Void) throws -> Ending {
    var isNew = false
    while true {
      let seen = try lookCorrected(scale)
      if isNew { progress(iterations, seen.residuals.max() ?? 0) }
      isNew = false
      if let ending = ending(seen, scale) { return ending }
      guard let basis = try agreed({ Basis(of: seen.inner, among: seen.active, dependent: 1e-12) }) else {
        if startsAfresh() { continue } else { return .indefinite }
      }
      columns.combine([z.view], basis.matrix, beta: 0, into: p.view)  // P <- Z S
      let parts = partMemory.matrix(rows: seen.parts.rows, columns: z.columns)
      multiply(seen.parts.view, basis.matrix.view, into: parts.view)
      columns.combine(earlier.directions, parts, alpha: -1, beta: 1, into: p.view)  // P <- Z S - Q (K Q)^T Z S
      try applySystem(columns: basis.rank)  // KP <- (K + ridge I) P
      // Nothing has changed yet since the last iteration's end: a product that was broken off is not missed.
      let (curvature, slope) = try measureDirections()
      var isIndefinite = false
      let conjugate = try agreed(orIndefinite: &isIndefinite) {
        try conjugateBasis(of: curvature, rank: basis.rank, beside: parts)
      }
      if isIndefinite { return .indefinite }
      guard let conjugate else { if startsAfresh() { continue } else { return .indefinite } }
      earlier.append(columns, p, Kp, times: conjugate.matrix)  // Q <- [Q, P T]
      multiply(conjugate.matrix.view, slope.view, transposeA: true, into: step.view)  // S <- T^T (P^T R)
      apply(step: step, along: [earlier.lastDirections], [earlier.lastImages])  // X <- X + P T S
      iterations += 1
      isNew = true
      isCorrected = false
    }
  }

  /// *Collective.* Z = P^-1 R and what it shows, once R's part along the earlier directions has been taken away where it was large: rounding,
  /// or a start from the true residual, has put into R what new directions, conjugate to Q, would never take away.
  private func lookCorrected(_ scale: [Double]) throws -> Look {
    while true {
      try system.precondition(r, z)  // Z <- P^-1 R
      // Rounding alone takes some iterations to put into R what a true residual brings at once.
      let along = !isCorrected && (isMeasured || iterations % 4 == 0)
      let seen = try look(along: along, scale)
      isMeasured = false
      guard along && isLarge(seen.slopes, beside: seen.inner, seen.active) else { return seen }
      apply(step: seen.slopes, along: earlier.directions, earlier.images)  // R <- R - K Q (Q^T R)
      isCorrected = true
    }
  }

  /// *Local.* Why there is no further iteration; nil: there is.
  private func ending(_ seen: Look, _ scale: [Double]) -> Ending? {
    guard (seen.squares + seen.x).allSatisfy(\.isFinite) else { return .notFinite }
    guard seen.active.contains(true) else { return .small }
    guard iterations < maxIterations else { return .limit }
    let isNear = seen.residuals.allSatisfy { $0 < Self.settling * tolerance }
    return !isSettled && isNear && drift(seen.x, scale) > Self.bearableDrift * tolerance ? .drift : nil
  }

  /// A direction along which the matrix, as rounded, is not positive.
  private struct Indefinite: Error {}

  /// *Local.* Combinations of the directions that are conjugate to each other, from P^T K P; nil: none is left. Throws `Indefinite`.
  private func conjugateBasis(of curvature: Matrix<Double>, rank: Int, beside parts: Matrix<Double>) throws -> Basis? {
    if (0..<rank).contains(where: { isLarge(-curvature[$0, $0], beside: parts, $0) }) { throw Indefinite() }
    let isNew = (0..<p.columns).map { $0 < rank && isLarge(curvature[$0, $0], beside: parts, $0) }
    return Basis(of: curvature, among: isNew, dependent: dependent)
  }

  /// *Collective.* The basis that rank 0 finds: its rank, and whether there is one, decide what all do next.
  private func agreed(_ find: () -> Basis?) throws -> Basis? {
    var isIndefinite = false
    return try agreed(orIndefinite: &isIndefinite, find)
  }

  private func agreed(orIndefinite isIndefinite: inout Bool, _ find: () throws -> Basis?) throws -> Basis? {
    let width = p.columns
    var found = [Double](repeating: 0, count: 1 + width * width)
    do {
      if let own = try find() { found = [Double(own.rank)] + own.matrix.values }
    } catch is Indefinite {
      found[0] = -1
    }
    try system.agree(&found)
    isIndefinite = found[0] < 0
    return found[0] > 0 ? Basis(Matrix(rows: width, columns: width, found.dropFirst()), rank: Int(found[0])) : nil
  }

  /// Whether more than rounding is left of a direction, by the square of its K-norm, after its parts along others were taken away.
  private func isLarge(_ square: Double, beside parts: Matrix<Double>, _ column: Int) -> Bool {
    square > dependent * dependent * (0..<parts.rows).reduce(0) { $0 + parts[$1, column] * parts[$1, column] }
  }

  /// Forgets the earlier directions where they have made all others dependent; false if there are none.
  private func startsAfresh() -> Bool {
    defer { earlier.forget() }
    return earlier.count > 0
  }

  /// Whether the part of an active class's R along the earlier directions is more than a hundredth of it, in the norm of K^-1 as far as P^-1
  /// knows it.
  private func isLarge(_ slopes: Matrix<Double>, beside inner: Matrix<Double>, _ active: [Bool]) -> Bool {
    active.indices.contains { c in
      active[c] && (0..<slopes.rows).reduce(0) { $0 + slopes[$1, c] * slopes[$1, c] } > 1e-4 * max(0, inner[c, c])
    }
  }
}
