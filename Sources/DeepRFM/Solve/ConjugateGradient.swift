import LinearAlgebra

/// A symmetric positive definite system spread over ranks by rows, as the solver sees it.
package struct RidgeSystem {
  /// *Collective.* y = (K + ridge I) x in the working precision.
  let apply: (_ x: Matrix<Double>, _ y: Matrix<Double>) throws -> Void
  /// *Collective.* The same, accumulated in double precision.
  let applyExactly: (_ x: Matrix<Double>, _ y: Matrix<Double>) throws -> Void
  /// *Collective.* z = P^-1 r.
  let precondition: (_ r: Matrix<Double>, _ z: Matrix<Double>) throws -> Void
  /// *Collective.* Sums over ranks.
  let sum: (inout [Double]) throws -> Void

  package init(
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

/// Preconditioned conjugate gradient on every class at once: one product serves all (Hestenes and Stiefel, 1952).
///
/// Vectors and scalars are float64. Each class has its own step; one that has converged is left alone. Convergence is
/// declared on the true residual; where the recursive one was too hopeful, the iteration starts again from the true one.
///
/// Residuals are kept orthogonal to their predecessors (r_i . P^-1 r_j = 0), which rounding would undo: without it the
/// difference between two rank counts grows threefold an iteration once an outlying eigenvalue has been found (1e-14 to
/// 1e-7 in 20 iterations, digits, float64), and in float32 iterations are lost.
package final class ConjugateGradient {
  private let system: RidgeSystem
  private let columns: ColumnBlock
  private let tolerance: Double
  private let maxIterations: Int
  private let historyLimit: Int

  // The workspace: A's iterate x, residual r, preconditioned z, direction p and its image; (own rows x classes).
  private let x, r, z, p, Ap: Matrix<Double>
  /// Earlier residuals since the last start, what the preconditioner made of them, and r_j . z_j of each class.
  private var history: (r: [Matrix<Double>], z: [Matrix<Double>], rz: [[Double]]) = ([], [], [])
  private var iterations = 0
  /// The worst true residual at the last start.
  private var last = Double.infinity
  private let safePoints: SafePoints<State>

  /// Below this share of the tolerance the recursive residual, which runs a little ahead of the true one, is small enough.
  ///
  /// Where a few iterations reach the tolerance, a digit more costs next to nothing, and is worth it: in collapsed layers
  /// almost all of Y lies in directions that are solved at once, so NC2 feels what is left (measured: 20 % at 1e-5).
  private var margin: Double { iterations < 10 ? 0.1 : 0.8 }

  /// - Parameter historyLimit: residuals that are remembered, two blocks of (own rows x classes) in double each.
  package init(
    _ system: RidgeSystem, rows: Int, classes: Int, tolerance: Double, maxIterations: Int, historyLimit: Int = 50,
    team: ThreadTeam, safePoints: SafePoints<State> = .none
  ) {
    self.system = system
    self.safePoints = safePoints
    columns = ColumnBlock(team: team)
    self.tolerance = tolerance
    self.maxIterations = maxIterations
    self.historyLimit = historyLimit
    x = Matrix(rows: rows, columns: classes)
    r = Matrix(rows: rows, columns: classes)
    z = Matrix(rows: rows, columns: classes)
    p = Matrix(rows: rows, columns: classes)
    Ap = Matrix(rows: rows, columns: classes)
  }

  /// *Collective.* Solves for the right-hand side b, starting from 0, or from where a saved solve of the same system was.
  /// - Parameter progress: called after each iteration with its number and the worst relative residual.
  package func solve(
    _ b: Matrix<Double>, from saved: State? = nil, progress: (Int, Double) -> Void = { _, _ in }
  ) throws -> Solution {
    let scale = try sum(columns.dots(b, b)).map { $0 > 0 ? $0.squareRoot() : 1 }
    if let saved { restore(saved) } else { begin(b) }
    var next = saved
    while true {
      let ending = try next?.ending ?? iterate(scale, from: next, progress)
      next = nil
      let residuals = try measure(b, scale, after: ending)
      let worst = worstResidual(of: residuals)
      let outcome: Outcome? =
        if worst <= tolerance { .converged } else if iterations >= maxIterations {
          .iterationLimit
        } else if !(worst < 0.5 * last) { ending == .indefinite ? .indefinite : .stalled } else { nil }
      if let outcome {
        return Solution(
          coefficients: x.copy(), residual: r.copy(), relativeResiduals: residuals, iterations: iterations,
          outcome: outcome)
      }
      last = worst
    }
  }

  private func begin(_ b: Matrix<Double>) {
    iterations = 0
    last = .infinity
    x.view.fill(0)
    r.pointer.update(from: b.pointer, count: b.count)
  }

  /// Why the iteration ended.
  package enum Ending: Int, Sendable { case small, indefinite, limit }

  /// *Collective.* Iterates from r, the residual of x, until the recursive residual is small; or goes on where it was saved.
  private func iterate(_ scale: [Double], from saved: State?, _ progress: (Int, Double) -> Void) throws -> Ending {
    let classes = scale.indices
    var (rz, rr) = try saved.map { ($0.rz, $0.rr) } ?? start()
    while iterations < maxIterations {
      let active = classes.map { rr[$0].squareRoot() > margin * tolerance * scale[$0] }
      guard active.contains(true) else { return .small }
      try system.apply(p, Ap)
      // Nothing has changed yet since the last iteration's end: a product that was broken off is not missed.
      let pAp = try sum(columns.dots(p, Ap)) { state(rz, rr) }
      if classes.contains(where: { active[$0] && !(pAp[$0] > 0) }) { return .indefinite }
      let α = classes.map { active[$0] ? rz[$0] / pAp[$0] : 0 }
      columns.add(p, times: α, to: x)
      remember(rz)
      columns.add(Ap, times: α.map { -$0 }, to: r)
      iterations += 1
      try system.precondition(r, z)
      try orthogonalise(active)
      let (rzNext, rrNext) = try inner()
      let β = classes.map { active[$0] && rz[$0] > 0 ? rzNext[$0] / rz[$0] : 0 }
      columns.scale(p, by: β, adding: z)
      (rz, rr) = (rzNext, rrNext)
      progress(iterations, classes.map { rr[$0].squareRoot() / scale[$0] }.max() ?? 0)
    }
    return .limit
  }

  /// *Collective.* The first direction: that of the preconditioned residual.
  private func start() throws -> (rz: [Double], rr: [Double]) {
    history = ([], [], [])
    try system.precondition(r, z)
    p.pointer.update(from: z.pointer, count: z.count)
    return try inner()
  }

  private func remember(_ rz: [Double]) {
    guard history.r.count < historyLimit else { return }
    history.r.append(r.copy())
    history.z.append(z.copy())
    history.rz.append(rz)
  }

  /// *Collective.* Takes from r its parts along the earlier residuals, and from z = P^-1 r the same; a class that is left
  /// alone keeps both.
  private func orthogonalise(_ active: [Bool]) throws {
    let products = zip(try sum(columns.dots(history.z, r)), history.rz.joined())
    let parts = products.enumerated().map { index, pair in
      active[index % active.count] && pair.1 > 0 ? pair.0 / pair.1 : 0
    }
    columns.subtract(history.r, times: parts, from: r)
    columns.subtract(history.z, times: parts, from: z)
  }

  /// *Collective.* r . z and r . r of every class, in one reduction.
  private func inner() throws -> (rz: [Double], rr: [Double]) {
    let both = try sum(columns.dots(r, z) + columns.dots(r, r))
    return (Array(both.prefix(r.columns)), Array(both.suffix(r.columns)))
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

// MARK: - Going on later

extension ConjugateGradient {
  /// A solve at a safe point: at the end of an iteration, or before the true residual of x is measured. It goes on from there
  /// with the very same bits.
  package struct State {
    /// How the iteration ended, where only the true residual is to be measured.
    package let ending: Ending?
    package let iterations: Int
    /// The worst true residual at the last start.
    package let last: Double
    /// x; and in mid-iteration r, z, p and the remembered residuals.
    let x: Matrix<Double>
    let rzp: [Matrix<Double>]
    let rz, rr: [Double]
    let history: (r: [Matrix<Double>], z: [Matrix<Double>], rz: [[Double]])
  }

  private func state(_ rz: [Double], _ rr: [Double]) -> State {
    State(
      ending: nil, iterations: iterations, last: last, x: x, rzp: [r, z, p], rz: rz, rr: rr, history: history)
  }

  private func state(after ending: Ending) -> State {
    State(
      ending: ending, iterations: iterations, last: last, x: x, rzp: [], rz: [], rr: [], history: ([], [], []))
  }

  private func restore(_ saved: State) {
    iterations = saved.iterations
    last = saved.last
    history = saved.history
    for (own, other) in zip([x, r, z, p], [saved.x] + saved.rzp) {
      precondition(own.rows == other.rows && own.columns == other.columns)
      own.pointer.update(from: other.pointer, count: own.count)
    }
  }
}

extension ConjugateGradient.State {
  /// (own rows x classes) each.
  package var tensors: [SavedTensor] {
    let matrices = [("x", x)] + zip(["r", "z", "p"], rzp)
    let past = zip(history.r, history.z).enumerated().flatMap { [("r\($0)", $1.0), ("z\($0)", $1.1)] }
    return (matrices + past).map { SavedTensor($0, $1) }
  }

  /// The same on all ranks.
  package var numbers: [SavedTensor] {
    let counts = [Double(ending?.rawValue ?? -1), Double(iterations), last, Double(history.rz.count)]
    return [
      SavedTensor("cg", counts), SavedTensor("rz", rz), SavedTensor("rr", rr),
      SavedTensor("history", history.rz.flatMap { $0 }),
    ]
  }

  /// From what `tensors` and `numbers` gave. Throws `CheckpointError`.
  package init(_ tensors: [SavedTensor], _ numbers: [SavedTensor], rows: Int, classes: Int) throws {
    let counts = try numbers.values("cg")
    guard counts.count == 4, counts[..<2].allSatisfy({ Int(exactly: $0) != nil }), let past = Int(exactly: counts[3]),
      0...1000 ~= past
    else { throw CheckpointError("its solve makes no sense") }
    func matrix(_ name: String) throws -> Matrix<Double> {
      let matrix: Matrix<Double> = try tensors.matrix(name)
      guard matrix.rows == rows && matrix.columns == classes else {
        throw CheckpointError("its \(name) is \(matrix.rows) x \(matrix.columns)")
      }
      return matrix
    }
    ending = ConjugateGradient.Ending(rawValue: Int(counts[0]))
    (iterations, last) = (Int(counts[1]), counts[2])
    x = try matrix("x")
    rzp = ending == nil ? try ["r", "z", "p"].map(matrix) : []
    (rz, rr) = (try numbers.values("rz"), try numbers.values("rr"))
    let rzs = try numbers.values("history")
    guard ending != nil || (rz.count == classes && rr.count == classes), rzs.count == past * classes else {
      throw CheckpointError("its solve makes no sense")
    }
    history = (
      try (0..<past).map { try matrix("r\($0)") }, try (0..<past).map { try matrix("z\($0)") },
      (0..<past).map { Array(rzs[($0 * classes)..<(($0 + 1) * classes)]) }
    )
  }
}
