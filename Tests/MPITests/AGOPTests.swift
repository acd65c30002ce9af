import Instruments
import KernelMachine
import LinearAlgebra
import MPI
import Runtime
import Testing

@Suite(.serialized) struct AGOPTests {
  private func agop<T: Real>(
    _ shape: Shape, _ kernel: Kernel, _ a: Matrix<Double>, _ world: Communicator, _ type: T.Type,
    chunkBytes: Int = 512 << 20
  ) throws -> Matrix<Double> {
    let problem = try Problem<T>(
      shape.samples(), classCounts: shape.classCounts, world: world, tileRows: shape.tileRows)
    return try problem.gradients(kernel, chunkBytes: chunkBytes).agop(problem.own(a)) { share in
      #expect(share >= 0 && share <= 1.000001)
    }
  }

  private func coefficients(_ shape: Shape) -> Matrix<Double> {
    noise(shape.classCounts.reduce(0, +), shape.classCounts.count, seed: 51)
  }

  @Test(arguments: Shape.all, Kernel.both) func referenceImplementation(shape: Shape, kernel: Kernel) throws {
    let a = coefficients(shape)
    let expected = Reference.agop(kernel, shape.samples(), a)
    let world = try TestWorld.all
    let double = try agop(shape, kernel, a, world, Double.self)
    #expect(relativeError(double, expected) < 1e-12)
    for k in 0..<double.rows { for l in 0..<k { #expect(double[k, l] == double[l, k]) } }
    #expect(relativeError(try agop(shape, kernel, a, world, Float.self), expected) < 2e-5)
  }

  /// More than one pass round the ring: a chunk holds as little as a segment.
  @Test(arguments: Shape.all, [1, 2000]) func chunks(shape: Shape, chunkBytes: Int) throws {
    let a = coefficients(shape)
    let kernel = Kernel.both[0]
    let expected = Reference.agop(kernel, shape.samples(), a)
    let result = try agop(shape, kernel, a, TestWorld.all, Double.self, chunkBytes: chunkBytes)
    #expect(relativeError(result, expected) < 1e-12)
  }

  @Test(arguments: Shape.all, Kernel.both) func oneRankSaysTheSame(shape: Shape, kernel: Kernel) throws {
    let world = try TestWorld.all
    let alone = try world.split(color: world.rank, key: 0)
    let a = coefficients(shape)
    let all = try agop(shape, kernel, a, world, Double.self)
    #expect(relativeError(all, try agop(shape, kernel, a, alone, Double.self)) < 1e-13)
    // And every rank holds the same.
    let sums = try world.allGather(Array(all.buffer))
    #expect(sums.allSatisfy { $0 == sums[0] })
  }

  /// No formula of a gradient: f alone, a step to either side.
  @Test(arguments: [Shape.all[2], Shape.all[3], Shape.all[5]], Kernel.both)
  func finiteDifferences(shape: Shape, kernel: Kernel) throws {
    let a = coefficients(shape)
    let expected = Reference.agopByDifferences(kernel, shape.samples(), a)
    let result = try agop(shape, kernel, a, TestWorld.all, Double.self)
    #expect(relativeError(result, expected) < 1e-8)
  }

  /// Small bandwidths: the weights are tiny, and M is divided by its largest entry afterwards, so their digits count. In
  /// float32 M may underflow below its smallest number, but not before.
  @Test func weightsFarBelowOneKeepTheirDigits() throws {
    let shape = Shape(classCounts: [5, 6, 4])
    let kernel = Kernel(.laplace, bandwidth: 0.05)
    let a = coefficients(shape)
    let expected = Reference.agop(kernel, shape.samples(), a)
    #expect(relativeError(try agop(shape, kernel, a, TestWorld.all, Double.self), expected) < 1e-11)
    #expect(relativeError(try agop(shape, kernel, a, TestWorld.all, Float.self), expected) < 1e-4)
  }

  @Test func oneSampleHasNoGradient() throws {
    let shape = Shape(classCounts: [0, 1])
    let m = try agop(shape, Kernel.both[0], coefficients(shape), TestWorld.all, Double.self)
    #expect(m.buffer.allSatisfy { $0 == 0 })
  }
}
