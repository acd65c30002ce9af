import Instruments
import KernelMachine
import LinearAlgebra
import Runtime
import Testing

/// Both exact routes where the gradient's weights come from the kernel's stored tiles.
@Suite(.serialized) struct AGOPTilesTests {
  private static let kernels = [
    Kernel(.laplace, bandwidth: 2), Kernel(.laplace, bandwidth: 1), Kernel(.gaussian, bandwidth: 1.5),
  ]

  private func agop<T: Real>(
    _ shape: Shape, _ kernel: Kernel, _ a: Matrix<Double>, _ type: T.Type, gram: Bool, spread: Double = 0.7,
    tileBudget: Int = .max, lending limit: Int? = nil
  ) throws -> Matrix<Double> {
    let problem = try Problem<T>(
      shape.samples(spread: spread), classCounts: shape.classCounts, world: TestWorld.all, tileRows: shape.tileRows)
    let matrix = try problem.kernelMatrix(kernel, tileBudget: tileBudget)
    let own = problem.own(a)
    return gram
      ? try problem.gram(kernel, matrix: matrix, remoteBytes: limit ?? 0, pieceRows: 9).agop(own) { _ in }
      : try problem.gradients(kernel, matrix: matrix, remoteBytes: limit ?? 0).agop(own) { _ in }
  }

  private func coefficients(_ shape: Shape) -> Matrix<Double> {
    noise(shape.classCounts.reduce(0, +), shape.classCounts.count, seed: 51)
  }

  @Test(arguments: Shape.all, Self.kernels) func referenceImplementation(shape: Shape, kernel: Kernel) throws {
    let a = coefficients(shape)
    let expected = Reference.agop(kernel, shape.samples(), a)
    for gram in [false, true] {
      #expect(relativeError(try agop(shape, kernel, a, Double.self, gram: gram), expected) < 1e-12)
      #expect(relativeError(try agop(shape, kernel, a, Float.self, gram: gram), expected) < 2e-5)
    }
  }

  /// The tiles that other ranks hold remote, all of them or as many as fit; where some are recomputed the others.
  @Test(arguments: [(Int.max, Int.max), (.max, 700), (2000, .max)], Self.kernels)
  func borrowedTiles(memory: (tiles: Int, remote: Int), kernel: Kernel) throws {
    let shape = Shape(classCounts: [13, 0, 1, 9, 17], tileRows: 5)
    let a = coefficients(shape)
    let expected = Reference.agop(kernel, shape.samples(), a)
    for gram in [false, true] {
      let result = try agop(
        shape, kernel, a, Double.self, gram: gram, tileBudget: memory.tiles, lending: memory.remote)
      #expect(relativeError(result, expected) < 1e-12)
    }
  }

  /// With all that it can borrow a rank has every pair of segments, and the same weights as the rows give.
  @Test(arguments: Shape.all) func everyPairIsHere(shape: Shape) throws {
    let problem = try Problem<Double>(
      shape.samples(), classCounts: shape.classCounts, world: TestWorld.all, tileRows: shape.tileRows)
    let (layout, rows, world) = (problem.layout, problem.rows, problem.world)
    let matrix = try problem.kernelMatrix(Self.kernels[0])
    try matrix.beginTileExchange(limit: .max)
    for other in 0..<world.size { try matrix.waitForTiles(of: other) }
    let blocks = try problem.blocks()
    for row in rows.segments {
      for other in 0..<world.size {
        for column in layout.segments(of: other) {
          let (out, expected) = (
            Matrix<Double>(rows: row.rows.count, columns: column.rows.count),
            Matrix<Double>(rows: row.rows.count, columns: column.rows.count)
          )
          let isHere = matrix.fillWeights(row, blocks[other], of: other, column, into: out.view, worker: 0)
          matrix.builder.build(.gradientWeight, rows, row, blocks[other], column, into: expected.view, worker: 0)
          #expect(isHere && relativeError(out, expected) < 1e-11)
        }
      }
    }
    try matrix.finishTileExchange()
  }

  /// Some tiles stored, the others made from the rows.
  @Test(arguments: [2000, 8000]) func someTiles(tileBudget: Int) throws {
    let shape = Shape(classCounts: [13, 0, 1, 9, 17], tileRows: 5)
    let (kernel, a) = (Self.kernels[0], coefficients(shape))
    let expected = Reference.agop(kernel, shape.samples(), a)
    for gram in [false, true] {
      let result = try agop(shape, kernel, a, Double.self, gram: gram, tileBudget: tileBudget)
      #expect(relativeError(result, expected) < 1e-12)
    }
  }

  /// Collapsed classes: distances inside them are 1e-4 of those between.
  @Test func collapsedClasses() throws {
    let shape = Shape(classCounts: [13, 0, 1, 9, 17], tileRows: 5)
    let (kernel, a) = (Self.kernels[0], coefficients(shape))
    let expected = Reference.agop(kernel, shape.samples(spread: 1e-4), a)
    for gram in [false, true] {
      #expect(relativeError(try agop(shape, kernel, a, Double.self, gram: gram, spread: 1e-4), expected) < 1e-8)
      #expect(relativeError(try agop(shape, kernel, a, Float.self, gram: gram, spread: 1e-4), expected) < 1e-3)
    }
  }

  /// A bandwidth so small that the deviations have lost the kernel's digits: the weights come from the rows.
  @Test func smallBandwidth() throws {
    let shape = Shape(classCounts: [5, 6, 4])
    let (kernel, a) = (Kernel(.laplace, bandwidth: 0.05), coefficients(shape))
    let expected = Reference.agop(kernel, shape.samples(), a)
    #expect(relativeError(try agop(shape, kernel, a, Float.self, gram: false), expected) < 1e-4)
  }
}
