import Foundation
import Instruments
import KernelMachine
import LinearAlgebra
import MPI
import Runtime
import Testing

/// The Gram route against the definition, pair by pair, and against the class route.
@Suite(.serialized) struct AGOPGramTests {
  private func gram<T: Real>(
    _ shape: Shape, _ kernel: Kernel, _ x: Matrix<Double>, _ a: Matrix<Double>, _ world: Communicator, _ type: T.Type,
    memoryBytes: Int = 8 << 30, pieceRows: Int = 9
  ) throws -> Matrix<Double> {
    let problem = try Problem<T>(x, classCounts: shape.classCounts, world: world, tileRows: shape.tileRows)
    let route = problem.gram(kernel, memoryBytes: memoryBytes, pieceRows: pieceRows)
    var last = 0.0
    return try route.agop(problem.own(a)) { share in
      #expect(share >= last && share <= 1)
      last = share
    }
  }

  private func coefficients(_ shape: Shape, outputs: Int? = nil) -> Matrix<Double> {
    noise(shape.classCounts.reduce(0, +), outputs ?? shape.classCounts.count, seed: 51)
  }

  @Test(arguments: Shape.all, Kernel.both) func referenceImplementation(shape: Shape, kernel: Kernel) throws {
    let (x, a) = (shape.samples(), coefficients(shape))
    let expected = Reference.agop(kernel, x, a)
    let world = try TestWorld.all
    let double = try gram(shape, kernel, x, a, world, Double.self)
    #expect(relativeError(double, expected) < 1e-12)
    for k in 0..<double.rows { for l in 0..<k { #expect(double[k, l] == double[l, k]) } }
    #expect(relativeError(try gram(shape, kernel, x, a, world, Float.self), expected) < 1e-5)
  }

  /// Every rank's rows in one chunk or many, in pieces of one segment or many: what meets what must not matter.
  @Test(arguments: Shape.all, [(0, 1), (0, 9), (20_000, 9), (40_000, 5)])
  func chunksAndPieces(shape: Shape, sizes: (memory: Int, piece: Int)) throws {
    let (x, a, kernel) = (shape.samples(), coefficients(shape), Kernel.both[0])
    let expected = Reference.agop(kernel, x, a)
    let result = try gram(
      shape, kernel, x, a, TestWorld.all, Double.self, memoryBytes: sizes.memory, pieceRows: sizes.piece)
    #expect(relativeError(result, expected) < 1e-12)
  }

  @Test(arguments: Shape.all, Kernel.both) func oneRankSaysTheSame(shape: Shape, kernel: Kernel) throws {
    let world = try TestWorld.all
    let alone = try world.split(color: world.rank, key: 0)
    let (x, a) = (shape.samples(), coefficients(shape))
    let all = try gram(shape, kernel, x, a, world, Double.self)
    #expect(relativeError(all, try gram(shape, kernel, x, a, alone, Double.self)) < 1e-12)
    let sums = try world.allGather(Array(all.buffer))
    #expect(sums.allSatisfy { $0 == sums[0] })
  }

  /// Outputs need not be classes.
  @Test(arguments: [1, 3, 17]) func outputs(count: Int) throws {
    let shape = Shape(classCounts: [13, 0, 1, 9, 17], tileRows: 5)
    let (x, a) = (shape.samples(), coefficients(shape, outputs: count))
    let result = try gram(shape, Kernel.both[0], x, a, TestWorld.all, Double.self)
    #expect(relativeError(result, Reference.agop(Kernel.both[0], x, a)) < 1e-12)
  }

  /// Classes far smaller than the distance between them: their weights are large and nearly cancel.
  @Test(arguments: [1e-1, 1e-3, 1e-5], Kernel.both) func collapsed(spread: Double, kernel: Kernel) throws {
    let shape = Shape(classCounts: [40, 1, 0, 33, 52], tileRows: 16)
    let x = shape.samples(width: 24, spread: spread)
    let a = coefficients(shape)
    // The problem's own rows: float32 must not be blamed for the rounding of its input.
    let problem = try Problem<Float>(x, classCounts: shape.classCounts, world: TestWorld.all, tileRows: shape.tileRows)
    let exact = try Problem<Double>(x, classCounts: shape.classCounts, world: TestWorld.all, tileRows: shape.tileRows)
    let expected = Reference.agop(kernel, x, a)
    let rounded = try Reference.agop(kernel, problem.wholeRows(), a)
    let gram = problem.gram(kernel, pieceRows: 40)
    let float = try gram.agop(problem.own(a)) { _ in }
    let byClass = try problem.gradients(kernel).agop(problem.own(a)) { _ in }
    let double = try exact.gram(kernel, pieceRows: 40).agop(exact.own(a)) { _ in }
    #expect(relativeError(double, expected) < 1e-10)
    #expect(relativeError(byClass, rounded) < 1e-6)
    #expect(relativeError(float, rounded) < 1e-5)
    #expect(relativeError(float, byClass) < 1e-5)
  }

  /// Rows like those of pictures: a large mean, and patterns that count less the finer they are. Classes say little of them.
  private func pictures(_ classCounts: [Int], width: Int) -> Matrix<Double> {
    let (n, patterns) = (classCounts.reduce(0, +), 12)
    let weights = noise(n, patterns + width, seed: 53)
    let x = Matrix<Double>(rows: n, columns: width)
    for i in 0..<n {
      for k in 0..<width {
        x[i, k] = 1 + 0.02 * weights[i, patterns + k]
        for p in 0..<patterns {
          x[i, k] += 0.5 / Double(p + 1) * weights[i, p] * cos(.pi * Double(p * k) / Double(width))
        }
      }
      let norm = x.row(i).reduce(0) { $0 + $1 * $1 }.squareRoot()
      for k in 0..<width { x[i, k] /= norm }
    }
    return x
  }

  /// The definition's pairwise form in float32, as it is written down: its entries are made in double and rounded once.
  private func plainPairs(_ kernel: Kernel, _ x: Matrix<Double>, _ a: Matrix<Double>) -> Matrix<Float> {
    let (n, d) = (x.rows, x.columns)
    let weights = Matrix<Double>(rows: n, columns: n)
    for i in 0..<n {
      for j in 0..<i {
        let distance = Reference.distance(x, i, x, j)
        weights[i, j] = Reference.value(kernel, distance) / (kernel.bandwidth * distance)
        weights[j, i] = weights[i, j]
      }
    }
    let (b, aa, ab) = (Matrix<Double>(rows: n, columns: a.columns), weights.copy(), weights.copy())
    multiply(weights.view, a.view, into: b.view)
    multiply(a.view, a.view, transposeB: true, into: aa.view)
    multiply(a.view, b.view, transposeB: true, into: ab.view)
    let (h, q) = (weights.converted(to: Float.self), Matrix<Float>(rows: n, columns: n))
    let square = Matrix<Float>(rows: n, columns: n)
    multiply(h.view, h.view, into: square.view)
    for i in 0..<n {
      for j in 0..<n { q[i, j] = Float(aa[i, j]) * square[i, j] - Float(ab[i, j] + ab[j, i]) * h[i, j] }
      q[i, i] += Float((0..<b.columns).reduce(0) { $0 + b[i, $1] * b[i, $1] })
    }
    let (rows, image, m) = (
      x.converted(to: Float.self), Matrix<Float>(rows: n, columns: d), Matrix<Float>(rows: d, columns: d)
    )
    multiply(q.view, rows.view, into: image.view)
    multiply(rows.view, image.view, transposeA: true, into: m.view)
    return m
  }

  /// A first layer's AGOP: a constant in H, the means of classes and the halves of Q are all far larger than what is left of them, and
  /// the coefficients of a solve cancel too. Bounds by comparison on the same processor: without the remedies, the same sums in the same
  /// precision as they are written down, the error is many times larger (measured 1.0e-4 to 1.8e-4 with them).
  @Test func largePartsCancel() throws {
    let shape = Shape(classCounts: [300, 280, 0, 320, 300], tileRows: 128)
    let (x, kernel) = (pictures(shape.classCounts, width: 48), Kernel.both[0])
    let problem = try Problem<Float>(x, classCounts: shape.classCounts, world: TestWorld.all, tileRows: shape.tileRows)
    let rows = try problem.wholeRows()
    let a = try Reference.solution(Reference.kernel(kernel, rows, rows), ridge: 1e-3, problem.targets)
    let expected = Reference.agop(kernel, rows, a)
    let byGram = relativeError(try problem.gram(kernel, pieceRows: 250).agop(problem.own(a)) { _ in }, expected)
    let byClass = relativeError(try problem.gradients(kernel).agop(problem.own(a)) { _ in }, expected)
    let plain = relativeError(plainPairs(kernel, rows, a), expected)
    #expect(4 * byGram < plain, "\(byGram) \(plain)")
    #expect(byClass < byGram, "\(byClass) \(byGram)")
  }

  @Test func oneSampleHasNoGradient() throws {
    let shape = Shape(classCounts: [0, 1])
    let m = try gram(shape, Kernel.both[0], shape.samples(), coefficients(shape), TestWorld.all, Double.self)
    #expect(m.buffer.allSatisfy { $0 == 0 })
  }
}
