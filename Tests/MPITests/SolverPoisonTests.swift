import KernelMachine
import LinearAlgebra
import Runtime
import Testing

/// Every matrix begins as numbers that are none: what is read before it is written shows in the result's bits.
@Suite(.serialized) struct SolverPoisonTests {
  private func problem<T: Real>(_ shape: Shape, _ type: T.Type) throws -> Problem<T> {
    try Problem(shape.samples(), classCounts: shape.classCounts, world: TestWorld.all, tileRows: shape.tileRows)
  }

  /// Bits of everything that `body` computes, poisoned and not.
  private func expectSame(_ shape: Shape, _ body: () throws -> [Double]) throws {
    let clean = try body()
    let poisoned = try MatrixWatch.poisoning(body)
    #expect(clean.allSatisfy { $0.isFinite }, "\(shape)")
    #expect(clean.map { $0.bitPattern } == poisoned.map { $0.bitPattern }, "\(shape)")
  }

  @Test func poisonIsSeen() {
    let matrix = MatrixWatch.poisoning { Matrix<Float>(uninitialisedRows: 2, columns: 3) }
    #expect(matrix.buffer.allSatisfy { $0.isNaN })
    let zeros = MatrixWatch.poisoning { Matrix<Float>(rows: 2, columns: 3) }
    #expect(zeros.buffer.allSatisfy { $0 == 0 })
  }

  private func solution<T: Real>(_ shape: Shape, _ kernel: Kernel, rank: Int, ridge: Double, _ type: T.Type) throws
    -> [Double]
  {
    let problem = try problem(shape, T.self)
    let k = try problem.kernelMatrix(kernel)
    let solver = RidgeSolver(
      method: .cg, ridge: ridge, tolerance: 1e-5, maxIterations: 100, historyLimit: 3, preconditionerRank: rank)
    let random = RandomStream(seed: 3, layer: 1, purpose: .pivots)
    let preconditioner = try solver.makePreconditioner(of: k, random: random) { _ in }
    let solution = try solver.solve(k, problem.own(problem.targets), preconditioner: preconditioner) { _ in }
    return solution.coefficients.values + solution.residual.values + solution.relativeResiduals
  }

  @Test(arguments: Shape.all, [0, 5, 1000]) func solve(shape: Shape, rank: Int) throws {
    for kernel in Kernel.both {
      for ridge in [1e-3, 1e-12] {
        // Equal rows with two labels and all but no ridge have no answer worth the name.
        if shape.duplicates && ridge < 1e-6 { continue }
        try expectSame(shape) { try solution(shape, kernel, rank: rank, ridge: ridge, Double.self) }
      }
      try expectSame(shape) { try solution(shape, kernel, rank: rank, ridge: 1e-3, Float.self) }
    }
  }

  @Test(arguments: Shape.all, [0, Int.max]) func product(shape: Shape, budget: Int) throws {
    try expectSame(shape) {
      let problem = try problem(shape, Float.self)
      let k = try problem.kernelMatrix(Kernel.both[0], tileBudget: budget)
      let y = Matrix<Double>(uninitialisedRows: problem.rows.rowCount, columns: 3)
      try k.apply(problem.own(noise(problem.x.rows, 3, seed: 41)), into: y, in: Float.self)
      return y.values
    }
  }

  @Test(arguments: Shape.all, Kernel.both) func agop(shape: Shape, kernel: Kernel) throws {
    try expectSame(shape) {
      let problem = try problem(shape, Float.self)
      let a = problem.own(noise(problem.x.rows, shape.classCounts.count, seed: 51))
      let byClass = try problem.gradients(kernel).agop(a) { _ in }
      let byGram = try problem.gram(kernel, pieceRows: 9).agop(a) { _ in }
      return byClass.buffer.map { Double($0) } + byGram.values
    }
  }
}
