import Instruments
import KernelMachine
import LinearAlgebra
import MPI
import Runtime
import Testing

@Suite(.serialized) struct AGOPSketchTests {
  private static let shape = Shape(classCounts: [13, 0, 1, 9, 17], tileRows: 5)

  private func coefficients(_ shape: Shape, outputs: Int? = nil) -> Matrix<Double> {
    noise(shape.classCounts.reduce(0, +), outputs ?? shape.classCounts.count, seed: 51)
  }

  private func sketch<T: Real>(
    _ shape: Shape, _ kernel: Kernel, _ a: Matrix<Double>, _ world: Communicator, _ type: T.Type, seed: UInt64 = 7,
    chunkBytes: Int = 512 << 20
  ) throws -> (agop: Matrix<Double>, relativeError: Double) {
    let problem = try Problem<T>(
      shape.samples(), classCounts: shape.classCounts, world: world, tileRows: shape.tileRows)
    return try problem.sketch(kernel, seed: seed, chunkBytes: chunkBytes).estimate(problem.own(a)) { share in
      #expect(share >= 0 && share <= 1.000001)
    }
  }

  /// With one output every sign drops out.
  @Test(arguments: Shape.all, Kernel.both) func oneOutputIsExact(shape: Shape, kernel: Kernel) throws {
    let a = coefficients(shape, outputs: 1)
    let expected = Reference.agop(kernel, shape.samples(), a)
    let (double, error) = try sketch(shape, kernel, a, TestWorld.all, Double.self)
    #expect(relativeError(double, expected) < 1e-12)
    #expect(error < 1e-12)
    let float = try sketch(shape, kernel, a, TestWorld.all, Float.self).agop
    #expect(relativeError(float, expected) < 2e-5)
  }

  /// The error of the mean over n seeds falls as 1 / sqrt(n), and each run's own estimate of its error is right on average.
  @Test(arguments: Kernel.both) func unbiased(kernel: Kernel) throws {
    let a = coefficients(Self.shape)
    let expected = Reference.agop(kernel, Self.shape.samples(), a)
    let seeds = 400
    let mean = Matrix<Double>(rows: expected.rows, columns: expected.columns)
    var (squares, estimates) = (0.0, 0.0)
    for seed in 0..<seeds {
      let (agop, error) = try sketch(Self.shape, kernel, a, TestWorld.all, Double.self, seed: UInt64(seed))
      for k in 0..<mean.count { mean.pointer[k] += agop.pointer[k] / Double(seeds) }
      let actual = relativeError(agop, expected)
      squares += actual * actual / Double(seeds)
      estimates += error * error / Double(seeds)
    }
    let single = squares.squareRoot()
    #expect(single > 0.01 && single < 0.5)
    #expect(relativeError(mean, expected) < 2 * single / Double(seeds).squareRoot())
    #expect(abs(estimates.squareRoot() / single - 1) < 0.2)
  }

  /// Signs belong to samples: ranks, chunks and threads change nothing but rounding.
  @Test(arguments: Shape.all) func oneRankSaysTheSame(shape: Shape) throws {
    let world = try TestWorld.all
    let alone = try world.split(color: world.rank, key: 0)
    let a = coefficients(shape)
    let all = try sketch(shape, Kernel.both[0], a, world, Double.self)
    let one = try sketch(shape, Kernel.both[0], a, alone, Double.self, chunkBytes: 1)
    #expect(relativeError(all.agop, one.agop) < 1e-12)
    #expect(abs(all.relativeError - one.relativeError) < 1e-10)
  }
}
