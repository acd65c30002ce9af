import LinearAlgebra
import Testing

@Suite struct ProductTests {
  /// Threads of a pool; nil: the functions without one.
  private static let threads: [Int?] = [nil, 1, 2, 3, 7]

  /// Odd shapes, either side transposed, inside larger matrices (strides), alpha and beta.
  private func checkMultiply<T: Scalar>(_ threads: Int?, _ type: T.Type) {
    let pool = threads.map { ThreadPool(count: $0) }
    for (m, n, k) in [
      (1, 1, 1), (1, 7, 3), (5, 1, 9), (13, 17, 1), (33, 31, 65), (64, 10, 128), (9, 101, 4), (100, 16, 0),
    ] {
      for (transposeA, transposeB) in [(false, false), (true, false), (false, true), (true, true)] {
        let a = Noise.matrix(transposeA ? k : m, transposeA ? m : k, seed: 1, as: T.self)
        let b = Noise.matrix(transposeB ? n : k, transposeB ? k : n, seed: 2, as: T.self)
        let expected = referenceProduct(a, b, transposeA: transposeA, transposeB: transposeB)
        let before = Noise.matrix(m + 2, n + 3, seed: 3, as: T.self)
        let after = before.copy()
        let target = after.rows(1..<(m + 1)).columns(2..<(n + 2))
        if let pool {
          pool.multiply(
            a.view, b.view, transposeA: transposeA, transposeB: transposeB, alpha: 2, beta: -0.5, into: target)
        } else {
          multiply(a.view, b.view, transposeA: transposeA, transposeB: transposeB, alpha: 2, beta: -0.5, into: target)
        }
        let result = Matrix<T>(rows: m, columns: n)
        for i in 0..<m {
          for j in 0..<n {
            result[i, j] = target[i, j]
            expected[i, j] = 2 * expected[i, j] - 0.5 * Double(before[i + 1, j + 2])
          }
        }
        let scale = 2 * norm(a) * norm(b) + norm(before)
        #expect(scaledError(result, expected, scale: scale) < 1, "\(m) \(n) \(k)")
        #expect(changesOutside(before, after, rows: 1..<(m + 1), columns: 2..<(n + 2)) == 0)
      }
    }
  }

  private func changesOutside<T: Scalar>(
    _ before: Matrix<T>, _ after: Matrix<T>, rows: Range<Int>, columns: Range<Int>
  ) -> Int {
    var changes = 0
    for i in 0..<before.rows {
      for j in 0..<before.columns where !(rows.contains(i) && columns.contains(j)) {
        if before[i, j] != after[i, j] { changes += 1 }
      }
    }
    return changes
  }

  @Test(arguments: threads) func multiplyFloat(threads: Int?) { checkMultiply(threads, Float.self) }
  @Test(arguments: threads) func multiplyDouble(threads: Int?) { checkMultiply(threads, Double.self) }

  /// Memory that was never written may hold anything; beta = 0 must not read it.
  @Test(arguments: [0, 3]) func betaZeroForgetsWhatWasThere(inner: Int) {
    let a = Noise.matrix(4, inner, seed: 4, as: Double.self)
    let c = Matrix<Double>(rows: 4, columns: 4)
    c.view.fill(.nan)
    multiply(a.view, a.view, transposeB: true, into: c.view)
    #expect(c.buffer.allSatisfy { $0.isFinite })
    c.view.fill(.nan)
    let zeros = Matrix<Double>(rows: inner, columns: 4)
    addGram(of: zeros.view, beta: 0, intoLower: c.view)
    for i in 0..<4 { for j in 0...i { #expect(c[i, j] == 0) } }
  }

  @Test func emptyInnerDimensionScales() {
    let c = Noise.matrix(3, 3, seed: 5, as: Double.self)
    let before = c.copy()
    let nothing = Matrix<Double>(rows: 3, columns: 0)
    multiply(nothing.view, nothing.view, transposeB: true, beta: 0.5, into: c.view)
    for i in 0..<9 { #expect(c.pointer[i] == 0.5 * before.pointer[i]) }
    let noRows = Matrix<Double>(rows: 0, columns: 3)
    multiply(noRows.view, c.view, into: noRows.view)
  }

  /// - Parameter outer: A A^T rather than A^T A.
  private func checkGram<T: Scalar>(_ threads: Int?, outer: Bool, _ type: T.Type) {
    let pool = threads.map { ThreadPool(count: $0) }
    for (n, k) in [(1, 1), (7, 3), (3, 70), (65, 33), (130, 5)] {
      let a = outer ? Noise.matrix(n, k, seed: 6, as: T.self) : Noise.matrix(k, n, seed: 6, as: T.self)
      let before = Noise.matrix(n, n, seed: 7, as: T.self)
      let c = before.copy()
      switch (pool, outer) {
      case (nil, false): addGram(of: a.view, alpha: 3, beta: -1, intoLower: c.view)
      case (nil, true): addOuterGram(of: a.view, alpha: 3, beta: -1, intoLower: c.view)
      case (let pool?, false): pool.addGram(of: a.view, alpha: 3, beta: -1, intoLower: c.view)
      case (let pool?, true): pool.addOuterGram(of: a.view, alpha: 3, beta: -1, intoLower: c.view)
      }
      let expected = referenceProduct(a, a, transposeA: !outer, transposeB: outer)
      for i in 0..<n {
        for j in 0..<n {
          // The upper triangle is not touched.
          let sum = 3 * expected[i, j] - Double(before[i, j])
          expected[i, j] = j <= i ? sum : Double(before[i, j])
        }
      }
      let scale = 3 * norm(a) * norm(a) + norm(before)
      #expect(scaledError(c, expected, scale: scale) < 1)
    }
  }

  @Test(arguments: threads, [false, true]) func gramFloat(threads: Int?, outer: Bool) {
    checkGram(threads, outer: outer, Float.self)
  }
  @Test(arguments: threads, [false, true]) func gramDouble(threads: Int?, outer: Bool) {
    checkGram(threads, outer: outer, Double.self)
  }

  @Test(arguments: [0, 1, 2, 63, 64, 65, 130]) func mirror(n: Int) {
    let a = Noise.matrix(n, n, seed: 8, as: Float.self)
    let before = a.copy()
    mirrorLower(a.view)
    for i in 0..<n {
      for j in 0..<n { #expect(a[i, j] == before[max(i, j), min(i, j)]) }
    }
  }
}
