import Instruments
import KernelMachine
import LinearAlgebra
import MPI
import Testing

@Suite(.serialized) struct PreconditionerTests {
  private let kernel = Kernel(.laplace, bandwidth: 2)

  private func preconditioner(
    _ problem: Problem<Double>, ridge: Double, limit: Int
  ) throws -> NystromPreconditioner<Double> {
    try NystromPreconditioner<Double>(
      of: problem.kernelMatrix(kernel), ridge: ridge, limit: limit,
      random: RandomStream(seed: 3, layer: 1, purpose: .pivots))
  }

  private func problem(_ shape: Shape, _ world: Communicator) throws -> Problem<Double> {
    try Problem(
      shape.samples(), classCounts: shape.classCounts, world: world, tileRows: shape.tileRows)
  }

  /// P^-1, column by column.
  private func inverse(
    _ preconditioner: NystromPreconditioner<Double>, _ problem: Problem<Double>
  ) throws -> Matrix<Double> {
    let n = problem.x.rows
    let identity = Matrix<Double>(rows: n, columns: n)
    for i in 0..<n { identity[i, i] = 1 }
    let image = Matrix<Double>(rows: problem.rows.rowCount, columns: n)
    try preconditioner.apply(problem.own(identity), into: image)
    return try problem.whole(image)
  }

  private func asymmetry(_ a: Matrix<Double>) -> Double {
    var worst = 0.0
    for i in 0..<a.rows { for j in 0..<i { worst = max(worst, abs(a[i, j] - a[j, i])) } }
    return worst
  }

  @Test(arguments: Shape.all, [1, 5, 1000]) func symmetricAndPositive(shape: Shape, limit: Int) throws {
    let problem = try problem(shape, TestWorld.all)
    for ridge in [1e-3, 1e-12, 0] {
      let preconditioner = try preconditioner(problem, ridge: ridge, limit: limit)
      #expect(preconditioner.rank <= min(limit, problem.x.rows))
      let p = try inverse(preconditioner, problem)
      #expect(asymmetry(p) < 1e-11)
      let values = try SymmetricEigen(of: p).values
      #expect(values[0] > 0, "\(shape) \(ridge): \(values[0])")
      #expect((values.last ?? 0) < 1 + 1e-9)
    }
  }

  /// With a column for every sample what is left of the trace is below the ridge: P^-1 (K + ridge I) then has a condition below 2.
  @Test(arguments: Shape.all) func completeColumnsBoundTheCondition(shape: Shape) throws {
    let problem = try problem(shape, TestWorld.all)
    let p = try inverse(preconditioner(problem, ridge: 1e-3, limit: 1000), problem)
    let matrix = Reference.kernel(kernel, problem.x, problem.x)
    for i in 0..<matrix.rows { matrix[i, i] += 1e-3 }
    // P^-1 = L L^T: L^T (K + ridge I) L has the same eigenvalues.
    try factorizeCholesky(p.view)
    for i in 0..<p.rows { for j in (i + 1)..<max(i + 1, p.rows) { p[i, j] = 0 } }
    let half = Reference.product(matrix, p)
    let product = Matrix<Double>(rows: p.rows, columns: p.rows)
    multiply(p.view, half.view, transposeA: true, into: product.view)
    let values = try SymmetricEigen(of: product).values
    #expect((values.last ?? 0) / values[0] < 2.001, "\(shape): \(values)")
  }

  /// Equal rows: the numerical rank is below N, and the columns stop there.
  @Test func rankStopsAtTheNumericalRank() throws {
    let x = Shape(classCounts: [20, 20]).samples()
    // Each class has five different samples.
    for i in 0..<40 { for k in 0..<x.columns { x[i, k] = x[i / 20 * 20 + i % 5, k] } }
    let problem = try Problem<Double>(x, classCounts: [20, 20], world: TestWorld.all)
    for ridge in [1e-3, 0] {
      #expect(try preconditioner(problem, ridge: ridge, limit: 1000).rank == 10)
    }
  }

  @Test(arguments: Shape.all) func rankCountChangesNothing(shape: Shape) throws {
    let world = try TestWorld.all
    let problem = try problem(shape, world)
    let alone = try self.problem(shape, world.split(color: world.rank, key: 0))
    let (all, one) = (
      try preconditioner(problem, ridge: 1e-3, limit: 5), try preconditioner(alone, ridge: 1e-3, limit: 5)
    )
    #expect(all.rank == one.rank)
    #expect(relativeError(try inverse(all, problem), try inverse(one, alone)) < 1e-9)
  }

  @Test func savesIterations() throws {
    let problem = try problem(Shape.all[6], TestWorld.all)
    let k = try problem.kernelMatrix(kernel)
    func iterations(_ rank: Int) throws -> Int {
      let solver = RidgeSolver(
        method: .cg, ridge: 1e-3, tolerance: 1e-8, maxIterations: 500, preconditionerRank: rank)
      let random = RandomStream(seed: 3, layer: 1, purpose: .pivots)
      let p = try solver.makePreconditioner(of: k, random: random) { _ in }
      return try solver.solve(k, problem.own(problem.targets), preconditioner: p) { _ in }.iterations
    }
    let counts = [try iterations(0), try iterations(30), try iterations(70)]
    #expect(counts[1] < counts[0] && counts[2] < counts[1], "\(counts)")
    // A condition of 2: each iteration takes the error down to a sixth.
    #expect(counts[2] <= 12, "\(counts)")
  }
}
