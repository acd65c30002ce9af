import DeepRFM
import Instruments
import KernelMachine
import LinearAlgebra
import Runtime
import Testing

/// Rows that are equal but for the rounding of their numbers, of one class and of several.
@Suite(.serialized) struct KernelOperatorCoincidenceTests {
  /// Classes, and which row each row repeats: itself, or an earlier one.
  struct Copies: Sendable, CustomStringConvertible {
    let classCounts: [Int]
    let original: [Int]
    var description: String { "\(classCounts) \(original)" }

    static let all = [
      // One sample a class, two pairs.
      Copies(classCounts: [1, 1, 1, 1, 1, 1], original: [0, 0, 2, 2, 4, 5]),
      // A class of one, and copies of it in larger ones.
      Copies(classCounts: [1, 2, 1, 4], original: [0, 0, 2, 2, 4, 4, 0, 7]),
      // Classes that are one point.
      Copies(classCounts: [2, 1, 3, 2], original: [0, 0, 0, 3, 3, 3, 6, 7]),
    ]
  }

  /// Unit rows as T holds them: exact copies, and copies that are off by T's rounding of some of their numbers.
  private func rows<T: Real>(_ copies: Copies, width: Int, _ type: T.Type) -> (
    exact: Matrix<Double>, off: Matrix<Double>
  ) {
    let directions = noise(copies.original.count, width, seed: 61)
    let exact = Matrix<Double>(rows: copies.original.count, columns: width)
    let off = Matrix<Double>(rows: exact.rows, columns: width)
    for (i, original) in copies.original.enumerated() {
      let norm = directions.row(original).reduce(0) { $0 + $1 * $1 }.squareRoot()
      for k in 0..<width {
        exact[i, k] = Double(T(directions[original, k] / norm))
        let isOff = original < i && (k + i) % 2 == 0
        off[i, k] = exact[i, k] * (isOff ? 1 + Double(T.ulpOfOne) : 1)
      }
    }
    return (exact, off)
  }

  /// The class route, the pairwise one, with the tiles of the kernel and without.
  private func check<T: Real>(_ copies: Copies, width: Int, bound: Double, _ type: T.Type) throws {
    let (exact, off) = rows(copies, width: width, T.self)
    let a = noise(exact.rows, copies.classCounts.count, seed: 62)
    for kernel in Kernel.both {
      let expected = Reference.agop(kernel, exact, a)
      let problem = try Problem<T>(off, classCounts: copies.classCounts, world: TestWorld.all, tileRows: 2)
      let k = try problem.kernelMatrix(kernel)
      for matrix in [nil, k] {
        let byClass = try problem.gradients(kernel, matrix: matrix).agop(problem.own(a)) { _ in }
        let byGram = try problem.gram(kernel, matrix: matrix, pieceRows: 3).agop(problem.own(a)) { _ in }
        let words = "\(copies) \(width) \(kernel) \(matrix == nil ? "made" : "from tiles")"
        #expect(relativeError(byClass, expected) < bound, "class \(words)")
        #expect(relativeError(byGram, expected) < bound, "gram \(words)")
      }
    }
  }

  /// Bounds: a distance of 0.05 between rows that do not coincide has lost a factor of 20 of the precision, its weight enters M twice, and some
  /// fifty of such terms are added; ten times that is room for any order of a sum.
  @Test(arguments: Copies.all, [2, 3, 5, 20]) func agop(copies: Copies, width: Int) throws {
    try check(copies, width: width, bound: 2e4 * Double.ulpOfOne, Double.self)
    try check(copies, width: width, bound: 2e4 / 100 * Double(Float.ulpOfOne), Float.self)
  }

  /// The kernel is continuous: its matrix does not mind, and a copy's output is the original's.
  @Test(arguments: Copies.all, [2, 20]) func kernelAndPredictor(copies: Copies, width: Int) throws {
    let (exact, off) = rows(copies, width: width, Float.self)
    let kernel = Kernel.both[0]
    let problem = try Problem<Float>(off, classCounts: copies.classCounts, world: TestWorld.all, tileRows: 2)
    let v = noise(exact.rows, 3, seed: 63)
    let y = Matrix<Double>(rows: problem.rows.rowCount, columns: 3)
    try problem.kernelMatrix(kernel).apply(problem.own(v), into: y, in: Double.self)
    let expected = Reference.product(Reference.kernel(kernel, exact, exact), v)
    #expect(relativeError(try problem.whole(y), expected) < 64 * Double(Float.ulpOfOne))
    let points = GroupedRows<Float>(exact.converted(to: Float.self), layout: problem.layout, context: problem.context)
    let outputs = try Predictor(kernel: kernel, rows: problem.rows).outputs(
      at: points.regrouped(to: problem.rows), problem.own(v))
    #expect(relativeError(outputs, expected) < 64 * Double(Float.ulpOfOne))
  }

  /// Copies that rounding parted far beyond itself, as layers do: known to be copies they stay that, on every way to the weights.
  @Test(arguments: Copies.all, [5, 20]) func partedCopies(copies: Copies, width: Int) throws {
    let (exact, _) = rows(copies, width: width, Float.self)
    let (parted, drift) = (exact.copy(), 1e-4)
    let noise = noise(exact.rows, width, seed: 64)
    for i in 0..<parted.rows where copies.original[i] < i {
      for k in 0..<width { parted[i, k] += drift * noise[i, k] / Double(width).squareRoot() }
    }
    let a = MPITests.noise(exact.rows, copies.classCounts.count, seed: 62)
    let expected = Reference.agop(Kernel.both[0], exact, a)
    for known in [false, true] {
      let problem = try Problem<Float>(
        parted, classCounts: copies.classCounts, world: TestWorld.all, tileRows: 2,
        copies: known ? copies.original.map { Int32($0 + 1) } : [])
      let k = try problem.kernelMatrix(Kernel.both[0])
      for (matrix, remote) in [(nil, 0), (k, 0), (k, 1 << 30)] {
        let byClass = try problem.gradients(Kernel.both[0], matrix: matrix, remoteBytes: remote).agop(problem.own(a)) {
          _ in
        }
        let byGram = try problem.gram(Kernel.both[0], matrix: matrix, remoteBytes: remote).agop(problem.own(a)) { _ in }
        // A row moved by the drift moves M by that over the nearest distance, twice, for each of its terms; unknown copies add terms as large as M's own.
        for m in [byClass, byGram] {
          #expect((relativeError(m, expected) < 100 * drift) == known, "\(copies) \(remote)")
        }
      }
    }
  }

  /// Copies are found by comparing projections: exact ones and those off by rounding, whatever class and rank they are on; near rows
  /// that differ by more are none.
  @Test(arguments: Copies.all, [2, 20]) func found(copies: Copies, width: Int) throws {
    for off in [false, true] {
      let all = rows(copies, width: width, Float.self)
      let x = off ? all.off : all.exact
      let problem = try Problem<Float>(x, classCounts: copies.classCounts, world: TestWorld.all, tileRows: 2)
      let found = try DeepRFM.Copies.find(in: problem.rows, seed: 5)
      for i in 0..<x.rows {
        for j in 0..<i {
          let same = copies.original[i] == copies.original[j]
          #expect((found[i] != 0 && found[i] == found[j]) == same, "\(i) \(j)")
        }
      }
    }
    let distinct = noise(9, width, seed: 65)
    for k in 0..<width { distinct[8, k] = distinct[0, k] * (1 + 1e-4 * Double(k + 1)) }
    let problem = try Problem<Float>(distinct, classCounts: [4, 5], world: TestWorld.all, tileRows: 2)
    #expect(try DeepRFM.Copies.find(in: problem.rows, seed: 5).isEmpty)
  }
}
