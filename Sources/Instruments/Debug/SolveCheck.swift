import DeepRFM
import KernelMachine
import LinearAlgebra

extension DebugProblem {
  /// The tolerance that conjugate gradient is asked for.
  private static var tolerance: Double { 1e-10 }

  /// Conjugate gradient and Cholesky of the program against the plain solution, and their true residual.
  public func checkSolve(
    twin: (Matrix<Double>, Double, Matrix<Double>) throws -> Matrix<Double> = plainSolution
  ) throws -> [Check] {
    let ridge = training.options.ridge
    let plain = try twin(k, ridge, y)
    let cholesky = try fit(.cholesky).coefficients
    let cg = try fit(.cg)
    let residual = plainResidual(k, ridge: ridge, cg.coefficients, y)
    let kind = kernel.kind
    return [
      Check("solve: Cholesky, \(kind)", error: relativeError(cholesky, plain), bound: 1e-9),
      Check(
        "solve: CG against Cholesky, \(kind)", error: relativeError(cg.coefficients, cholesky),
        bound: 1e-7),
      Check("solve: CG, true residual, \(kind)", error: residual, bound: 1.1 * Self.tolerance),
      Check(
        "solve: CG, residual as reported, \(kind)",
        error: abs(cg.solution.worstResidual - residual) / Self.tolerance, bound: 1e-2),
    ]
  }

  /// A wrong direction may still lead to the solution, only later: iterations, without a preconditioner, beyond those of a block conjugate
  /// gradient that is written out. (The program may take one more of the cheap ones.)
  public func checkIterations(
    twin: (Matrix<Double>, Double, Matrix<Double>, Double) -> Int = plainBlockIterations
  ) throws -> [Check] {
    let taken = try fit(.cg, preconditioner: .none).solution.iterations
    let enough = twin(k, training.options.ridge, y, Self.tolerance)
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

/// Iterations that block conjugate gradient (O'Leary, 1980) takes for (K + ridge I) A = B to |r| <= tolerance |b| of each column: one vector
/// after the other, each made conjugate to all before it.
public func plainBlockIterations(
  _ k: Matrix<Double>, ridge: Double, _ b: Matrix<Double>, tolerance: Double
) -> Int {
  func inner(_ u: [Double], _ v: [Double]) -> Double { zip(u, v).reduce(0) { $0 + $1.0 * $1.1 } }
  func image(_ v: [Double]) -> [Double] { v.indices.map { inner(Array(k.row($0)), v) + ridge * v[$0] } }
  var residuals = (0..<b.columns).map { c in (0..<b.rows).map { b[$0, c] } }
  let targets = residuals.map { tolerance * tolerance * inner($0, $0) }
  var known: [(vector: [Double], image: [Double])] = []
  for iteration in 0..<10_000 {
    let large = residuals.indices.filter { inner(residuals[$0], residuals[$0]) > targets[$0] }
    guard !large.isEmpty else { return iteration }
    for start in large.map({ residuals[$0] }) {
      var p = start
      // Twice: the first time leaves rounding.
      for (vector, image) in known + known {
        let part = inner(image, p)
        for i in p.indices { p[i] -= part * vector[i] }
      }
      guard inner(p, p) > 1e-16 * inner(start, start) else { continue }
      var q = image(p)
      let length = inner(p, q).squareRoot()
      for i in p.indices { (p[i], q[i]) = (p[i] / length, q[i] / length) }
      known.append((p, q))
      for c in residuals.indices {
        let step = inner(p, residuals[c])
        for i in q.indices { residuals[c][i] -= step * q[i] }
      }
    }
  }
  return 10_000
}

/// A = (K + ridge I)^-1 Y by Cholesky's factor L, row after row. Throws if there is none.
public func plainSolution(_ k: Matrix<Double>, ridge: Double, _ y: Matrix<Double>) throws
  -> Matrix<Double>
{
  let (n, l) = (k.rows, Matrix<Double>(rows: k.rows, columns: k.rows))
  for i in 0..<n {
    for j in 0...i {
      var sum = k[i, j] + (i == j ? ridge : 0)
      for m in 0..<j { sum -= l[i, m] * l[j, m] }
      guard i != j || sum > 0 else { throw FactorizationError.notPositiveDefinite(order: i + 1) }
      l[i, j] = i == j ? sum.squareRoot() : sum / l[j, j]
    }
  }
  let a = y.copy()
  for c in 0..<y.columns {
    for i in 0..<n {
      for m in 0..<i { a[i, c] -= l[i, m] * a[m, c] }
      a[i, c] /= l[i, i]
    }
    for i in (0..<n).reversed() {
      for m in (i + 1)..<max(n, i + 1) { a[i, c] -= l[m, i] * a[m, c] }
      a[i, c] /= l[i, i]
    }
  }
  return a
}

/// |Y - (K + ridge I) A| / |Y| of the worst class.
func plainResidual(
  _ k: Matrix<Double>, ridge: Double, _ a: Matrix<Double>, _ y: Matrix<Double>
) -> Double {
  let product = plainProduct(k, a)
  return (0..<y.columns).map { c in
    var (square, scale) = (0.0, 0.0)
    for i in 0..<y.rows {
      let residual = y[i, c] - product[i, c] - ridge * a[i, c]
      square += residual * residual
      scale += y[i, c] * y[i, c]
    }
    return (square / scale).squareRoot()
  }.max() ?? 0
}
