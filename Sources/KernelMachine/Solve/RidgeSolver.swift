import LinearAlgebra
import MPI
import Runtime

#if canImport(Glibc)
  import Glibc
#endif

/// Kernel ridge regression on all ranks: (K + ridge I) A = Y.
public struct RidgeSolver {
  let method: SolverMethod
  let ridge: Double
  let tolerance: Double
  let maxIterations: Int
  /// Blocks of directions that the conjugate gradient remembers.
  let historyLimit: Int
  /// Columns of the preconditioner; 0 for none.
  let preconditionerRank: Int

  public init(
    method: SolverMethod, ridge: Double, tolerance: Double, maxIterations: Int, historyLimit: Int = 50,
    preconditionerRank: Int
  ) {
    self.method = method
    self.ridge = ridge
    self.tolerance = tolerance
    self.maxIterations = maxIterations
    self.historyLimit = historyLimit
    self.preconditionerRank = preconditionerRank
  }

  /// Columns that pay, if the user asks for no number. A sixteenth of the samples, at most 1,000, keeps mapped layers below 35
  /// iterations; up to 400 a tenth costs next to nothing, and ridge 0 needs it. The data itself needs fewer iterations and its columns
  /// are wide: there the cost decides.
  public static func defaultRank(samples: Int, width: Int, classes: Int, layer: Int) -> Int {
    let most = max(min(samples, 50), min(samples / 10, max(400, min(samples / 16, 1000))))
    guard layer == 1 else { return most }
    return stride(from: 50, to: most, by: 10).min {
      inputCost(rank: $0, samples, width, classes) < inputCost(rank: $1, samples, width, classes)
    } ?? most
  }

  /// Operations of set-up and iterations over N, at layer 1. Measured on CIFAR-10, N = 16,000 and 32,000, ranks 190 to 550: r columns take
  /// as long as 5 N d r + 4 N r^2 operations of sgemm, an iteration as long as 4.5 N^2 K. The cost is flat.
  private static func inputCost(rank: Int, _ samples: Int, _ width: Int, _ classes: Int) -> Double {
    let (n, r) = (Double(samples), Double(rank))
    let iterations = inputIterations(samples: samples, rank: rank)
    return r * (5 * Double(width) + 4 * r) + iterations * 4.5 * n * Double(classes)
  }

  /// Iterations at layer 1 to a residual of 1e-4, as measured there within one: CIFAR-10, N = 4,000 to 32,000.
  public static func inputIterations(samples: Int, rank: Int) -> Double {
    let (n, r) = (Double(samples), Double(rank))
    return 1.33 * pow(n, 0.232) * pow(n / r, 0.19)
  }

  /// *Collective.*
  public func makePreconditioner<T: Real>(
    of k: KernelOperator<T>, random: RandomStream, progress: (Double) -> Void
  ) throws -> NystromPreconditioner<T>? {
    guard method == .cg && preconditionerRank > 0 else { return nil }
    return try NystromPreconditioner(
      of: k, ridge: ridge, limit: preconditionerRank, random: random, progress: progress)
  }

  /// *Collective.*
  /// - Parameters:
  ///   - saved: an iteration to go on with.
  ///   - progress: called with the finished share, by the residual's digits.
  public func solve<T: Real>(
    _ k: KernelOperator<T>, _ y: Matrix<Double>, preconditioner: NystromPreconditioner<T>?,
    safePoints: SafePoints<BlockConjugateGradient.State> = .none, from saved: BlockConjugateGradient.State? = nil,
    progress: (Double) -> Void
  ) throws -> Solution {
    // A product that nobody will use need not be finished; a direct solve has no safe point to ask at.
    let system = system(k, preconditioner, stop: method == .cg ? safePoints.stop : nil)
    if method == .cholesky {
      return try check(k.solveDensely(y, ridge: ridge), y, system, k.pool)
    }
    let solver = BlockConjugateGradient(
      system, rows: y.rows, classes: y.columns, tolerance: tolerance, maxIterations: maxIterations,
      historyLimit: historyLimit, rounding: Double(T.ulpOfOne), pool: k.pool, safePoints: safePoints)
    return try solver.solve(y, from: saved) { _, residual in
      progress(residual >= 1 ? 0 : min(1, log(residual) / log(tolerance)))
    }
  }

  private func system<T: Real>(_ k: KernelOperator<T>, _ preconditioner: NystromPreconditioner<T>?, stop: StopSwitch?)
    -> RidgeSystem
  {
    let columns = ColumnBlock(pool: k.pool)
    func add(_ x: Matrix<Double>, to y: Matrix<Double>) {
      columns.add(x, times: [Double](repeating: ridge, count: x.columns), to: y)
    }
    return RidgeSystem(
      apply: { x, y in
        try k.apply(x, into: y, in: T.self, stop: stop)
        add(x, to: y)
      },
      applyExactly: { x, y in
        try k.apply(x, into: y, in: Double.self, stop: stop)
        add(x, to: y)
      },
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
    try system.applyExactly(a, residual)
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
