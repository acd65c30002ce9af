import Instruments
import KernelMachine
import LinearAlgebra
import MPI
import Runtime
import Testing

/// Many small classes, of which several make a side of a tile: each pair of them keeps its own constants and class sums. Against the
/// definition, with weights from the rows, from tiles and from both, in one chunk and many.
@Suite(.serialized) struct AGOPSmallClassesTests {
  private static let shapes = [
    Shape(classCounts: [Int](repeating: 4, count: 30) + [0, 1, 40], tileRows: 24),
    Shape(classCounts: [Int](repeating: 3, count: 20) + [150] + [Int](repeating: 2, count: 15), tileRows: 100),
  ]

  private func coefficients(_ shape: Shape, outputs: Int = 5) -> Matrix<Double> {
    noise(shape.classCounts.reduce(0, +), outputs, seed: 51)
  }

  /// - Parameter tileBudget: bytes of the kernel's tiles; nil: there are none.
  private func agop<T: Real>(
    _ shape: Shape, _ route: AGOPRoute, _ a: Matrix<Double>, _ type: T.Type, spread: Double, tileBudget: Int? = nil,
    inChunks: Bool = false
  ) throws -> Matrix<Double> {
    let problem = try Problem<T>(
      shape.samples(spread: spread), classCounts: shape.classCounts, world: TestWorld.all, tileRows: shape.tileRows)
    let kernel = Kernel(.laplace, bandwidth: 2)
    let matrix = try tileBudget.map { try problem.kernelMatrix(kernel, tileBudget: $0) }
    var memory = AGOPMemory(remoteTiles: 20_000)
    if inChunks {
      let cost = try AGOP(of: problem.rows, kernel, runRows: 90).cost(outputs: a.columns)
      memory = AGOPMemory(
        gradients: 50 * cost.chunkRowBytes(of: route), gram: cost.gramBytes * 9 / 10, remoteTiles: 20_000)
    }
    return try AGOP(of: problem.rows, kernel, tiles: matrix, memory: memory, runRows: 90)
      .compute(problem.own(a), by: route).matrix
  }

  /// Rows whose deviations are from the mean of all, and collapsed ones, from class means.
  @Test(arguments: shapes, [AGOPRoute.class, .gram]) func referenceImplementation(
    shape: Shape, route: AGOPRoute
  ) throws {
    let a = coefficients(shape)
    for (spread, bound) in [(0.7, 1e-12), (1e-2, 1e-8)] {
      let expected = Reference.agop(Kernel(.laplace, bandwidth: 2), shape.samples(spread: spread), a)
      for tileBudget in [nil, 0, 30_000, Int.max] {
        for inChunks in [false, true] {
          let found = try agop(
            shape, route, a, Double.self, spread: spread, tileBudget: tileBudget, inChunks: inChunks)
          #expect(
            relativeError(found, expected) < bound, "\(shape), spread \(spread), \(tileBudget ?? -1), \(inChunks)")
        }
      }
    }
    let expected = Reference.agop(Kernel(.laplace, bandwidth: 2), shape.samples(), a)
    #expect(relativeError(try agop(shape, route, a, Float.self, spread: 0.7), expected) < 2e-5)
  }

  /// With one output every sign of the sketch drops out.
  @Test(arguments: shapes) func sketchOfOneOutput(shape: Shape) throws {
    let a = coefficients(shape, outputs: 1)
    let expected = Reference.agop(Kernel(.laplace, bandwidth: 2), shape.samples(), a)
    for tileBudget in [nil, 30_000] {
      let found = try agop(shape, .sketch, a, Double.self, spread: 0.7, tileBudget: tileBudget)
      #expect(relativeError(found, expected) < 1e-12)
    }
  }
}
