import Glibc
import LinearAlgebra
import MPI
import Runtime
import Solve

/// Kernel ridge regression on all ranks: (K + ridge I) A = Y.
public struct RidgeSolver {
  public let method: SolverMethod
  let ridge: Double
  let tolerance: Double
  let maxIterations: Int
  /// Blocks of directions that the conjugate gradient remembers.
  let historyLimit: Int
  /// Columns of the preconditioner; 0 for none.
  let preconditionerRank: Int
  /// W of the system (K + ridge W^-1) A = Y, by centre; nil: 1. It is solved as (W^1/2 K W^1/2 + ridge I) W^-1/2 A = W^1/2 Y, and iterations,
  /// preconditioner and residual are that system's.
  let weights: [Double]?

  public init(
    method: SolverMethod, ridge: Double, tolerance: Double, maxIterations: Int, historyLimit: Int = 50,
    preconditionerRank: Int, weights: [Double]? = nil
  ) {
    self.method = method
    self.ridge = ridge
    self.tolerance = tolerance
    self.maxIterations = maxIterations
    self.historyLimit = historyLimit
    self.preconditionerRank = preconditionerRank
    self.weights = weights
  }

  /// *Collective.*
  @specialized(where T == Float)
  @specialized(where T == Double)
  public func makePreconditioner<T: Real>(
    of k: KernelOperator<T>, random: RandomStream, progress: (Double) -> Void
  ) throws -> NystromPreconditioner<T>? {
    guard method != .cholesky && preconditionerRank > 0 else { return nil }
    return try NystromPreconditioner(
      of: k, ridge: ridge, limit: preconditionerRank, weights: weights, random: random, progress: progress)
  }

  /// *Collective.*
  /// - Parameters:
  ///   - saved: an iteration to go on with.
  ///   - progress: called with the finished share, by the residual's digits.
  @specialized(where T == Float)
  @specialized(where T == Double)
  public func solve<T: Real>(
    _ k: KernelOperator<T>, _ y: Matrix<Double>, preconditioner: NystromPreconditioner<T>?,
    safePoints: SafePoints<BlockConjugateGradient.State> = .none, from saved: BlockConjugateGradient.State? = nil,
    progress: (Double) -> Void
  ) throws -> Solution {
    // A product that nobody will use need not be finished; a direct solve has no safe point to ask at.
    let system = system(k, preconditioner, stop: method == .cholesky ? nil : safePoints.stop)
    let y = weights.map { k.rows.scaled(y, by: $0.map { $0.squareRoot() }) } ?? y
    if method == .cholesky {
      return unweighted(try check(k.solveDensely(y, ridge: ridge, weights: weights), y, system, k.pool), k.rows)
    }
    let groups = Double(ColumnGroups.of(y.columns).count)
    let solution = try BlockConjugateGradient.solveInGroups(y, from: saved, safePoints: safePoints) { columns, points in
      BlockConjugateGradient(
        system, rows: y.rows, classes: columns, tolerance: tolerance, maxIterations: maxIterations,
        historyLimit: historyLimit, rounding: Double(T.ulpOfOne), pool: k.pool, safePoints: points)
    } progress: { done, residual in
      progress((Double(done) + (residual >= 1 ? 0 : min(1, log(residual) / log(tolerance)))) / groups)
    }
    return unweighted(solution, k.rows)
  }

  /// A of W^-1/2 A, and Y - (K + ridge W^-1) A of the weighted system's residual, whose norms stay.
  private func unweighted<T>(_ solution: Solution, _ rows: Rows<T>) -> Solution {
    guard let weights else { return solution }
    return Solution(
      coefficients: rows.scaled(solution.coefficients, by: weights.map { $0.squareRoot() }),
      residual: rows.scaled(solution.residual, by: weights.map { 1 / $0.squareRoot() }),
      relativeResiduals: solution.relativeResiduals, iterations: solution.iterations, outcome: solution.outcome)
  }

  private func system<T: Real>(_ k: KernelOperator<T>, _ preconditioner: NystromPreconditioner<T>?, stop: StopSwitch?)
    -> RidgeSystem
  {
    let columns = ColumnBlock(pool: k.pool)
    let roots = weights?.map { $0.squareRoot() }
    func apply<V: Real>(_ x: Matrix<Double>, _ y: Matrix<Double>, in precision: V.Type, exactly: Bool) throws {
      let scaled = roots.map { k.rows.scaled(x, by: $0) } ?? x
      try k.apply(scaled, into: y, in: precision, exactly: exactly, stop: stop)
      if let roots { k.rows.scale(y, by: roots) }
      columns.add(x, times: [Double](repeating: ridge, count: x.columns), to: y)
    }
    return RidgeSystem(
      apply: { x, y in try apply(x, y, in: T.self, exactly: false) },
      applyExactly: { x, y in try apply(x, y, in: Double.self, exactly: true) },
      precondition: { r, z in
        if let preconditioner {
          try preconditioner.apply(r, into: z)
        } else {
          z.pointer.update(from: r.pointer, count: r.count)
        }
      },
      sum: { values in try values.withUnsafeMutableBufferPointer { try k.sum($0) } },
      agree: { values in try k.takeFromRankZero(&values) })
  }

  /// *Collective.* The truth about a solution that came without iterations.
  private func check(
    _ a: Matrix<Double>, _ y: Matrix<Double>, _ system: RidgeSystem, _ pool: ThreadPool
  ) throws -> Solution {
    let columns = ColumnBlock(pool: pool)
    let residual = Matrix<Double>(rows: y.rows, columns: y.columns)
    for group in ColumnGroups.of(y.columns) {
      let (part, image) = (
        Matrix<Double>(uninitialisedRows: y.rows, columns: group.count),
        Matrix<Double>(rows: y.rows, columns: group.count)
      )
      part.view.copy(from: a.view.columns(group))
      try system.applyExactly(part, image)
      residual.view.columns(group).copy(from: image.view)
    }
    columns.scale(residual, by: [Double](repeating: -1, count: y.columns), adding: y)
    var squares = columns.dots(residual, residual) + columns.dots(y, y)
    try system.sum(&squares)
    try system.agree(&squares)
    let relative = (0..<y.columns).map { c in
      let norm = squares[y.columns + c]
      return (squares[c] / (norm > 0 ? norm : 1)).squareRoot()
    }
    let worst = worstResidual(of: relative)
    return Solution(
      coefficients: a, residual: residual, relativeResiduals: relative, iterations: 0,
      outcome: !worst.isFinite ? .notFinite : worst <= tolerance ? .converged : .stalled)
  }
}
