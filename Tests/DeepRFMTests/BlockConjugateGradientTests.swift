import Foundation
import Instruments
import KernelMachine
import LinearAlgebra
import Solve
import Testing

/// The solver alone, on small matrices that are given whole.
@Suite struct BlockConjugateGradientTests {
  typealias Block = Matrix<Double>

  let pool = ThreadPool(count: 2)

  /// A system of a dense matrix; `working` is what the iterations see, where it is not the matrix itself.
  func system(
    _ a: Matrix<Double>, working: Matrix<Double>? = nil, inverse: Matrix<Double>? = nil
  ) -> RidgeSystem {
    func apply(_ matrix: Matrix<Double>, _ x: Matrix<Double>, _ y: Matrix<Double>) {
      multiply(matrix.view, x.view, into: y.view)
    }
    return RidgeSystem(
      apply: { apply(working ?? a, $0, $1) }, applyExactly: { apply(a, $0, $1) },
      precondition: { r, z in
        if let inverse { apply(inverse, r, z) } else { z.pointer.update(from: r.pointer, count: r.count) }
      }, sum: { _ in })
  }

  func solver(
    _ system: RidgeSystem, _ b: Matrix<Double>, tolerance: Double = 1e-10, maxIterations: Int = 500
  ) -> BlockConjugateGradient {
    BlockConjugateGradient(
      system, rows: b.rows, classes: b.columns, tolerance: tolerance, maxIterations: maxIterations,
      pool: pool)
  }

  /// G G^T / n + shift I.
  func definite(_ n: Int, shift: Double) -> Matrix<Double> {
    let g = noise(n, n, seed: 1)
    let a = Matrix<Double>(rows: n, columns: n)
    multiply(g.view, g.view, transposeB: true, alpha: 1 / Double(n), into: a.view)
    for i in 0..<n { a[i, i] += shift }
    return a
  }

  func noise(_ rows: Int, _ columns: Int, seed: UInt64) -> Matrix<Double> {
    let random = RandomStream(seed: seed, layer: 0, purpose: .probe)
    let matrix = Matrix<Double>(rows: rows, columns: columns)
    for i in 0..<rows {
      for j in 0..<columns { matrix[i, j] = random.normal(row: i, column: j) }
    }
    return matrix
  }

  /// |b - A x| / |b| of each column, here and now.
  func residuals(_ a: Matrix<Double>, _ x: Matrix<Double>, _ b: Matrix<Double>) -> [Double] {
    let r = b.copy()
    multiply(a.view, x.view, alpha: -1, beta: 1, into: r.view)
    return (0..<b.columns).map { c in
      var (top, bottom) = (0.0, 0.0)
      for i in 0..<b.rows {
        top += r[i, c] * r[i, c]
        bottom += b[i, c] * b[i, c]
      }
      return (top / bottom).squareRoot()
    }
  }

  @Test(arguments: [1, 2, 5, 40]) func converges(n: Int) throws {
    let a = definite(n, shift: 0.1)
    let b = noise(n, 3, seed: 2)
    let solution = try solver(system(a), b).solve(b)
    #expect(solution.outcome == .converged)
    #expect(solution.iterations > 0 && solution.iterations <= 3 * n + 3)
    let truth = residuals(a, solution.coefficients, b)
    for (known, said) in zip(truth, solution.relativeResiduals) {
      #expect(known <= 1e-10)
      #expect(abs(known - said) <= 1e-14)
    }
    // The residual that comes with the answer is the true one.
    let r = b.copy()
    multiply(a.view, solution.coefficients.view, alpha: -1, beta: 1, into: r.view)
    for k in 0..<r.count { #expect(abs(r.pointer[k] - solution.residual.pointer[k]) < 1e-13) }
  }

  @Test func iterationLimit() throws {
    let a = definite(40, shift: 1e-6)
    let b = noise(40, 3, seed: 2)
    let solution = try solver(system(a), b, maxIterations: 5).solve(b)
    #expect(solution.outcome == .iterationLimit)
    #expect(solution.iterations == 5)
    let truth = residuals(a, solution.coefficients, b)
    for (known, said) in zip(truth, solution.relativeResiduals) { #expect(abs(known - said) <= 1e-12) }
  }

  @Test func indefinite() throws {
    let a = Matrix<Double>(rows: 3, columns: 3, [1, 0, 0, 0, 2, 0, 0, 0, -1])
    let b = Matrix<Double>(rows: 3, columns: 2, [1, 0, 1, 0, 0, 1])
    let solution = try solver(system(a), b).solve(b)
    #expect(solution.outcome == .indefinite)
    #expect(solution.coefficients.buffer.allSatisfy { $0.isFinite })
  }

  /// The iterations see another matrix than the true residual: starting again cannot help.
  @Test func stalls() throws {
    let a = definite(12, shift: 1)
    let wrong = a.copy()
    for k in 0..<wrong.count { wrong.pointer[k] *= 0.3 }
    let b = noise(12, 2, seed: 3)
    let solution = try solver(system(a, working: wrong), b).solve(b)
    #expect(solution.outcome == .stalled)
    #expect(solution.worstResidual > 1)
  }

  /// Here the matrices differ by a little, and starting again from the true residual does help.
  @Test func refines() throws {
    let a = definite(12, shift: 1)
    let rough = a.copy()
    for k in 0..<rough.count { rough.pointer[k] = Double(Float(rough.pointer[k])) * 1.001 }
    let b = noise(12, 2, seed: 3)
    let solution = try solver(system(a, working: rough), b, tolerance: 1e-12).solve(b)
    #expect(solution.outcome == .converged)
    for residual in residuals(a, solution.coefficients, b) { #expect(residual <= 1e-12) }
  }

  @Test func zeroRightHandSide() throws {
    let a = definite(6, shift: 1)
    let b = Matrix<Double>(rows: 6, columns: 2)
    let solution = try solver(system(a), b).solve(b)
    #expect(solution.outcome == .converged && solution.iterations == 0)
    #expect(solution.coefficients.buffer.allSatisfy { $0 == 0 })
  }

  @Test func zeroColumnAmongOthers() throws {
    let a = definite(6, shift: 1)
    let b = noise(6, 3, seed: 4)
    for i in 0..<6 { b[i, 1] = 0 }
    let solution = try solver(system(a), b).solve(b)
    #expect(solution.outcome == .converged)
    for i in 0..<6 { #expect(solution.coefficients[i, 1] == 0) }
    #expect(residuals(a, solution.coefficients, b)[2] <= 1e-10)
  }

  /// A rank without rows takes part.
  @Test func noRows() throws {
    let nothing = Matrix<Double>(rows: 0, columns: 2)
    let solution = try solver(system(Matrix(rows: 0, columns: 0)), nothing).solve(nothing)
    #expect(solution.outcome == .converged)
  }

  /// Singular, and b in the range: there is a solution.
  @Test func consistentSingularSystem() throws {
    let a = Matrix<Double>(rows: 3, columns: 3, [1, 1, 0, 1, 1, 0, 0, 0, 1])
    let b = Matrix<Double>(rows: 3, columns: 1, [2, 2, 1])
    let solution = try solver(system(a), b).solve(b)
    #expect(solution.outcome == .converged)
    #expect(residuals(a, solution.coefficients, b)[0] <= 1e-10)
  }

  /// Singular, and b outside of the range: no answer, and the solver says so and ends.
  @Test func inconsistentSingularSystem() throws {
    let a = Matrix<Double>(rows: 3, columns: 3, [1, 1, 0, 1, 1, 0, 0, 0, 1])
    let b = Matrix<Double>(rows: 3, columns: 1, [1, -1, 1])
    let solution = try solver(system(a), b).solve(b)
    #expect(solution.outcome != .converged)
    #expect(solution.worstResidual > 0.5)
  }

  /// Not a number is never within a tolerance, whichever column it is in.
  @Test(arguments: 0..<3) func notANumberIsNoSolution(column: Int) throws {
    let a = definite(4, shift: 1)
    let b = noise(4, 3, seed: 5)
    b[2, column] = .nan
    let solution = try solver(system(a), b).solve(b)
    #expect(solution.outcome != .converged)
    #expect(!(solution.worstResidual <= 1e-10))
  }

  @Test func exactPreconditionerNeedsOneIteration() throws {
    let a = Matrix<Double>(rows: 3, columns: 3, [4, 0, 0, 0, 9, 0, 0, 0, 0.01])
    let inverse = Matrix<Double>(rows: 3, columns: 3, [0.25, 0, 0, 0, 1.0 / 9, 0, 0, 0, 100])
    let b = noise(3, 2, seed: 6)
    let solution = try solver(system(a, inverse: inverse), b).solve(b)
    #expect(solution.outcome == .converged && solution.iterations == 1)
  }

  @Test func twoSolvesAreEqualToTheLastBit() throws {
    let a = definite(40, shift: 1e-3)
    let (b, other) = (noise(40, 3, seed: 7), noise(40, 3, seed: 8))
    let first = solver(system(a), b)
    let answer = try first.solve(b)
    _ = try first.solve(other)
    for again in [try first.solve(b), try solver(system(a), b).solve(b)] {
      #expect(Array(again.coefficients.buffer) == Array(answer.coefficients.buffer))
      #expect(again.relativeResiduals == answer.relativeResiduals)
      #expect(again.iterations == answer.iterations)
    }
  }

  @Test func progressCountsUp() throws {
    let a = definite(10, shift: 0.1)
    let b = noise(10, 1, seed: 9)
    var seen: [Int] = []
    let solution = try solver(system(a), b).solve(b) { number, residual in
      seen.append(number)
      #expect(residual >= 0)
    }
    #expect(seen == Array(1...solution.iterations))
  }

  // MARK: - The block

  /// Diagonal, with eigenvalues spread over three decades.
  private func spread(_ n: Int) -> Matrix<Double> {
    let a = Matrix<Double>(rows: n, columns: n)
    for i in 0..<n { a[i, i] = pow(10, -3 * Double(i) / Double(n - 1)) }
    return a
  }

  private func column(_ b: Matrix<Double>, _ c: Int) -> Matrix<Double> {
    Matrix(rows: b.rows, columns: 1, (0..<b.rows).map { b[$0, c] })
  }

  @Test func sharedDirectionsSaveIterations() throws {
    let a = spread(300)
    let b = noise(300, 8, seed: 10)
    let together = try solver(system(a), b, tolerance: 1e-6).solve(b)
    let alone = try (0..<8).map { try solver(system(a), column(b, $0), tolerance: 1e-6).solve(column(b, $0)) }
    #expect(together.outcome == .converged)
    #expect(2 * together.iterations < alone.map(\.iterations).min()!)
    for c in 0..<8 {
      #expect(alone[c].outcome == .converged)
      for i in 0..<300 {
        // An error in x is at most the residual, 1e-6 * 17, over the smallest eigenvalue; here of two solves.
        #expect(abs(together.coefficients[i, c] - alone[c].coefficients[i, 0]) < 0.04)
      }
    }
  }

  /// Two classes' labels are each other's negatives; of three columns one may be a sum. The block has a lower rank, and breaks down nowhere.
  @Test func dependentColumns() throws {
    let a = definite(60, shift: 1e-2)
    let one = noise(60, 2, seed: 11)
    let b = Matrix<Double>(rows: 60, columns: 4)
    for i in 0..<60 {
      (b[i, 0], b[i, 1], b[i, 2], b[i, 3]) = (one[i, 0], -one[i, 0], one[i, 1], 2 * one[i, 0] + one[i, 1])
    }
    let solution = try solver(system(a), b).solve(b)
    let independent = try solver(system(a), one).solve(one)
    #expect(solution.outcome == .converged)
    #expect(abs(solution.iterations - independent.iterations) <= 2)
    for residual in residuals(a, solution.coefficients, b) { #expect(residual <= 1e-10) }
    for i in 0..<60 { #expect(abs(solution.coefficients[i, 0] + solution.coefficients[i, 1]) < 1e-12) }
  }

  /// A product rounded to float32: the true residual is reached by going on with the directions there are, not from the beginning.
  @Test(arguments: [3, 50]) func goesOnFromTheTrueResidual(historyLimit: Int) throws {
    let a = definite(120, shift: 1e-2)
    let exact = system(a)
    let rounded = RidgeSystem(
      apply: { x, y in
        multiply(a.view, x.view, into: y.view)
        for k in 0..<y.count { y.pointer[k] = Double(Float(y.pointer[k])) }
      }, applyExactly: { multiply(a.view, $0.view, into: $1.view) },
      precondition: { $1.pointer.update(from: $0.pointer, count: $0.count) }, sum: { _ in })
    let b = noise(120, 4, seed: 12)
    let truth = try solver(exact, b, tolerance: 1e-8).solve(b)
    let solution = try BlockConjugateGradient(
      rounded, rows: 120, classes: 4, tolerance: 1e-8, maxIterations: 500, historyLimit: historyLimit,
      rounding: Double(Float.ulpOfOne), pool: pool
    ).solve(b)
    #expect(truth.outcome == .converged && solution.outcome == .converged)
    for residual in residuals(a, solution.coefficients, b) { #expect(residual <= 1e-8) }
    // All of the space is known by then.
    if historyLimit == 50 { #expect(solution.iterations <= 2 * truth.iterations) }
  }

  /// Products off by as much as `rounding` says leave the recursive residual behind the true one: measured in time, that costs no iterations.
  @Test func driftIsTakenInInTime() throws {
    let (a, b, rounding) = (spread(300), noise(300, 4, seed: 13), 4e-9)
    func solve(knowing: Bool) throws -> (solution: Solution, measurements: [Double]) {
      var (products, measurements): (UInt64, [Double]) = (0, [])
      let rough = RidgeSystem(
        apply: { x, y in
          multiply(a.view, x.view, into: y.view)
          let error = noise(x.rows, x.columns, seed: 100 + products)
          products += 1
          for c in 0..<x.columns {
            // As a vector, 3 sqrt(rows) half units of |x|.
            let size = 1.5 * rounding * (0..<x.rows).reduce(0) { $0 + x[$1, c] * x[$1, c] }.squareRoot()
            for i in 0..<x.rows { y[i, c] += size * error[i, c] }
          }
        },
        applyExactly: { x, y in
          multiply(a.view, x.view, into: y.view)
          measurements.append(worst(of: residuals(a, x, b)))
        }, precondition: { $1.pointer.update(from: $0.pointer, count: $0.count) }, sum: { _ in })
      let solution = try BlockConjugateGradient(
        rough, rows: 300, classes: 4, tolerance: 1e-6, maxIterations: 500, rounding: knowing ? rounding : 0, pool: pool
      ).solve(b)
      return (solution, measurements)
    }
    let (unaware, aware) = (try solve(knowing: false), try solve(knowing: true))
    #expect(unaware.solution.outcome == .converged && aware.solution.outcome == .converged)
    #expect(unaware.measurements[0] > 1e-6, "the recursive residual was as good as true: this shows nothing")
    #expect(aware.measurements.count == 2 && aware.measurements[0] > 2e-6)
    #expect(aware.solution.iterations < unaware.solution.iterations)
  }

  private func worst(of values: [Double]) -> Double { values.max() ?? 0 }

  /// A class that is done takes no part in the products.
  @Test func productsNarrow() throws {
    let n = 60
    let a = definite(n, shift: 1e-2)
    // An eigenvector is done at once.
    let eigen = try SymmetricEigen(of: a)
    let b = noise(n, 3, seed: 14)
    for i in 0..<n { b[i, 1] = eigen.vectors[n - 1, i] }
    var widths: [Int] = []
    let counted = RidgeSystem(
      apply: { x, y in
        widths.append(x.columns)
        multiply(a.view, x.view, into: y.view)
      }, applyExactly: { multiply(a.view, $0.view, into: $1.view) },
      precondition: { $1.pointer.update(from: $0.pointer, count: $0.count) }, sum: { _ in })
    let solution = try solver(counted, b).solve(b)
    #expect(solution.outcome == .converged)
    #expect(widths.first == 3 && widths.last! < 3)
    for residual in residuals(a, solution.coefficients, b) { #expect(residual <= 1e-10) }
  }

}
