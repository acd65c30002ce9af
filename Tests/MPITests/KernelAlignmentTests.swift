import DeepRFM
import Instruments
import KernelMachine
import LinearAlgebra
import Runtime
import Testing

/// The alignment of K with Y Y^T against the formula in plain loops, on any number of ranks.
@Suite(.serialized) struct KernelAlignmentTests {
  /// Both are between -1 and 1, or not numbers: where K or Y is constant.
  private func expectSame(_ found: Double, _ expected: Double, _ bound: Double, _ what: Comment) {
    if expected.isNaN {
      #expect(found.isNaN, what)
    } else {
      #expect(abs(found - expected) <= bound, what)
    }
  }

  /// One class is a constant Y: not defined, and the formula's own rounding.
  private func formula(_ kernel: Kernel, _ x: Matrix<Double>, _ y: Matrix<Double>) -> Double {
    let isConstant = (0..<y.columns).allSatisfy { c in (0..<y.rows).allSatisfy { y[$0, c] == y[0, c] } }
    return isConstant ? .nan : Reference.kernelAlignment(Reference.kernel(kernel, x, x), y)
  }

  private func check<T: Real>(_ shape: Shape, _ kernel: Kernel, _ type: T.Type, tileBudget: Int) throws {
    let problem = try Problem<T>(
      shape.samples(), classCounts: shape.classCounts, world: TestWorld.all, tileRows: shape.tileRows)
    let k = try problem.kernelMatrix(kernel, tileBudget: tileBudget)
    // Classes, and two outputs that know of none.
    for y in [problem.targets, noise(problem.x.rows, 2, seed: 91)] {
      let expected = formula(kernel, problem.x, y)
      // K is rounded in T, x too.
      let bound = 64 * Double(T.ulpOfOne) / min(1, kernel.bandwidth)
      expectSame(try kernelAlignment(of: k, problem.own(y)), expected, bound, "\(shape) \(kernel) \(y.columns) outputs")
    }
  }

  @Test(arguments: Shape.all, Kernel.both) func storedTiles(shape: Shape, kernel: Kernel) throws {
    try check(shape, kernel, Float.self, tileBudget: .max)
    try check(shape, kernel, Double.self, tileBudget: .max)
  }

  @Test(arguments: Shape.all, Kernel.both) func recomputedTiles(shape: Shape, kernel: Kernel) throws {
    try check(shape, kernel, Float.self, tileBudget: 0)
    try check(shape, kernel, Double.self, tileBudget: 300)
  }

  /// Rows about their class means by 1e-5, one class far smaller: K is nearly constant between classes, and its deviations in float32 are
  /// what the formula in double precision makes of the same rows. With one class alone they are all there is of H K H.
  @Test(arguments: Kernel.both, [[9, 12], [30], [1, 25]]) func collapsedRows(kernel: Kernel, counts: [Int]) throws {
    let layout = Layout(classCounts: counts, ranks: try TestWorld.all.size, tileRows: 4)
    let n = layout.sampleCount
    let (centres, deviations) = (noise(counts.count, 6, seed: 81), noise(n, 6, seed: 82))
    let classes = counts.enumerated().flatMap { [Int](repeating: $0, count: $1) }
    let x = Matrix<Double>(rows: n, columns: 6)
    for i in 0..<n {
      for k in 0..<6 {
        deviations[i, k] = Double(Float(1e-5 * deviations[i, k]))
        x[i, k] = centres[classes[i], k] + deviations[i, k]
      }
    }
    let problem = try Problem<Float>(deviations: deviations, centres: centres, layout: layout, world: TestWorld.all)
    let k = try problem.kernelMatrix(kernel)
    let y = noise(n, 3, seed: 83)
    // Deviations are rounded in float32. Of one class the formula's own K has lost the digits of a gaussian's 1 - k, about 1e-10.
    let lost = counts.count == 1 && kernel.kind == .gaussian ? 1e-3 : 1e-6
    expectSame(try kernelAlignment(of: k, problem.own(y)), formula(kernel, x, y), lost, "\(kernel) \(counts)")
  }

  /// Outputs and the column of ones that just fit in one product, and that are several.
  @Test(arguments: [63, 64, 127, 130]) func manyOutputs(count: Int) throws {
    let shape = Shape.all[4]
    let problem = try Problem<Double>(
      shape.samples(), classCounts: shape.classCounts, world: TestWorld.all, tileRows: shape.tileRows)
    let y = noise(problem.x.rows, count, seed: 95)
    let found = try kernelAlignment(of: problem.kernelMatrix(.both[0]), problem.own(y))
    #expect(abs(found - formula(.both[0], problem.x, y)) < 1e-12)
  }

  /// However many outputs there are, it takes what a product with a group of them does; half of that is room for the sums of two groups.
  @Test func manyOutputsTakeNoMoreMemory() throws {
    func most(_ outputs: Int) throws -> Int {
      let shape = Shape(classCounts: [600, 600], tileRows: 64)
      let problem = try Problem<Double>(
        shape.samples(), classCounts: shape.classCounts, world: TestWorld.all, tileRows: shape.tileRows)
      let (k, y) = (try problem.kernelMatrix(.both[0]), problem.own(noise(1200, outputs, seed: 96)))
      MatrixMemory.reset()
      let before = MatrixMemory.bytes
      _ = try kernelAlignment(of: k, y)
      return MatrixMemory.most - before
    }
    #expect(try 2 * most(511) < 3 * most(63))
  }

  @Test func rowsThatAreAllTheSameHaveNone() throws {
    let same = Matrix<Double>(rows: 12, columns: 3, [Double](repeating: 0.5, count: 36))
    let problem = try Problem<Float>(same, classCounts: [5, 7], world: TestWorld.all)
    #expect(try kernelAlignment(of: problem.kernelMatrix(.both[0]), problem.own(problem.targets)).isNaN)
  }

  /// K = Y Y^T and a constant beside it: exactly 1.
  @Test func classesThatAreOnePointEachAreAligned() throws {
    let x = Matrix<Double>(rows: 9, columns: 2)
    for i in 0..<9 { x[i, i < 4 ? 0 : 1] = 1 }
    let problem = try Problem<Float>(x, classCounts: [4, 5], world: TestWorld.all)
    let found = try kernelAlignment(of: problem.kernelMatrix(.both[0]), problem.own(problem.targets))
    #expect(abs(found - 1) < 1e-12)
  }
}
