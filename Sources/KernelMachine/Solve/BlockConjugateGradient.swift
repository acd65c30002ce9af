import LinearAlgebra
import Runtime

/// A symmetric positive definite system spread over ranks by rows, as the solver sees it.
public struct RidgeSystem {
  /// *Collective.* y = (K + ridge I) x in the working precision.
  let apply: (_ x: Matrix<Double>, _ y: Matrix<Double>) throws -> Void
  /// *Collective.* The same, accumulated in double precision.
  let applyExactly: (_ x: Matrix<Double>, _ y: Matrix<Double>) throws -> Void
  /// *Collective.* z = P^-1 r.
  let precondition: (_ r: Matrix<Double>, _ z: Matrix<Double>) throws -> Void
  /// *Collective.* Sums over ranks.
  let sum: (inout [Double]) throws -> Void

  public init(
    apply: @escaping (_ x: Matrix<Double>, _ y: Matrix<Double>) throws -> Void,
    applyExactly: @escaping (_ x: Matrix<Double>, _ y: Matrix<Double>) throws -> Void,
    precondition: @escaping (_ r: Matrix<Double>, _ z: Matrix<Double>) throws -> Void,
    sum: @escaping (inout [Double]) throws -> Void
  ) {
    self.apply = apply
    self.applyExactly = applyExactly
    self.precondition = precondition
    self.sum = sum
  }
}

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
/// Directions are kept conjugate to all their predecessors, not the last alone, which rounding would undo: without it rank
/// counts differ in float64 (1e-14 to 1e-7 in 20 iterations, digits), and in float32 iterations are lost.
public final class BlockConjugateGradient {
  private let system: RidgeSystem
  private let columns: ColumnBlock
  private let tolerance: Double
  private let maxIterations: Int
  private let safePoints: SafePoints<State>
  /// Relative, of the working precision.
  private let rounding: Double
  /// Directions this near to dependent on others, in K's inner product, are rounding of the working precision.
  private var dependent: Double { 8 * rounding }

  // The workspace: A's iterate x, residual r, preconditioned z, directions p and their image; (own rows x classes).
  private let x, r, z, p, Kp: Matrix<Double>
  private var earlier: ConjugateDirections
  private var iterations = 0
  /// Whether in this iteration R's part along the earlier directions has been taken away.
  private var isCorrected = false
  /// Whether r has just been measured, and nobody has looked at it yet.
  private var isMeasured = false
  /// The worst true residual at the last start.
  private var last = Double.infinity
  /// Rows of all ranks.
  private var allRows = 0.0

  /// Bytes of a block of directions and its image, nearly.
  public static func blockBytes(rows: Int, classes: Int) -> Int {
    2 * 8 * rows * paddedForProduct(classes * ConjugateDirections.piece) / ConjugateDirections.piece
  }

  /// Below this share of the tolerance the recursive residual, which runs a little ahead of the true one, is small enough.
  ///
  /// Where a few iterations reach the tolerance, a digit more costs next to nothing, and is worth it: in collapsed layers
  /// almost all of Y lies in directions that are solved at once, so NC2 feels what is left (measured: 20 % at 1e-5).
  private var margin: Double { iterations < 10 ? 0.1 : isSettled ? 0.95 : 0.8 }

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
      let outcome: Outcome? =
        if worst <= tolerance { .converged } else if iterations >= maxIterations {
          .iterationLimit
        } else if ending != .drift && !(worst < 0.5 * last) {
          ending == .indefinite ? .indefinite : .stalled
        } else { nil }
      if let outcome {
        return Solution(
          coefficients: x.copy(), residual: r.copy(), relativeResiduals: residuals, iterations: iterations,
          outcome: outcome)
      }
      last = worst
      isCorrected = false
      isMeasured = true
    }
  }

  /// *Local.* X += Q S and R -= K Q S.
  private func apply(step: Matrix<Double>, along directions: [MatrixView<Double>], _ images: [MatrixView<Double>]) {
    columns.combine(directions, step, beta: 1, into: x.view)
    columns.combine(images, step, alpha: -1, beta: 1, into: r.view)
  }

  /// *Collective.* Kp = (K + ridge I) p, of which all but the first columns are 0: classes that are done need no product.
  private func applySystem(columns count: Int) throws {
    guard count < p.columns else { return try system.apply(p, Kp) }
    let narrow = Matrix<Double>(uninitialisedRows: p.rows, columns: count)
    let image = Matrix<Double>(uninitialisedRows: p.rows, columns: count)
    narrow.view.copy(from: p.view.columns(0..<count))
    try system.apply(narrow, image)
    Kp.view.fill(0)
    Kp.view.columns(0..<count).copy(from: image.view)
  }

  private func begin(_ b: Matrix<Double>) {
    iterations = 0
    isCorrected = false
    last = .infinity
    earlier.forget()
    x.view.fill(0)
    r.pointer.update(from: b.pointer, count: b.count)
  }

  /// Why the iteration ended; `drift` comes once in a solve.
  public enum Ending: Int, Sendable { case small, indefinite, limit, drift }

  /// *Collective.* Iterates from r, the residual of x, until the recursive residual is small.
  private func iterate(_ scale: [Double], _ progress: (Int, Double) -> Void) throws -> Ending {
    var isFirst = true
    while true {
      try system.precondition(r, z)
      // Rounding alone takes some iterations to put into R what a true residual brings at once.
      let seen = try look(along: !isCorrected && (isMeasured || iterations % 4 == 0))
      isMeasured = false
      let residuals = zip(seen.squares, scale).map { $0.squareRoot() / $1 }
      let active = residuals.map { $0 > margin * tolerance }
      if isLarge(seen.slopes, beside: seen.inner, active) {
        // Rounding, or a start from the true residual, has put into R what new directions, conjugate to Q, would never take away.
        apply(step: seen.slopes, along: earlier.directions, earlier.images)
        isCorrected = true
        continue
      }
      if !isFirst { progress(iterations, residuals.max() ?? 0) }
      isFirst = false
      guard active.contains(true) else { return .small }
      guard iterations < maxIterations else { return .limit }
      let isNear = residuals.allSatisfy { $0 < Self.settling * tolerance }
      if !isSettled && isNear && drift(seen.x, scale) > Self.bearableDrift * tolerance { return .drift }
      guard let basis = Basis(of: seen.inner, among: active, dependent: 1e-12) else {
        if startsAfresh() { continue } else { return .indefinite }
      }
      // p = Z S - Q (K Q)^T Z S: conjugate to all earlier ones.
      columns.combine([z.view], basis.matrix, beta: 0, into: p.view)
      let parts = Matrix<Double>(uninitialisedRows: seen.parts.rows, columns: z.columns)
      multiply(seen.parts.view, basis.matrix.view, into: parts.view)
      columns.combine(earlier.directions, parts, alpha: -1, beta: 1, into: p.view)
      try applySystem(columns: basis.rank)
      // Nothing has changed yet since the last iteration's end: a product that was broken off is not missed.
      let (curvature, slope) = try measureDirections()
      if (0..<basis.rank).contains(where: { isLarge(-curvature[$0, $0], beside: parts, $0) }) { return .indefinite }
      let isNew = (0..<p.columns).map { $0 < basis.rank && isLarge(curvature[$0, $0], beside: parts, $0) }
      guard let conjugate = Basis(of: curvature, among: isNew, dependent: dependent) else {
        if startsAfresh() { continue } else { return .indefinite }
      }
      earlier.append(columns, p, Kp, times: conjugate.matrix)
      // X += P T T^T (P^T R), and P T is what was just remembered.
      let step = Matrix<Double>(uninitialisedRows: p.columns, columns: p.columns)
      multiply(conjugate.matrix.view, slope.view, transposeA: true, into: step.view)
      apply(step: step, along: [earlier.lastDirections], [earlier.lastImages])
      iterations += 1
      isCorrected = false
    }
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
      active[c] && (0..<slopes.rows).reduce(0) { $0 + slopes[$1, c] * slopes[$1, c] } > 1e-4 * inner[c, c]
    }
  }

  /// *Collective.* What the next directions are made of, in one reduction. - Parameter along: with the slopes.
  private func look(along: Bool) throws -> Look {
    let (width, past) = (r.columns, earlier.count * r.columns)
    let slopes = along ? earlier.directions : []
    let own = [columns.products([r.view] + earlier.images, z), columns.products(slopes, r)]
    var all = try sum(columns.dots(r, r) + columns.dots(x, x) + own.flatMap(\.values))[...]
    func next(_ rows: Int) -> Matrix<Double> {
      defer { all = all.dropFirst(rows * width) }
      return Matrix(rows: rows, columns: width, all.prefix(rows * width))
    }
    return Look(
      squares: next(1).values, x: next(1).values, inner: next(width), parts: next(past), slopes: next(along ? past : 0))
  }

  private struct Look {
    /// r . r and x . x of each class.
    let squares, x: [Double]
    /// R^T Z.
    let inner: Matrix<Double>
    /// (K Q)^T Z and Q^T R, Q the earlier directions; the slopes only where they were asked for.
    let parts, slopes: Matrix<Double>
  }

  /// *Collective.* P^T K P and P^T R; a safe point.
  private func measureDirections() throws -> (curvature: Matrix<Double>, slope: Matrix<Double>) {
    let width = p.columns
    let own = columns.products([p.view], Kp)
    let right = columns.products([p.view], r)
    let all = try sum(own.values + right.values) { state() }
    return (
      Matrix(rows: width, columns: width, all.prefix(width * width)),
      Matrix(rows: width, columns: width, all.dropFirst(width * width))
    )
  }

  /// *Collective.* r = b - (K + ridge I) x, truly; returns each class's |r| / |b|.
  private func measure(_ b: Matrix<Double>, _ scale: [Double], after ending: Ending) throws -> [Double] {
    try system.applyExactly(x, r)
    columns.scale(r, by: [Double](repeating: -1, count: r.columns), adding: b)
    return zip(try sum(columns.dots(r, r)) { state(after: ending) }, scale).map { $0.squareRoot() / $1 }
  }

  /// *Collective.*
  private func sum(_ values: [Double]) throws -> [Double] {
    var values = values
    try system.sum(&values)
    return values
  }

  /// *Collective.* The same at a safe point, where the solve can be saved as `state`.
  private func sum(_ values: [Double], _ state: () -> State) throws -> [Double] {
    let all = try sum(values + [safePoints.wish.term])
    try safePoints.reached(Wish(sum: all[values.count]), state())
    return Array(all.dropLast())
  }
}

// MARK: - Small matrices

/// S with S^T C S = 1 for a symmetric positive semidefinite C: combinations of what C is the Gram matrix of that are orthonormal in
/// it. Columns that depend on others are left out.
private struct Basis {
  /// (width x width); its last columns are 0 where C has a lower rank.
  let matrix: Matrix<Double>
  /// Columns that are not 0, the first ones.
  let rank: Int

  /// *Local.* nil where no direction is left, since C is not positive.
  /// - Parameters:
  ///   - active: rows and columns of C to be used.
  ///   - dependent: smallest square of what is left of a unit vector.
  init?(of c: Matrix<Double>, among active: [Bool], dependent: Double) {
    let width = c.columns
    let scale = (0..<width).map { active[$0] && c[$0, $0] > 0 ? 1 / c[$0, $0].squareRoot() : 0 }
    let unit = Matrix<Double>(rows: width, columns: width)
    // Rounding has made C a little unsymmetric.
    for i in 0..<width where scale[i].isFinite && scale[i] > 0 {
      for j in 0..<width where scale[j].isFinite && scale[j] > 0 {
        unit[i, j] = (c[i, j] + c[j, i]) / 2 * scale[i] * scale[j]
      }
    }
    guard unit.buffer.allSatisfy(\.isFinite) else { return nil }
    let cholesky = PivotedCholesky(of: unit, tolerance: dependent)
    guard cholesky.rank > 0 else { return nil }
    let inverse = Matrix<Double>(rows: cholesky.rank, columns: cholesky.rank)
    for i in 0..<cholesky.rank { inverse[i, i] = 1 }
    solveRightTransposed(cholesky.factor, rows: inverse.view)
    matrix = Matrix(rows: width, columns: width)
    for i in 0..<cholesky.rank {
      let row = cholesky.order[i]
      for j in i..<cholesky.rank { matrix[row, j] = scale[row] * inverse[i, j] }
    }
    rank = cholesky.rank
  }
}

/// The directions Q since the last start, Q^T K Q = 1, and their images K Q. Where there is no room for more, the latest one
/// takes the place of the one before it.
private struct ConjugateDirections {
  /// Blocks in one piece of memory: enough for products that BLAS does well, few enough not to hold much that is not used.
  static let piece = 8

  private let rows, width: Int
  fileprivate let limit: Int
  private(set) var count = 0
  /// (rows x some blocks' columns, padded for products), zeros behind the last one.
  fileprivate private(set) var pieces: [(directions: Matrix<Double>, images: Matrix<Double>)] = []

  init(rows: Int, width: Int, limit: Int) {
    (self.rows, self.width, self.limit) = (rows, width, max(1, limit))
  }

  /// All of Q, and all of K Q, piece by piece.
  var directions: [MatrixView<Double>] { filled.map { pieces[$0].directions.view.columns(0..<$1) } }
  var images: [MatrixView<Double>] { filled.map { pieces[$0].images.view.columns(0..<$1) } }

  private var filled: [(piece: Int, columns: Int)] {
    pieces.indices.map { ($0, width * max(0, min(Self.piece, count - $0 * Self.piece))) }.filter { $0.1 > 0 }
  }

  var lastDirections: MatrixView<Double> { block(count - 1, \.directions) }
  var lastImages: MatrixView<Double> { block(count - 1, \.images) }

  private func block(
    _ index: Int, _ side: KeyPath<(directions: Matrix<Double>, images: Matrix<Double>), Matrix<Double>>
  ) -> MatrixView<Double> {
    let first = index % Self.piece * width
    return pieces[index / Self.piece][keyPath: side].view.columns(first..<(first + width))
  }

  /// Of the piece's blocks, and what pads them.
  private func columns(ofPiece index: Int) -> Int {
    paddedForProduct(width * min(Self.piece, limit - index * Self.piece))
  }

  mutating func forget() {
    count = 0
    pieces = []
  }

  /// *Local.* Remembers P T and K P T.
  mutating func append(_ block: ColumnBlock, _ p: Matrix<Double>, _ image: Matrix<Double>, times t: Matrix<Double>) {
    count = min(count + 1, limit)
    if count > pieces.count * Self.piece {
      let columns = columns(ofPiece: pieces.count)
      pieces.append((block.zeros(rows, columns), block.zeros(rows, columns)))
    }
    block.combine([p.view], t, beta: 0, into: lastDirections)
    block.combine([image.view], t, beta: 0, into: lastImages)
  }

  /// What `pieces` and `count` were; the memory is shared with nothing.
  mutating func restore(_ saved: ConjugateDirections) throws {
    guard saved.rows == rows, saved.width == width, saved.limit == limit else {
      throw CheckpointError("its directions are not this solve's")
    }
    count = saved.count
    pieces = saved.pieces.map { ($0.directions.copy(), $0.images.copy()) }
  }
}

// MARK: - Going on later

extension BlockConjugateGradient {
  /// A solve at a safe point: at the end of an iteration, or before the true residual of x is measured. It goes on from there
  /// with the very same bits.
  public struct State {
    /// How the iteration ended, where only the true residual is to be measured.
    public let ending: Ending?
    public let iterations: Int
    fileprivate let isCorrected: Bool
    /// The worst true residual at the last start.
    public let last: Double
    /// x and the remembered directions, which serve beyond a true residual too; in mid-iteration r.
    let x: Matrix<Double>
    let r: Matrix<Double>?
    fileprivate let earlier: ConjugateDirections
  }

  private func state() -> State {
    State(
      ending: nil, iterations: iterations, isCorrected: isCorrected, last: last, x: x, r: r, earlier: earlier)
  }

  private func state(after ending: Ending) -> State {
    State(
      ending: ending, iterations: iterations, isCorrected: false, last: last, x: x, r: nil, earlier: earlier)
  }

  private func restore(_ saved: State) throws {
    iterations = saved.iterations
    isCorrected = saved.isCorrected
    // Where it was true the part along the earlier directions has been looked for.
    isMeasured = false
    last = saved.last
    try earlier.restore(saved.earlier)
    for (own, other) in [(x, saved.x), (r, saved.r ?? r)] {
      precondition(own.rows == other.rows && own.columns == other.columns)
      own.pointer.update(from: other.pointer, count: own.count)
    }
  }
}

extension BlockConjugateGradient.State {
  /// (own rows x classes), of directions (own rows x several times classes).
  public var tensors: [SavedTensor] {
    let residual = r.map { [SavedTensor("r", $0)] } ?? []
    let past = earlier.pieces.enumerated().flatMap {
      [SavedTensor("q\($0)", $1.directions), SavedTensor("kq\($0)", $1.images)]
    }
    return [SavedTensor("x", x)] + residual + past
  }

  /// The same on all ranks.
  public var numbers: [SavedTensor] {
    let counts = [
      ending?.rawValue ?? -1, iterations, isCorrected ? 1 : 0, earlier.pieces.count, earlier.count, earlier.limit,
    ]
    return [SavedTensor("cg", counts.map { Double($0) } + [last])]
  }

  /// From what `tensors` and `numbers` gave. Throws `CheckpointError`.
  public init(_ tensors: [SavedTensor], _ numbers: [SavedTensor], rows: Int, classes: Int) throws {
    let values = try numbers.values("cg")
    let counts = values.dropLast().compactMap { Int(exactly: $0) }
    guard values.count == 7, counts.count == 6, counts[1] >= 0, 0...1000 ~= counts[3], counts[4] >= 0 else {
      throw CheckpointError("its solve makes no sense")
    }
    func matrix(_ name: String) throws -> Matrix<Double> {
      let matrix: Matrix<Double> = try tensors.matrix(name)
      guard matrix.rows == rows && matrix.columns == classes else {
        throw CheckpointError("its \(name) is \(matrix.rows) x \(matrix.columns)")
      }
      return matrix
    }
    ending = BlockConjugateGradient.Ending(rawValue: counts[0])
    (iterations, isCorrected, last) = (counts[1], counts[2] != 0, values[6])
    x = try matrix("x")
    r = ending == nil ? try matrix("r") : nil
    earlier = try ConjugateDirections(
      pieces: (0..<counts[3]).map { (try tensors.matrix("q\($0)"), try tensors.matrix("kq\($0)")) },
      count: counts[4], rows: rows, width: classes, limit: counts[5])
  }
}

extension ConjugateDirections {
  /// From a checkpoint. Throws `CheckpointError` where the parts do not fit.
  fileprivate init(
    pieces: [(Matrix<Double>, Matrix<Double>)], count: Int, rows: Int, width: Int, limit: Int
  ) throws {
    guard 1...1_000_000 ~= limit, count <= limit else { throw CheckpointError("its solve makes no sense") }
    self.init(rows: rows, width: width, limit: limit)
    for (index, piece) in pieces.enumerated() {
      guard index * Self.piece < limit,
        [piece.0, piece.1].allSatisfy({ $0.rows == rows && $0.columns == columns(ofPiece: index) })
      else { throw CheckpointError("its directions are not of this solve") }
      self.pieces.append((directions: piece.0, images: piece.1))
    }
    guard count <= pieces.count * Self.piece else { throw CheckpointError("its directions are not all there") }
    self.count = count
  }
}
