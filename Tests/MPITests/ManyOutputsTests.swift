import DeepRFM
import Instruments
import KernelMachine
import LinearAlgebra
import MPI
import Runtime
import Solve
import Testing

/// More right-hand sides than share a space.
@Suite(.serialized) struct ManyOutputsTests {
  private static let shape = Shape(classCounts: [40, 30], tileRows: 8)
  private static let outputs = 2 * ColumnGroups.limit + 5
  private static let kernel = Kernel(.laplace, bandwidth: 2)
  private static let ridge = 1e-2

  private func problem<T: Real>(_ type: T.Type) throws -> (problem: Problem<T>, y: Matrix<Double>) {
    let problem = try Problem<T>(
      Self.shape.samples(), classCounts: Self.shape.classCounts, world: TestWorld.all, tileRows: Self.shape.tileRows)
    let y = noise(problem.x.rows, Self.outputs, seed: 61)
    // A group that is done at once, and an output alone that is.
    for i in 0..<y.rows {
      for c in ColumnGroups.of(Self.outputs)[1] { y[i, c] = 0 }
      y[i, 3] = 0
    }
    return (problem, y)
  }

  private func solver(_ method: SolverMethod = .cg, maxIterations: Int = 200) -> RidgeSolver {
    RidgeSolver(
      method: method, ridge: Self.ridge, tolerance: 1e-9, maxIterations: maxIterations, preconditionerRank: 0)
  }

  @Test func groupsCoverAllOutputs() {
    for count in [0, 1, 63, 64, 65, 128, 129, 1000] {
      let groups = ColumnGroups.of(count)
      #expect(groups.flatMap { Array($0) } == Array(0..<count))
      #expect(groups.allSatisfy { $0.count <= ColumnGroups.limit })
      #expect(ColumnGroups.largest(of: count) == groups.map(\.count).max() ?? 0)
    }
  }

  @Test(arguments: [SolverMethod.cg, .cholesky]) func referenceSolution(method: SolverMethod) throws {
    let (problem, y) = try problem(Double.self)
    let k = try problem.kernelMatrix(Self.kernel)
    let solution = try solver(method).solve(k, problem.own(y), preconditioner: nil) { share in
      #expect(share >= 0 && share <= 1)
    }
    #expect(solution.outcome == .converged && solution.relativeResiduals.count == Self.outputs)
    let expected = try Reference.solution(Reference.kernel(Self.kernel, problem.x, problem.x), ridge: Self.ridge, y)
    let whole = try problem.whole(solution.coefficients)
    #expect(relativeError(whole, expected) < 1e-8)
    #expect((0..<y.rows).allSatisfy { whole[$0, 3] == 0 })
  }

  @Test func oneGroupThatIsNotSolvedIsTold() throws {
    let (problem, y) = try problem(Double.self)
    let solution = try solver(maxIterations: 1).solve(
      problem.kernelMatrix(Self.kernel), problem.own(y), preconditioner: nil
    ) { _ in }
    #expect(solution.outcome == .iterationLimit && solution.worstResidual > 1e-9 && solution.iterations == 1)
  }

  /// Stopped at every look in turn, in each of the groups, and gone on with from what was saved then.
  @Test func interrupted() throws {
    let (problem, all) = try problem(Float.self)
    let (k, y) = (try problem.kernelMatrix(Self.kernel), problem.own(all))
    let expected = try solver().solve(k, y, preconditioner: nil) { _ in }
    var (saved, result, stops): (BlockConjugateGradient.State?, Solution?, Int) = (nil, nil, 0)
    while result == nil {
      let pace = Pace(stop: StopSwitch(afterPolls: stops), interval: .infinity)
      let points = SafePoints<BlockConjugateGradient.State>(pace: pace) { state in
        func copied(_ tensors: [SavedTensor]) throws -> [SavedTensor] {
          try tensors.map { SavedTensor($0.name, try tensors.matrix($0.name, as: Double.self)) }
        }
        saved = try BlockConjugateGradient.State(
          copied(state.tensors), copied(state.numbers), rows: y.rows, classes: y.columns)
      }
      do {
        result = try solver().solve(k, y, preconditioner: nil, safePoints: points, from: saved) { _ in }
      } catch is StoppedEarly { stops += 1 }
      try #require(stops < 1000)
    }
    let solution = try #require(result)
    #expect(stops > 3 && solution.iterations == expected.iterations)
    #expect(solution.coefficients.values == expected.coefficients.values)
    #expect(solution.residual.values == expected.residual.values)
    #expect(solution.relativeResiduals == expected.relativeResiduals)
  }

  /// Of few samples and many outputs one rank factors K; not of many samples, few outputs, or where it has not all cores.
  @Test func whereADirectSolveCostsLess() {
    func isDirect(
      _ samples: Int, _ outputs: Int, isOneNode: Bool = true, _ solver: SolverMethod = .auto, ridge: Double = 1e-3
    ) -> Bool {
      var options = TrainOptions()
      (options.solver, options.ridge) = (solver, ridge)
      return options.solvesDirectly(samples: samples, width: 512, outputs: outputs, layer: 2, isOneNode: isOneNode)
    }
    #expect(isDirect(2000, 500) && isDirect(4000, 1000))
    #expect(!isDirect(2000, 10) && !isDirect(100_000, 100) && !isDirect(2000, 500, isOneNode: false))
    // Copies make K singular: its rounding may fall on either side of 0.
    #expect(!isDirect(2000, 500, ridge: 0) && !isDirect(2000, 500, ridge: 1e-10))
    #expect(isDirect(2000, 10, .cholesky) && !isDirect(2000, 500, .cg))
  }
}
