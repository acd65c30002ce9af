import Instruments
import KernelMachine
import LinearAlgebra
import MPI
import Runtime
import Solve
import Testing

/// The ridge solver on the distributed kernel matrix.
@Suite(.serialized) struct SolverTests {
  private let kernel = Kernel(.laplace, bandwidth: 2)

  private func problem<T: Real>(
    _ shape: Shape, _ type: T.Type, world: Communicator? = nil
  ) throws -> Problem<T> {
    try Problem(
      shape.samples(), classCounts: shape.classCounts, world: world ?? TestWorld.all,
      tileRows: shape.tileRows)
  }

  private func solver(
    _ method: SolverMethod = .cg, ridge: Double = 1e-3, tolerance: Double = 1e-10, rank: Int = 0,
    maxIterations: Int = 500
  ) -> RidgeSolver {
    RidgeSolver(
      method: method, ridge: ridge, tolerance: tolerance, maxIterations: maxIterations,
      preconditionerRank: rank)
  }

  private func solve<T: Real>(
    _ problem: Problem<T>, _ kernel: Kernel, _ solver: RidgeSolver, targets: Matrix<Double>? = nil
  ) throws -> (solution: Solution, preconditioner: NystromPreconditioner<T>?) {
    let k = try problem.kernelMatrix(kernel)
    let random = RandomStream(seed: 3, layer: 1, purpose: .pivots)
    let preconditioner = try solver.makePreconditioner(of: k, random: random) { _ in }
    let y = problem.own(targets ?? problem.targets)
    return (try solver.solve(k, y, preconditioner: preconditioner) { _ in }, preconditioner)
  }

  /// |Y - (K + ridge I) A| / |Y| of the worst class, K from the double loop.
  private func trueResidual<T: Real>(
    _ problem: Problem<T>, _ kernel: Kernel, ridge: Double, _ own: Matrix<Double>,
    targets: Matrix<Double>? = nil
  ) throws -> Double {
    let a = try problem.whole(own)
    let y = targets ?? problem.targets
    let image = Reference.product(Reference.kernel(kernel, problem.x, problem.x), a)
    return (0..<y.columns).map { c in
      var (top, bottom) = (0.0, 0.0)
      for i in 0..<y.rows {
        let r = y[i, c] - image[i, c] - ridge * a[i, c]
        top += r * r
        bottom += y[i, c] * y[i, c]
      }
      return (top / bottom).squareRoot()
    }.max() ?? 0
  }

  /// No preconditioner, a small one, one of more columns than there are samples.
  @Test(arguments: Shape.all, [0, 5, 1000]) func converges(shape: Shape, rank: Int) throws {
    for kernel in Kernel.both {
      let problem = try problem(shape, Double.self)
      let (solution, preconditioner) = try solve(problem, kernel, solver(rank: rank))
      #expect(solution.outcome == .converged, "\(shape) \(kernel) \(solution.relativeResiduals)")
      let truth = try trueResidual(problem, kernel, ridge: 1e-3, solution.coefficients)
      #expect(truth < 1.1e-10)
      #expect((preconditioner?.rank ?? 0) <= min(rank, problem.x.rows))
    }
  }

  @Test(arguments: Shape.all) func convergesInFloat(shape: Shape) throws {
    let problem = try problem(shape, Float.self)
    let (solution, _) = try solve(problem, kernel, solver(tolerance: 1e-5, rank: 5))
    #expect(solution.outcome == .converged, "\(solution.relativeResiduals)")
    // K is rounded to float32: with coefficients of 1 / ridge that is felt.
    let truth = try trueResidual(problem, kernel, ridge: 1e-3, solution.coefficients)
    #expect(truth < 1e-3)
  }

  @Test(arguments: Shape.all) func agreesWithCholeskyOfOneRank(shape: Shape) throws {
    let world = try TestWorld.all
    let problem = try problem(shape, Double.self)
    let (solution, _) = try solve(problem, kernel, solver(tolerance: 1e-12, rank: 5))
    let alone = try self.problem(shape, Double.self, world: world.split(color: world.rank, key: 0))
    let (dense, none) = try solve(alone, kernel, solver(.cholesky, tolerance: 1e-12, rank: 5))
    #expect(none == nil)
    #expect(dense.outcome == .converged && dense.iterations == 0)
    // The condition is at most N / ridge.
    #expect(relativeError(try problem.whole(solution.coefficients), dense.coefficients) < 1e-7)
  }

  /// K's tiles from all ranks, of halves and of pairs of short classes, come to the right places of one matrix.
  @Test(arguments: Shape.all) func allRanksLetOneFactor(shape: Shape) throws {
    for kernel in Kernel.both {
      let problem = try problem(shape, Double.self)
      let (solution, _) = try solve(problem, kernel, solver(.cholesky, tolerance: 1e-11))
      #expect(solution.outcome == .converged && solution.iterations == 0)
      let expected = try Reference.solution(
        Reference.kernel(kernel, problem.x, problem.x), ridge: 1e-3, problem.targets)
      #expect(relativeError(try problem.whole(solution.coefficients), expected) < 1e-9)
    }
  }

  /// That K has no factor is known to all ranks, in the same words.
  @Test func allRanksLearnThatThereIsNoFactor() throws {
    let problem = try problem(Shape.all[4], Double.self)
    let error = #expect(throws: FactorizationError.self) {
      try solve(problem, kernel, solver(.cholesky, ridge: -1, tolerance: 1e-12))
    }
    var order = 0
    if case .notPositiveDefinite(let found)? = error { order = found }
    #expect(order > 0)
    let (least, most) = (try problem.world.minimum(order), try problem.world.maximum(order))
    #expect(least == most)
  }

  /// Cholesky answers for its residual too.
  @Test func choleskyThatMissesTheToleranceSaysSo() throws {
    let world = try TestWorld.all
    let alone = try problem(Shape.all[5], Float.self, world: world.split(color: world.rank, key: 0))
    let (dense, _) = try solve(alone, kernel, solver(.cholesky, tolerance: 1e-30))
    #expect(dense.outcome == .stalled)
    #expect(dense.worstResidual > 0 && dense.worstResidual < 1e-10)
  }

  @Test func iterationLimit() throws {
    let problem = try problem(Shape.all[4], Double.self)
    let (solution, _) = try solve(problem, kernel, solver(maxIterations: 3))
    #expect(solution.outcome == .iterationLimit && solution.iterations == 3)
    let truth = try trueResidual(problem, kernel, ridge: 1e-3, solution.coefficients)
    #expect(abs(truth - solution.worstResidual) < 1e-12)
  }

  /// A ridge below 0 makes the matrix indefinite.
  @Test func indefinite() throws {
    let problem = try problem(Shape.all[4], Double.self)
    let (solution, _) = try solve(problem, kernel, solver(ridge: -0.9))
    #expect(solution.outcome == .indefinite)
  }

  @Test func zeroTargets() throws {
    let problem = try problem(Shape.all[3], Double.self)
    let zero = Matrix<Double>(rows: problem.x.rows, columns: 4)
    let (solution, _) = try solve(problem, kernel, solver(rank: 5), targets: zero)
    #expect(solution.outcome == .converged && solution.iterations == 0)
    #expect(solution.coefficients.buffer.allSatisfy { $0 == 0 })
  }

  /// One sample: (1 + ridge) a = y.
  @Test(arguments: [0, 1e-3, 2]) func oneSample(ridge: Double) throws {
    let problem = try problem(Shape(classCounts: [0, 1]), Double.self)
    for rank in [0, 1] {
      let (solution, _) = try solve(problem, kernel, solver(ridge: ridge, rank: rank))
      #expect(solution.outcome == .converged)
      let a = try problem.whole(solution.coefficients)
      #expect(abs(a[0, 0] + 1 / (1 + ridge)) < 1e-12 && abs(a[0, 1] - 1 / (1 + ridge)) < 1e-12)
    }
  }

  @Test func noRidge() throws {
    for shape in [Shape.all[3], Shape.all[4]] {
      let problem = try problem(shape, Double.self)
      for rank in [0, 5, 1000] {
        let (solution, _) = try solve(problem, kernel, solver(ridge: 0, rank: rank))
        #expect(solution.outcome == .converged)
        let truth = try trueResidual(problem, kernel, ridge: 0, solution.coefficients)
        #expect(truth < 1.1e-10)
      }
    }
  }

  /// The same sample twice with the same label and no ridge: singular, but there are solutions.
  @Test(arguments: [0, 5, 1000]) func equalRowsOfOneLabelWithoutRidge(rank: Int) throws {
    let x = Shape(classCounts: [4, 6, 3]).samples()
    for k in 0..<x.columns { x[1, k] = x[0, k] }
    let problem = try Problem<Double>(x, classCounts: [4, 6, 3], world: TestWorld.all)
    let (solution, _) = try solve(problem, kernel, solver(ridge: 0, rank: rank))
    #expect(solution.outcome == .converged)
    #expect(try trueResidual(problem, kernel, ridge: 0, solution.coefficients) < 1.1e-10)
  }

  /// The same sample twice with different labels and no ridge: there is no solution. It ends, and says so.
  @Test(arguments: [0, 5, 1000]) func equalRowsOfTwoLabelsWithoutRidge(rank: Int) throws {
    let shape = Shape(classCounts: [4, 6, 3], duplicates: true)
    let problem = try problem(shape, Double.self)
    let (solution, _) = try solve(problem, kernel, solver(ridge: 0, rank: rank, maxIterations: 200))
    #expect(solution.outcome != .converged)
    #expect(solution.worstResidual > 0.1)
    #expect(solution.coefficients.buffer.allSatisfy { $0.isFinite })
  }

  @Test func twoSolvesAreEqualToTheLastBit() throws {
    for shape in Shape.all {
      let problem = try problem(shape, Float.self)
      let (first, _) = try solve(problem, kernel, solver(tolerance: 1e-5, rank: 5))
      let (second, _) = try solve(problem, kernel, solver(tolerance: 1e-5, rank: 5))
      #expect(Array(first.coefficients.buffer) == Array(second.coefficients.buffer))
      #expect(first.relativeResiduals == second.relativeResiduals)
      #expect(first.iterations == second.iterations)
    }
  }

  // MARK: - Small ridges

  /// A ridge below the rounding of K's largest eigenvalue, with columns for all samples: P^-1 is the difference of numbers near 1. It must stay
  /// positive definite, the solve come to the same end each time, and to Cholesky's.
  @Test(arguments: [1e-11, 1e-12, 1e-13, 1e-15]) func ridgeBelowRounding(ridge: Double) throws {
    let world = try TestWorld.all
    let (shape, kernel) = (Shape.all[6], Kernel(.gaussian, bandwidth: 4))
    let problem = try problem(shape, Double.self)
    let (first, _) = try solve(problem, kernel, solver(ridge: ridge, tolerance: 1e-4, rank: 1000))
    let (second, _) = try solve(problem, kernel, solver(ridge: ridge, tolerance: 1e-4, rank: 1000))
    #expect(first.outcome == .converged && first.iterations < 20, "\(first.iterations) \(first.relativeResiduals)")
    #expect(first.coefficients.values == second.coefficients.values)
    let alone = try self.problem(shape, Double.self, world: world.split(color: world.rank, key: 0))
    let (dense, _) = try solve(alone, kernel, solver(.cholesky, ridge: ridge, tolerance: 1e-4))
    #expect(dense.outcome == .converged)
    // K A is what is learned: both are within their residuals of Y.
    let matrix = Reference.kernel(kernel, problem.x, problem.x)
    let difference = relativeError(
      Reference.product(matrix, try problem.whole(first.coefficients)), Reference.product(matrix, dense.coefficients))
    #expect(difference < 4e-4)
  }

  // MARK: - Reductions that give each rank bits of its own

  /// MPI only recommends that they are the same: one rank's copy of every sum is off by its last bit. All end together, in the same way.
  @Test(arguments: [0, 5, 1000], [1e-3, 1e-12]) func ranksDecideAlike(rank: Int, ridge: Double) throws {
    let world = try TestWorld.all
    let off = world.rank == world.size - 1 && world.size > 1
    ReductionFault.disturb = { values in if off { for k in values.indices { values[k] = values[k].nextUp } } }
    defer { ReductionFault.disturb = nil }
    for shape in [Shape.all[3], Shape.all[4], Shape.all[5], Shape.all[6]] {
      for kernel in Kernel.both {
        for tolerance in [1e-4, 1e-10] {
          let problem = try problem(shape, Double.self)
          let solver = solver(ridge: ridge, tolerance: tolerance, rank: rank, maxIterations: 100)
          let (solution, preconditioner) = try solve(problem, kernel, solver)
          let seen = [Double(solution.iterations), Double(preconditioner?.rank ?? 0), solution.worstResidual]
          let all = try world.allGather(seen)
          #expect(all.allSatisfy { $0.map { $0.bitPattern } == seen.map { $0.bitPattern } }, "\(shape) \(kernel)")
          let outcomes = try world.allGather(Array(solution.outcome.rawValue.utf8))
          #expect(outcomes.allSatisfy { $0 == outcomes[0] }, "\(shape) \(kernel)")
          if ridge == 1e-3 { #expect(solution.outcome == .converged) }
        }
      }
    }
  }
}
