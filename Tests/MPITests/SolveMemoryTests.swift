import DeepRFM
import KernelMachine
import LinearAlgebra
import MPI
import Runtime
import Testing

/// What the parts of a solve state beside their allocations, added up, against what their matrices took; and that a second product
/// takes nothing.
@Suite(.serialized) struct SolveMemoryTests {
  private static let shape = Shape(classCounts: [1500, 1500, 1500, 1500], tileRows: 256)
  private static let kernel = Kernel(.laplace, bandwidth: 2)
  private static let columns = 48

  private func problem<T: Real>(_ world: Communicator, _ shape: Shape = Self.shape) throws -> Problem<T> {
    try Problem(shape.samples(width: 32), classCounts: shape.classCounts, world: world, tileRows: shape.tileRows)
  }

  private func worlds() throws -> [Communicator] {
    let all = try TestWorld.all
    return [all, try all.split(color: all.rank, key: 0)]
  }

  private func tiles<T: Real>(_ problem: Problem<T>) -> Int {
    PairSchedule(rank: problem.world.rank, ranks: problem.world.size).tileElements(problem.layout)
      * MemoryLayout<T>.stride
  }

  private func stated<T: Real>(_ problem: Problem<T>, outputs: Int, isWeighted: Bool = false) -> SolveMemory {
    SolveMemory(
      rows: problem.rows.rowCount, outputs: outputs, width: 32, ranks: problem.world.size, threads: problem.pool.count,
      tileRows: Self.shape.tileRows, scalarBytes: MemoryLayout<T>.stride, isWeighted: isWeighted)
  }

  private func most(_ body: () throws -> Void) rethrows -> Int {
    MatrixMemory.reset()
    let before = MatrixMemory.bytes
    try body()
    return MatrixMemory.most - before
  }

  /// The stage as the plan counts it: tiles, then the preconditioner beside them, then the iterations beside both.
  private func stage<T: Real>(_ type: T.Type) throws {
    for world in try worlds() {
      let problem: Problem<T> = try problem(world)
      let memory = stated(problem, outputs: 4)
      let solver = RidgeSolver(
        method: .cg, ridge: 1e-9, tolerance: 1e-14, maxIterations: 12, historyLimit: 2, preconditionerRank: Self.columns
      )
      var (rank, making) = (0, 0)
      let all = try most {
        let k = try problem.kernelMatrix(Self.kernel)
        var preconditioner: NystromPreconditioner<T>?
        making = try most {
          preconditioner = try solver.makePreconditioner(
            of: k, random: RandomStream(seed: 1, layer: 1, purpose: .pivots), progress: { _ in })
        }
        rank = preconditioner?.rank ?? 0
        let y = problem.own(noise(problem.layout.sampleCount, 4, seed: 5))
        _ = try solver.solve(k, y, preconditioner: preconditioner, progress: { _ in })
      }
      #expect(rank == Self.columns)
      let iterating = memory.iterating(preconditioner: rank, history: 2)
      let total = tiles(problem) + memory.building + max(memory.making(Self.columns), iterating)
      let message: Comment =
        "\(world.size) ranks: \(all) of \(total), making \(making) of \(memory.making(Self.columns))"
      // U's gentle part is in T, and cut off it is padded: how large it is the eigenvalues say.
      let gentle = problem.rows.rowCount * ((8 - MemoryLayout<T>.stride) * rank + 8 * paddedForProduct(1))
      #expect(Double(all) < 1.02 * Double(total) && Double(all) > 0.98 * Double(total - gentle), message)
      #expect(making <= memory.making(Self.columns), message)
    }
  }

  @Test func theStageIsWhatIsStatedSingle() throws { try stage(Float.self) }
  @Test func theStageIsWhatIsStatedDouble() throws { try stage(Double.self) }

  /// The preconditioner alone, where no tiles hide it.
  @Test func preconditionerIsWhatIsStated() throws {
    for world in try worlds() {
      let problem: Problem<Double> = try problem(world)
      let k = try problem.kernelMatrix(Self.kernel, tileBudget: 0)
      let making = try most {
        _ = try NystromPreconditioner(
          of: k, ridge: 1e-9, limit: Self.columns, random: RandomStream(seed: 1, layer: 1, purpose: .pivots))
      }
      let stated = stated(problem, outputs: 4).making(Self.columns)
      // Not always there: the padding where U is cut in two, both threads' rows of it, and what is in arrays, which are not counted.
      let rows = problem.rows.rowCount
      let least =
        stated - 8 * rows * paddedForProduct(1) - 8 * Self.columns * (2 * Self.columns + 256 * problem.pool.count)
      #expect((least...stated).contains(making), "\(world.size) ranks: \(making) of \(least) to \(stated)")
    }
  }

  /// Weights of classes: what they take, where few tiles and no preconditioner hide it.
  @Test(arguments: [false, true]) func iterationsAreWhatIsStated(isWeighted: Bool) throws {
    for world in try worlds() {
      let problem: Problem<Double> = try problem(world)
      let outputs = 40
      let solver = RidgeSolver(
        method: .cg, ridge: 1e-9, tolerance: 1e-14, maxIterations: 3, historyLimit: 2, preconditionerRank: 0,
        weights: isWeighted ? [0.5, 1, 2, 4] : nil)
      let k = try problem.kernelMatrix(Self.kernel)
      let taken = try most {
        let y = problem.own(noise(problem.layout.sampleCount, outputs, seed: 5))
        _ = try solver.solve(k, y, preconditioner: nil, progress: { _ in })
      }
      let whole = 8 * problem.layout.sampleCount * outputs  // the noise of all ranks, of which each takes its part
      let memory = stated(problem, outputs: outputs, isWeighted: isWeighted)
      let total = max(memory.iterating(preconditioner: 0, history: 2), whole + 8 * problem.rows.rowCount * outputs)
      // The answer comes when the iterations end, and finds a block free that they had. Of several ranks the one that has most is stated.
      let least = world.size > 1 ? 0 : total - 8 * problem.rows.rowCount * outputs
      #expect(
        Double(taken) > 0.98 * Double(least) && Double(taken) < 1.02 * Double(total),
        "\(world.size) ranks: \(taken) of \(least) to \(total)")
    }
  }

  /// K whole on one rank, what arrives there of the others' tiles, and the true residual. Its order is one that LAPACK takes threads for.
  @Test func factoringIsWhatIsStated() throws {
    let shape = Shape(classCounts: [400, 350, 450], tileRows: 256)
    for world in try worlds() {
      let problem: Problem<Float> = try problem(world, shape)
      let (outputs, samples) = (40, problem.layout.sampleCount)
      let solver = RidgeSolver(
        method: .cholesky, ridge: 1e-2, tolerance: 1e-9, maxIterations: 1, preconditionerRank: 0)
      let k = try problem.kernelMatrix(Self.kernel)
      let y = problem.own(noise(samples, outputs, seed: 5))
      var residual = Double.infinity
      let taken = try most { residual = try solver.solve(k, y, preconditioner: nil, progress: { _ in }).worstResidual }
      #expect(residual < 1e-6)
      let matrices = KernelOperator<Float>.denseBytes(
        samples: samples, outputs: outputs, rows: problem.layout.largestShard, ranks: world.size,
        blockBytes: tiles(problem))
      let total = matrices + stated(problem, outputs: outputs).iterating(preconditioner: 0, history: 1)
      let least = world.rank == 0 ? 8 * samples * (samples + outputs) : 0
      #expect((least...total).contains(taken), "\(world.size) ranks: \(taken) of \(least) to \(total)")
    }
  }

  /// Tiles that stay for the AGOP leave nothing of a product's memory behind, and can still be multiplied.
  @Test func workspaceIsReleased() throws {
    let problem: Problem<Float> = try problem(try TestWorld.all, Shape(classCounts: [300, 300], tileRows: 64))
    let k = try problem.kernelMatrix(Self.kernel)
    let v = problem.own(noise(600, 5, seed: 5))
    let (first, second) = (Matrix<Double>(rows: v.rows, columns: 5), Matrix<Double>(rows: v.rows, columns: 5))
    let before = MatrixMemory.bytes
    try k.apply(v, into: first, in: Float.self)
    #expect(MatrixMemory.bytes > before)
    k.releaseWorkspace()
    #expect(MatrixMemory.bytes == before)
    try k.apply(v, into: second, in: Float.self)
    #expect(first.values == second.values)
  }

  private func secondProduct<T: Real>(_ type: T.Type, rowsAClass: Int) throws -> Int {
    let shape = Shape(classCounts: [rowsAClass, rowsAClass], tileRows: 64)
    let problem: Problem<T> = try problem(try TestWorld.all, shape)
    let k = try problem.kernelMatrix(Self.kernel)
    let v = problem.own(noise(2 * rowsAClass, 5, seed: 5))
    let y = Matrix<Double>(rows: v.rows, columns: v.columns)
    for _ in 0..<2 {
      try k.apply(v, into: y, in: T.self)
      try k.apply(v, into: y, in: Double.self)
    }
    return try MatrixWatch.counting {
      try k.apply(v, into: y, in: T.self)
      try k.apply(v, into: y, in: Double.self)
    }.bytes
  }

  /// What there is, is a tile's part of the vectors for each run of tiles, of which there are so many from a few tiles on.
  @Test func secondProductAllocatesNothingThatGrows() throws {
    #expect(try secondProduct(Float.self, rowsAClass: 800) == secondProduct(Float.self, rowsAClass: 1600))
    #expect(try secondProduct(Double.self, rowsAClass: 800) == secondProduct(Double.self, rowsAClass: 1600))
  }
}
