import DeepRFM
import KernelMachine
import LinearAlgebra
import Solve

extension DebugProblem {
  /// The tolerance that conjugate gradient is asked for.
  private static var tolerance: Double { 1e-10 }

  /// Conjugate gradient and Cholesky of the program against the reference solution, and their true residual.
  public func checkSolve(
    reference: (Matrix<Double>, Double, Matrix<Double>) throws -> Matrix<Double> = Reference.solution
  ) throws -> [Check] {
    let ridge = training.options.ridge
    let expected = try reference(k, ridge, y)
    let cholesky = try fit(.cholesky).coefficients
    let cg = try fit(.cg)
    let residual = Reference.residual(k, ridge: ridge, cg.coefficients, y)
    let rounding = residualRounding(ridge: ridge, cg.coefficients) / Self.tolerance
    let kind = kernel.kind
    return [
      Check("solve: Cholesky, \(kind)", error: relativeError(cholesky, expected), bound: 1e-9),
      Check(
        "solve: CG against Cholesky, \(kind)", error: relativeError(cg.coefficients, cholesky),
        bound: 1e-7),
      Check("solve: CG, true residual, \(kind)", error: residual, bound: (1.1 + rounding) * Self.tolerance),
      Check(
        "solve: CG, residual as reported, \(kind)",
        error: abs(cg.solution.worstResidual - residual) / Self.tolerance, bound: 1e-2 + rounding),
    ]
  }

  /// How far two residuals of the same A may be apart by rounding alone, over |Y|, of the worst column. An entry of either is a sum of N
  /// terms k_ij a_j, each k of a sum of d: it is off by at most 8 (sqrt(N) + sqrt(d)) u (|K| + ridge I) |A|, with probability
  /// 1 - 2 exp(-32) (Higham, Mary 2019, as for `AGOPRounding`). Where equal samples contradict each other A is of the size of Y / ridge.
  private func residualRounding(ridge: Double, _ a: Matrix<Double>) -> Double {
    let unit = 8 * (Double(n).squareRoot() + Double(d).squareRoot()) * Double.ulpOfOne / 2
    return (0..<classes).map { c in
      var (square, scale) = (0.0, 0.0)
      for i in 0..<n {
        let size = (0..<n).reduce(ridge * abs(a[i, c])) { $0 + abs(k[i, $1] * a[$1, c]) } + abs(y[i, c])
        square += size * size
        scale += y[i, c] * y[i, c]
      }
      return scale == 0 ? 0 : 2 * unit * (square / scale).squareRoot()
    }.max() ?? 0
  }

  /// A wrong direction may still lead to the solution, only later: iterations, without a preconditioner, beyond those of a block conjugate
  /// gradient that is written out. (The program may take one more of the cheap ones.)
  public func checkIterations(
    reference: (Matrix<Double>, Double, Matrix<Double>, Double) -> Int = Reference.blockIterations
  ) throws -> [Check] {
    let taken = try fit(.cg, preconditioner: .none).solution.iterations
    let enough = reference(k, training.options.ridge, y, Self.tolerance)
    let excess = Double(max(0, taken - enough)) / Double(enough + 3)
    return [Check("solve: CG, iterations beyond the textbook's, \(kernel.kind)", error: excess, bound: 0.26)]
  }

  /// *Collective.* The program's own solve.
  func fit(_ method: SolverMethod, preconditioner: PreconditionerKind = .nystrom) throws -> Fit {
    let training = training {
      $0.solver = method
      $0.preconditioner = preconditioner
      $0.tolerance = Self.tolerance
      $0.maxIterations = 10_000
      $0.allowUnconverged = true
    }
    var kept: KernelOperator<Double>?
    return try training.fit(training.layer(1, samples), samples, &kept)
  }

  /// *Collective.* The program's own AGOP of a solution, divided by its largest entry.
  func agop(_ fit: Fit) throws -> Matrix<Double> {
    var kept: KernelOperator<Double>?
    return try training.computeAGOP(training.layer(1, samples), samples, fit, &kept).matrix
  }
}
