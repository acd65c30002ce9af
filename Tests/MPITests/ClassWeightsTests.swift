import Instruments
import KernelMachine
import LinearAlgebra
import Runtime
import Solve
import Testing

/// (K + ridge W^-1) A = Y against the dense solution in double precision, on any number of ranks.
@Suite(.serialized) struct ClassWeightsTests {
  private let kernel = Kernel(.laplace, bandwidth: 2)
  /// Of classes that differ much in size.
  private let weights = [0.4, 1, 17, 2.5, 0.9]

  private func solver(_ method: SolverMethod, _ ridge: Double, _ rank: Int, weights: [Double]?) -> RidgeSolver {
    RidgeSolver(
      method: method, ridge: ridge, tolerance: 1e-10, maxIterations: 500, preconditionerRank: rank, weights: weights)
  }

  private func solve(_ solver: RidgeSolver, _ problem: Problem<Double>) throws -> Solution {
    let k = try problem.kernelMatrix(kernel)
    let random = RandomStream(seed: 3, layer: 1, purpose: .pivots)
    let preconditioner = try solver.makePreconditioner(of: k, random: random) { _ in }
    return try solver.solve(k, problem.own(problem.targets), preconditioner: preconditioner) { _ in }
  }

  /// W of each sample.
  private func rowWeights(_ counts: [Int]) -> [Double] {
    counts.enumerated().flatMap { [Double](repeating: weights[$0], count: $1) }
  }

  /// A of W^1/2 K W^1/2 + ridge I, whole.
  private func expected(_ problem: Problem<Double>, _ counts: [Int], ridge: Double) throws -> Matrix<Double> {
    let (k, w) = (Reference.kernel(kernel, problem.x, problem.x), rowWeights(counts))
    for i in 0..<k.rows { k[i, i] += ridge / w[i] }
    return try Reference.solution(k, ridge: 0, problem.targets)
  }

  @Test(arguments: [[13, 0, 1, 9, 17], [3, 1, 0, 7, 0], [40, 30, 2, 0, 0]], [0, 12])
  func denseSolution(counts: [Int], preconditionerRank: Int) throws {
    let shape = Shape(classCounts: counts, tileRows: 5)
    let problem = try Problem<Double>(shape.samples(), classCounts: counts, world: TestWorld.all, tileRows: 5)
    let ridge = 0.3
    let expected = try expected(problem, counts, ridge: ridge)
    let solution = try solve(solver(.cg, ridge, preconditionerRank, weights: weights), problem)
    #expect(solution.outcome == .converged)
    #expect(relativeError(try problem.whole(solution.coefficients), expected) < 1e-8)
    // Y - (K + ridge W^-1) A as it is reported, and its norm in the weighted system.
    let (k, w) = (Reference.kernel(kernel, problem.x, problem.x), rowWeights(counts))
    let a = try problem.whole(solution.coefficients)
    let product = Reference.product(k, a)
    let residual = try problem.whole(solution.residual)
    for c in 0..<a.columns {
      var (square, scale) = (0.0, 0.0)
      for i in 0..<a.rows {
        let truth = problem.targets[i, c] - product[i, c] - ridge / w[i] * a[i, c]
        #expect(abs(residual[i, c] - truth) < 1e-10)
        square += w[i] * truth * truth
        scale += w[i] * problem.targets[i, c] * problem.targets[i, c]
      }
      #expect(abs((square / scale).squareRoot() - solution.relativeResiduals[c]) < 1e-12)
    }
  }

  @Test func choleskySolvesTheSameSystem() throws {
    let counts = [13, 0, 1, 9, 17]
    let problem = try Problem<Double>(
      Shape(classCounts: counts).samples(), classCounts: counts, world: TestWorld.all, tileRows: 5)
    let solution = try solve(solver(.cholesky, 0.3, 0, weights: weights), problem)
    let whole = try problem.whole(solution.coefficients)
    #expect(relativeError(whole, try expected(problem, counts, ridge: 0.3)) < 1e-11)
    #expect(solution.outcome == .converged && solution.worstResidual < 1e-12)
  }

  /// Weights of 1 change nothing but rounding.
  @Test func evenWeightsAreNone() throws {
    let counts = [13, 0, 1, 9, 17]
    let problem = try Problem<Double>(
      Shape(classCounts: counts).samples(), classCounts: counts, world: TestWorld.all, tileRows: 5)
    let even = try solve(solver(.cg, 0.3, 12, weights: [1, 1, 1, 1, 1]), problem)
    let none = try solve(solver(.cg, 0.3, 12, weights: nil), problem)
    #expect(even.iterations == none.iterations)
    #expect(relativeError(try problem.whole(even.coefficients), try problem.whole(none.coefficients)) < 1e-12)
  }
}
