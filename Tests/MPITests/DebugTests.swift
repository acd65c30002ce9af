import DeepRFM
import Foundation
import Instruments
import KernelMachine
import LinearAlgebra
import Measures
import Runtime
import Testing

/// Every rank for itself: `debug` runs on one.
@Suite(.serialized) struct DebugTests {
  private static let world = Result { try TestWorld.all.split(color: TestWorld.all.rank, key: 0) }
  /// With the cores that are left to a rank by those beside it.
  private static let host = Result { try Host(surveying: TestWorld.all) }

  private func problem(_ kind: Kernel.Kind = .laplace, samples: Int = 30) throws -> DebugProblem {
    try DebugProblem(DebugOptions(), samples: samples, kernel: kind, host: Self.host.get(), world: Self.world.get())
  }

  private func failed(_ checks: [Check]) -> Bool { checks.contains { !$0.passed } }

  /// Two samples; a set without some of the classes; several tiles a class.
  @Test(arguments: [2, 7, 90]) func allChecksPass(samples: Int) throws {
    var options = DebugOptions()
    options.samples = samples
    let checks = try debugChecks(options, host: Self.host.get(), world: Self.world.get())
    #expect(checks.filter { !$0.passed } == [])
    #expect(checks.count == 53)
  }

  @Test func theSyntheticSetPasses() throws {
    var options = DebugOptions()
    (options.dataset, options.samples, options.seed) = (.synthetic, 50, 3)
    #expect(try !failed(debugChecks(options, host: Self.host.get(), world: Self.world.get())))
  }

  /// Equal samples of different classes: the coefficients are of the size of 1 / ridge, and so is what rounding leaves.
  @Test(arguments: Kernel.Kind.allCases) func contradictingCopiesAreSolved(kind: Kernel.Kind) throws {
    let text = (0..<60).map { i in "\(i % 3) 1:\(i % 20 * 7 % 11) 2:\(i % 20 * 5 % 13) 3:\(i % 20 % 6)\n" }.joined()
    try withFolder(["train": text], of: Self.world.get()) { folder, world in
      let options = try DebugOptions.parse(["--dataset", "libsvm", "--data", folder])
      let problem = try DebugProblem(options, samples: 60, kernel: kind, host: Self.host.get(), world: world)
      #expect(try problem.checkSolve().filter { !$0.passed } == [])
      #expect(try failed(problem.checkSolve { try Reference.solution($0, ridge: 1.001 * $1, $2) }))
    }
  }

  /// What --dump writes fits together: (K + ridge I) A = Y, M is the sum of the gradients' outer products, R R is M.
  @Test func theDumpFitsTogether() throws {
    let folder = NSTemporaryDirectory() + "dump-\(UUID().uuidString)"
    defer { try? FileManager.default.removeItem(atPath: folder) }
    var options = DebugOptions()
    options.samples = 20
    _ = try debugChecks(options, dumpingTo: Dump(folder), host: Self.host.get(), world: Self.world.get())
    func read(_ name: String, _ shape: [Int]) throws -> Matrix<Double> {
      let (found, values) = try NPYFile.read(folder + "/\(name).npy")
      #expect(found == shape)
      return Matrix(rows: shape[0], columns: values.count / shape[0], values)
    }
    let (kernel, a) = (try read("kernel", [20, 20]), try read("coefficients", [20, 10]))
    let y = try read("targets", [20, 10])
    let system = Matrix<Double>(rows: 20, columns: 10)
    multiply(kernel.view, a.view, into: system.view)
    for k in 0..<system.count { system.pointer[k] += TrainOptions().ridge * a.pointer[k] }
    #expect(relativeError(system, y) < 1e-10)
    let (gradients, m, root) = (
      try read("gradients", [20, 10, 64]), try read("agop", [64, 64]), try read("projection", [64, 64])
    )
    let (sum, square) = (Matrix<Double>(rows: 64, columns: 64), Matrix<Double>(rows: 64, columns: 64))
    let all = gradients.reshaped(rows: 200, columns: 64)
    multiply(all, all, transposeA: true, into: sum.view)
    let largest = sum.buffer.max() ?? 0
    for k in 0..<sum.count { sum.pointer[k] /= largest }
    #expect(relativeError(sum, m) < 1e-10)
    multiply(root.view, root.view, into: square.view)
    #expect(relativeError(square, m) < 1e-10)
  }

  @Test(arguments: Kernel.Kind.allCases) func aWrongReferenceIsFound(_ kind: Kernel.Kind) throws {
    let problem = try problem(kind)
    #expect(try failed(problem.checkKernel { Reference.kernel(Kernel($0.kind, bandwidth: 2.01), $1, $2) }))
    #expect(try failed(problem.checkSolve { try Reference.solution($0, ridge: 1.001 * $1, $2) }))
    #expect(try failed(problem.checkIterations { _, _, _, _ in 1 }))
    // As if one number of the solution came from memory that nobody wrote.
    #expect(
      try failed(
        problem.checkMemory { layer in
          let results = try layer()
          results[0][0, 0] = .nan
          return results
        }))
    #expect(
      try failed(
        problem.checkGradients { kernel, x, a, i, coordinates in
          let gradients = Reference.gradientsByDifferences(kernel, x, a, at: i, along: coordinates)
          for k in 0..<gradients.count { gradients.pointer[k] *= -1 }
          return gradients
        }))
    #expect(
      try failed(
        problem.checkPredictor { kernel, z, x, a in
          let outputs = Reference.outputs(kernel, at: z, x, a)
          outputs[3, 4] += 1e-3
          return outputs
        }))
    #expect(
      try failed(
        problem.checkAGOP {
          let m = Reference.agop($0, $1, $2)
          m[21, 20] *= -1
          return m
        }))
    #expect(
      try failed(
        problem.checkAGOPByDifferences { kernel, x, a, i, coordinates in
          let gradients = Reference.gradientsByDifferences(kernel, x, a, at: i, along: coordinates)
          for c in 0..<gradients.rows { gradients[c, 20] *= -1 }
          return gradients
        }))
  }

  @Test(arguments: FeatureKind.allCases) func aWrongReferenceOfTheLayersEndIsFound(_ kind: FeatureKind) throws {
    let problem = try problem()
    let m = Reference.agop(problem.kernel, problem.x, problem.a)
    let map = problem.map(kind, m)
    #expect(try failed(problem.checkRoot(of: m) { a, _ in a }))
    #expect(
      try failed(
        problem.checkFeatures(map) { x, map in
          let rows = Reference.features(x, map)
          rows[3, 4] += 1e-3
          return rows
        }))
    #expect(
      try failed(
        problem.checkCollapse(map) {
          let (nc1, nc2) = Reference.collapse($0, $1, $2)
          return (nc1, nc2 * (1 + 1e-9))
        }))
    #expect(try failed(problem.checkData { x, labels in Reference.unitRows(x, labels.reversed()) }))
  }

  @Test func aMatrixThatIsNoSquareHasNoRoot() throws {
    let problem = try problem()
    let m = Reference.agop(problem.kernel, problem.x, problem.a)
    m[0, 0] = -m.buffer.reduce(0) { max($0, $1) }
    #expect(try failed(problem.checkRoot(of: m)))
  }
}
