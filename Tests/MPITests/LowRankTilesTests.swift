import Instruments
import KernelMachine
import LinearAlgebra
import MPI
import Runtime
import Solve
import Testing

/// Tiles and weights between classes as two thin factors, against dense ones.
@Suite(.serialized) struct LowRankTilesTests {
  private static let shape = Shape(classCounts: [200, 200, 200, 200], tileRows: 100)
  private static let kernel = Kernel(.laplace, bandwidth: 2)

  /// *Collective.* - Parameter spread: of a class about its mean, which is of length 1.
  private func problem<T: Real>(spread: Double, _ type: T.Type) throws -> Problem<T> {
    try Problem<T>(
      Self.shape.samples(spread: spread), classCounts: Self.shape.classCounts, world: TestWorld.all,
      tileRows: Self.shape.tileRows)
  }

  private func matrix<T>(_ problem: Problem<T>, _ compression: TileCompression?) throws -> KernelOperator<T> {
    try KernelOperator(Self.kernel, problem.rows, compression: compression)
  }

  private func norm(_ x: Matrix<Double>, _ world: Communicator) throws -> Double {
    try world.sum(x.buffer.reduce(0) { $0 + $1 * $1 }).squareRoot()
  }

  private func difference(_ x: Matrix<Double>, _ y: Matrix<Double>) -> Matrix<Double> {
    let result = x.copy()
    for k in 0..<result.count { result.pointer[k] -= y.pointer[k] }
    return result
  }

  private func product<T: Real>(
    _ k: KernelOperator<T>, _ v: Matrix<Double>, exactly: Bool = false
  ) throws -> Matrix<Double> {
    let y = Matrix<Double>(rows: v.rows, columns: v.columns)
    try k.apply(v, into: y, in: Double.self, exactly: exactly)
    return y
  }

  /// The product loses what the tiles lose, and as an exact one nothing; both of all ranks' tiles, on any number of ranks.
  @Test func products() throws {
    let problem = try problem(spread: 0.003, Float.self)
    let rule = TileCompression(tolerance: 1e-3, ridge: 1, samples: problem.x.rows)
    let (dense, thin) = (try matrix(problem, nil), try matrix(problem, rule))
    let compression = try thin.compressionOfAll()
    // Three quarters of the entries are between classes, a few of them in segments that are too small.
    #expect(compression.share > 0.5 && compression.error <= rule.tolerance)
    let bytes = try thin.bytesOfAll()
    #expect(bytes.stored < 0.75 * bytes.whole)
    let v = problem.own(noise(problem.x.rows, 3, seed: 44))
    let expected = try product(dense, v)
    let lost = try norm(difference(try product(thin, v), expected), problem.world)
    let squares = try dense.deviationSums().squares
    let size = try norm(v, problem.world)
    #expect(lost > 0 && lost <= rule.tolerance * squares.squareRoot() * size)
    let exact = try norm(difference(try product(thin, v, exactly: true), expected), problem.world)
    // E is rounded as the product of other shapes has it.
    #expect(exact <= 1e-6 * squares.squareRoot() * size)
    #expect(abs(try thin.deviationSums().squares / squares - 1) < 2 * rule.tolerance)
  }

  /// However much the factors lose, the residual is the rows' own, and below the tolerance.
  @Test func solutionsAreOfTheRows() throws {
    let problem = try problem(spread: 0.2, Float.self)
    var rule = TileCompression(tolerance: 1, ridge: 1, samples: problem.x.rows)
    (rule.tolerance, rule.largestEntry) = (0.3, .infinity)
    let (dense, thin) = (try matrix(problem, nil), try matrix(problem, rule))
    #expect(try thin.compressionOfAll().share > 0.5)
    let solver = RidgeSolver(method: .cg, ridge: 1e-1, tolerance: 1e-4, maxIterations: 100, preconditionerRank: 20)
    let y = problem.own(noise(problem.x.rows, 4, seed: 46))
    let random = RandomStream(seed: 3, layer: 1, purpose: .pivots)
    let preconditioner = try solver.makePreconditioner(of: thin, random: random) { _ in }
    let solution = try solver.solve(thin, y, preconditioner: preconditioner) { _ in }
    #expect(solution.outcome == .converged)
    let image = try product(dense, solution.coefficients)
    let lossy = try product(thin, solution.coefficients)
    for k in 0..<image.count {
      image.pointer[k] = y.pointer[k] - image.pointer[k] - 0.1 * solution.coefficients.pointer[k]
      lossy.pointer[k] = y.pointer[k] - lossy.pointer[k] - 0.1 * solution.coefficients.pointer[k]
    }
    let scale = try norm(y, problem.world)
    #expect(try norm(image, problem.world) < 1.01e-4 * scale)
    // It would not be, were it measured with the factors.
    #expect(try norm(lossy, problem.world) > 2e-4 * scale)
  }

  private func agop<T: Real>(
    _ problem: Problem<T>, _ tiles: KernelOperator<T>?, tolerance: Double, chunkBytes: Int = 512 << 20
  ) -> AGOP<T> {
    AGOP(
      of: problem.rows, Self.kernel, tiles: tiles, memory: AGOPMemory(gradients: chunkBytes), runRows: 400,
      tileTolerance: tolerance)
  }

  /// The AGOP of weights as factors, made of the rows, of dense tiles, and of tiles that are factors themselves.
  @Test(arguments: [0.03, 0.003]) func agopIsThatOfDenseWeights(spread: Double) throws {
    let problem = try problem(spread: spread, Float.self)
    let a = problem.own(noise(problem.x.rows, 400, seed: 51))
    let rule = TileCompression(tolerance: 3e-4, ridge: 1, samples: problem.x.rows)
    let expected = try agop(problem, nil, tolerance: 0).compute(a, by: .class)
    #expect(expected.compression.share == 0)
    for tiles in [nil, try matrix(problem, nil), try matrix(problem, rule)] {
      let result = try agop(problem, tiles, tolerance: 3e-4).compute(a, by: .class)
      #expect(result.compression.share > 0.5 && result.compression.error <= 3e-4)
      #expect(relativeError(result.matrix, expected.matrix) < 1e-4)
    }
  }

  /// The other routes' weights come from tiles that are factors, too.
  @Test(arguments: [AGOPRoute.gram, .sketch]) func otherRoutes(route: AGOPRoute) throws {
    let problem = try problem(spread: 0.03, Double.self)
    let a = problem.own(noise(problem.x.rows, 4, seed: 51))
    let rule = TileCompression(tolerance: 3e-3, ridge: 1, samples: problem.x.rows)
    let (dense, thin) = (try matrix(problem, nil), try matrix(problem, rule))
    #expect(try thin.compressionOfAll().share > 0.5)
    let expected = try agop(problem, dense, tolerance: 3e-4).compute(a, by: route)
    let result = try agop(problem, thin, tolerance: 3e-4).compute(a, by: route)
    #expect(result.matrix.values != expected.matrix.values)
    #expect(relativeError(result.matrix, expected.matrix) < 1e-3)
  }

  /// Where nothing is gained all bits are those of dense tiles.
  @Test func whatDoesNotGainStaysDense() throws {
    let problem = try problem(spread: 5, Float.self)
    let rule = TileCompression(tolerance: 3e-4, ridge: 1e-3, samples: problem.x.rows)
    let (dense, thin) = (try matrix(problem, nil), try matrix(problem, rule))
    #expect(try thin.compressionOfAll().share == 0)
    #expect(thin.storedBytes == dense.storedBytes)
    let a = problem.own(noise(problem.x.rows, 400, seed: 51))
    let (image, expected) = (try product(thin, a), try product(dense, a))
    #expect(image.values == expected.values)
    let (one, other) = (
      try agop(problem, thin, tolerance: 3e-4).compute(a, by: .class),
      try agop(problem, dense, tolerance: 0).compute(a, by: .class)
    )
    #expect(one.matrix.values == other.matrix.values && one.compression.share == 0)
  }

  /// Factors cost their making: where the weights are multiplied by few columns, d K, all bits are those of dense weights.
  @Test func fewColumnsStayDense() throws {
    let problem = try problem(spread: 0.003, Float.self)
    let a = problem.own(noise(problem.x.rows, 4, seed: 51))
    let result = try agop(problem, nil, tolerance: 3e-4).compute(a, by: .class)
    #expect(result.compression.share == 0)
    #expect(try result.matrix.values == agop(problem, nil, tolerance: 0).compute(a, by: .class).matrix.values)
  }

  /// Equal rows of two classes have an entry that stands out: their tiles stay dense.
  @Test func equalRowsOfTwoClassesStayDense() throws {
    let x = Self.shape.samples(spread: 0.003)
    var copies = [Int32](repeating: 0, count: 800)
    // A copy of a row of the first class in each other segment.
    for i in stride(from: 250, to: 800, by: 50) {
      for k in 0..<x.columns { x[i, k] = x[10, k] }
      copies[i] = 1
    }
    for i in stride(from: 10, to: 250, by: 50) {
      for k in 0..<x.columns { x[i, k] = x[10, k] }
      copies[i] = 1
    }
    let problem = try Problem<Float>(
      x, classCounts: Self.shape.classCounts, world: TestWorld.all, tileRows: 100, copies: copies)
    let rule = TileCompression(tolerance: 1e-3, ridge: 1, samples: 800)
    #expect(try matrix(problem, rule).compressionOfAll().share == 0)
  }

  /// Stopped again and again, and gone on with from what was saved then: the same bits.
  @Test(arguments: [1 << 19, 1 << 30]) func interruptedAGOP(chunkBytes: Int) throws {
    let problem = try problem(spread: 0.003, Float.self)
    let a = problem.own(noise(problem.x.rows, 60, seed: 51))
    let agop = agop(problem, nil, tolerance: 3e-4, chunkBytes: chunkBytes)
    let expected = try agop.compute(a, by: .class)
    var (saved, result, stops): (AGOPState?, AGOP<Float>.Result?, Int) = (nil, nil, 0)
    while result == nil {
      let points = SafePoints<AGOPState>(pace: Pace(stop: StopSwitch(afterPolls: stops), interval: .infinity)) {
        state in
        let tensors = try state.saved.map { tensor in
          tensor.scalarBytes == 4
            ? SavedTensor(tensor.name, try state.saved.matrix(tensor.name, as: Float.self))
            : SavedTensor(tensor.name, try state.saved.matrix(tensor.name, as: Double.self))
        }
        saved = try AGOPState(state.route, saved: tensors)
      }
      do {
        result = try agop.compute(a, by: .class, safePoints: points, from: saved)
      } catch is StoppedEarly { stops += 1 }
      try #require(stops < 1000)
    }
    #expect(stops > 0 && result?.matrix.values == expected.matrix.values)
    #expect(result?.compression == expected.compression)
  }
}
