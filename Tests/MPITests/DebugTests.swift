import DeepRFM
import LinearAlgebra
import MPI
import Testing

/// Every rank for itself: `debug` runs on one.
@Suite(.serialized) struct DebugTests {
  private static let world = Result { try TestWorld.all.split(color: TestWorld.all.rank, key: 0) }

  private func problem(_ kind: Kernel.Kind = .laplace, samples: Int = 30) throws -> DebugProblem {
    try DebugProblem(DebugOptions(), samples: samples, kernel: kind, world: Self.world.get())
  }

  private func failed(_ checks: [Check]) -> Bool { checks.contains { !$0.passed } }

  /// One sample; two; a set without some of the classes; several tiles a class.
  @Test(arguments: [1, 2, 7, 90]) func allChecksPass(samples: Int) throws {
    var options = DebugOptions()
    options.samples = samples
    let checks = try debugChecks(options, world: Self.world.get())
    #expect(checks.filter { !$0.passed } == [])
    #expect(checks.count == 39)
  }

  @Test func theSyntheticSetPasses() throws {
    var options = DebugOptions()
    (options.dataset, options.samples, options.seed) = (.synthetic, 50, 3)
    #expect(try !failed(debugChecks(options, world: Self.world.get())))
  }

  @Test(arguments: Kernel.Kind.allCases) func aWrongTwinIsFound(_ kind: Kernel.Kind) throws {
    let problem = try problem(kind)
    let negative: (DebugProblem, Int, [Int]) -> Matrix<Double> = { problem, i, coordinates in
      let gradients = finiteDifferences(problem, at: i, along: coordinates)
      for k in 0..<gradients.count { gradients.pointer[k] *= -1 }
      return gradients
    }
    #expect(try failed(problem.checkKernel { plainKernel($0, Kernel($1.kind, bandwidth: 2.01)) }))
    #expect(try failed(problem.checkSolve { try plainSolution($0, ridge: 1.001 * $1, $2) }))
    #expect(try failed(problem.checkIterations { _, _, _, _ in 1 }))
    #expect(try failed(problem.checkGradients(twin: negative)))
    #expect(try failed(problem.checkPredictor { plainOutputs($0, at: $1, from: $2.dropLast()) }))
    #expect(
      try failed(
        problem.checkAGOP {
          let m = plainAGOP($0)
          m[21, 20] *= -1
          return m
        }))
    #expect(
      try failed(
        problem.checkAGOPByDifferences { problem, i, coordinates in
          let gradients = finiteDifferences(problem, at: i, along: coordinates)
          for c in 0..<gradients.rows { gradients[c, 20] *= -1 }
          return gradients
        }))
  }

  @Test(arguments: FeatureKind.allCases) func aWrongTwinOfTheLayersEndIsFound(_ kind: FeatureKind) throws {
    let problem = try problem()
    let m = plainAGOP(problem)
    let map = problem.map(kind, m)
    #expect(try failed(problem.checkRoot(of: m) { a, _ in a }))
    #expect(
      try failed(
        problem.checkFeatures(map) { x, map in
          let rows = plainFeatures(x, map)
          rows[3, 4] += 1e-3
          return rows
        }))
    #expect(
      try failed(
        problem.checkCollapse(map) {
          let (nc1, nc2) = plainCollapse($0, $1, $2)
          return (nc1, nc2 * (1 + 1e-9))
        }))
    #expect(try failed(problem.checkData { x, labels in plainUnitRows(x, labels.reversed()) }))
  }

  @Test func aMatrixThatIsNoSquareHasNoRoot() throws {
    let problem = try problem()
    let m = plainAGOP(problem)
    m[0, 0] = -m.buffer.reduce(0) { max($0, $1) }
    #expect(try failed(problem.checkRoot(of: m)))
  }
}
