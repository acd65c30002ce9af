import LinearAlgebra
import Testing

#if canImport(Glibc)
  import Glibc
#endif

/// The fast loops against their reference implementations, in units of the result's last place.
@Suite struct ElementwiseTests {
  /// One tile whose squared distances are given: rows of different alpha, all else so that t = D^2 - distance^2 comes out
  /// of the loop's own formula.
  private struct Tile<T: Scalar> {
    let form: TileForm
    let g, alpha, beta, rowNorm, columnNorm: Matrix<T>

    init(_ form: TileForm, rows: Int, columns: Int, squares: [Double]) {
      self.form = form
      // The stride is longer than a row.
      g = Matrix(rows: rows, columns: columns + 3)
      alpha = Matrix(rows: 1, columns: rows)
      beta = Matrix(rows: 1, columns: columns)
      rowNorm = Matrix(rows: 1, columns: rows)
      columnNorm = Matrix(rows: 1, columns: columns)
      for i in 0..<rows { alpha[0, i] = T(0.25 * Double(i)) }
      for j in 0..<columns { beta[0, j] = T(0.125 * Double(j % 5)) }
      for i in 0..<rows {
        for j in 0..<columns {
          let t = squares[(i * columns + j) % squares.count] - form.distance * form.distance
          g[i, j] = T((Double(alpha[0, i]) + Double(beta[0, j]) - t) / 2)
        }
      }
    }

    var terms: TileTerms<T> {
      TileTerms(
        alpha: alpha.pointer, beta: beta.pointer, rowNorm: rowNorm.pointer,
        columnNorm: columnNorm.pointer)
    }

    var view: MatrixView<T> { g.view.columns(0..<beta.columns) }

    /// D^2 - distance^2 as the loop rounds it.
    func excess(_ i: Int, _ j: Int) -> T { (alpha[0, i] + beta[0, j]) - 2 * g[i, j] }
    var square: T { T(form.distance * form.distance) }
  }

  static let squares = [
    0.3, 1, 2, 1e-12, 0.7, 3.9, 1e-3, 25, 1e-30, 0, 400, 1e8, 1.1, 0.01, 1e-6, 1.9, 1e30,
  ]
  static let distances = [0, 1e-6, 0.02, 0.7, 1.4, 6]
  static let rates = [0.5, 0.125, 10, 1e-4]

  /// The rounding of the argument x comes back |x| times in the exponential; D is a root of a sum of distance^2, which is
  /// rounded too.
  private func bound(_ x: Double, _ square: Double, _ distance: Double) -> Double {
    let rounding = 1 + distance * distance / max(square, .leastNormalMagnitude)
    return 3 + rounding * min(max(1, abs(x)), 90)
  }

  /// Pairs so much nearer to each other than their centres are taken again by the caller (`TileForm.near`).
  private func isMended(_ square: Double, _ distance: Double) -> Bool {
    square < 1e-3 * distance * distance
  }

  private func ulps<T: Scalar>(_ value: T, _ expected: Double) -> Double {
    let smallest = Double(T.leastNormalMagnitude)
    guard abs(expected) > smallest else {
      return abs(Double(value)) <= 2 * smallest ? 0 : .infinity
    }
    return abs(Double(value) - expected) / Double(T(expected).ulp)
  }

  private func checkDeviation<T: Scalar>(_ type: T.Type, gaussian: Bool, columns: Int) {
    for distance in Self.distances {
      for rate in Self.rates {
        let form = TileForm(gaussian: gaussian, distance: distance, rate: rate, near: 0)
        let tile = Tile<T>(form, rows: 3, columns: columns, squares: Self.squares)
        let out = Matrix<T>(rows: 3, columns: columns)
        out.view.fill(.nan)
        _ = kernelDeviation(of: tile.view, tile.terms, form, into: out.view)
        for i in 0..<3 {
          for j in 0..<columns {
            let t = max(Double(tile.excess(i, j)), -Double(tile.square))
            let expected = kernelDeviation(squareExcess: t, form)
            let square = distance * distance + t
            #expect(out[i, j].isFinite && abs(out[i, j]) < 1.01)
            if isMended(square, distance) { continue }
            // log(k / c): what the loop gives to expm1.
            let x = gaussian ? rate * t : rate * (square.squareRoot() - distance)
            #expect(
              ulps(out[i, j], expected) <= bound(x, square, distance),
              "distance \(distance) rate \(rate) t \(t): \(out[i, j]), not \(expected)")
          }
        }
      }
    }
  }

  private func checkWeight<T: Scalar>(_ type: T.Type, gaussian: Bool, columns: Int) {
    for distance in Self.distances {
      for rate in Self.rates {
        let form = TileForm(gaussian: gaussian, distance: distance, rate: rate, near: 0)
        let tile = Tile<T>(form, rows: 3, columns: columns, squares: Self.squares)
        let out = Matrix<T>(rows: 3, columns: columns)
        _ = gradientWeight(of: tile.view, tile.terms, form, into: out.view)
        for i in 0..<3 {
          for j in 0..<columns {
            let square = Double(max(0, tile.square + tile.excess(i, j)))
            #expect(out[i, j].isFinite && out[i, j] >= 0)
            // Coincident points are the caller's to mend; beyond the cut the kernel is 0.
            let x = rate * (gaussian ? square : square.squareRoot())
            if square <= Double(T.leastNormalMagnitude) || x > 75 || isMended(square, distance) { continue }
            let expected = gradientWeight(square: square, form)
            #expect(
              ulps(out[i, j], expected) <= bound(x, square, distance),
              "distance \(distance) rate \(rate) D^2 \(square): \(out[i, j]), not \(expected)")
          }
        }
      }
    }
  }

  private func checkWeightOfDeviation<T: Scalar>(_ type: T.Type, gaussian: Bool, columns: Int) {
    for distance in [0, 1e-6, 0.02, 0.7, 1.4] {
      let form = TileForm(gaussian: gaussian, distance: distance, rate: 0.5, near: 0)
      let e = Matrix<T>(rows: 3, columns: columns + 3)
      for i in 0..<3 {
        for j in 0..<columns {
          let square = [0.3, 1, 2, 1e-12, 0.7, 3.9, 1e-3, 1e-30, 0, 0.01, 1.9][(i * columns + j) % 11]
          e[i, j] = T(kernelDeviation(squareExcess: square - distance * distance, form))
        }
      }
      let (view, out) = (e.view.columns(0..<columns), Matrix<T>(rows: 3, columns: columns))
      let nearest = 0.05 * distance
      var expectsClose = false
      let close = gradientWeight(ofDeviation: view, nearest: nearest, form, into: out.view)
      for i in 0..<3 {
        for j in 0..<columns {
          let d = gaussian ? .infinity : laplaceDistance(deviation: Double(e[i, j]), form)
          expectsClose = expectsClose || d < 0.9 * nearest
          if d < 1.1 * nearest { continue }
          let expected = gradientWeight(deviation: Double(e[i, j]), form)
          // D keeps as many digits as distance / D leaves.
          #expect(
            ulps(out[i, j], expected) <= 6 * (1 + distance / max(d, .leastNormalMagnitude)),
            "distance \(distance) e \(e[i, j]): \(out[i, j]), not \(expected)")
        }
      }
      if expectsClose { #expect(close) }
    }
  }

  @Test(arguments: 1...37) func weightOfDeviation(columns: Int) {
    for gaussian in [false, true] {
      checkWeightOfDeviation(Float.self, gaussian: gaussian, columns: columns)
      checkWeightOfDeviation(Double.self, gaussian: gaussian, columns: columns)
    }
  }

  @Test(arguments: 1...67) func deviationFloat(columns: Int) {
    checkDeviation(Float.self, gaussian: false, columns: columns)
    checkDeviation(Float.self, gaussian: true, columns: columns)
  }

  @Test(arguments: 1...67) func deviationDouble(columns: Int) {
    checkDeviation(Double.self, gaussian: false, columns: columns)
    checkDeviation(Double.self, gaussian: true, columns: columns)
  }

  @Test(arguments: 1...67) func weightFloat(columns: Int) {
    checkWeight(Float.self, gaussian: false, columns: columns)
    checkWeight(Float.self, gaussian: true, columns: columns)
  }

  @Test(arguments: 1...67) func weightDouble(columns: Int) {
    checkWeight(Double.self, gaussian: false, columns: columns)
    checkWeight(Double.self, gaussian: true, columns: columns)
  }

  /// Far beyond the cut the kernel is 0: the deviation is minus the constant, the weight nothing that counts.
  @Test func farPairs() {
    let form = TileForm(gaussian: false, distance: 0.5, rate: 1, near: 0)
    let tile = Tile<Float>(form, rows: 2, columns: 9, squares: [1e12])
    let out = Matrix<Float>(rows: 2, columns: 9)
    _ = kernelDeviation(of: tile.view, tile.terms, form, into: out.view)
    #expect(out.buffer.allSatisfy { $0 == -Float(form.constant) })
    _ = gradientWeight(of: tile.view, tile.terms, form, into: out.view)
    #expect(out.buffer.allSatisfy { $0 >= 0 && $0 < 1e-37 })
  }

  /// Two classes far apart, in kernel widths, with a pair of near samples: the kernel of the means is next to nothing, the
  /// pair's is not.
  @Test(arguments: [false, true]) func nearPairsOfFarClasses(gaussian: Bool) {
    for rate in [30.0, 80, 200, 2000] {
      let form = TileForm(gaussian: gaussian, distance: 1.5, rate: rate, near: 0)
      let square = gaussian ? 1 / rate : 1 / (rate * rate)  // k = 1 / e
      let plain = kernelDeviation(squareExcess: square - 2.25, form)
      #expect(abs(plain + form.constant - exp(-1)) < 1e-9)
      if isMended(square, 1.5) { continue }
      let tile = Tile<Float>(form, rows: 1, columns: 17, squares: [square])
      let out = Matrix<Float>(rows: 1, columns: 17)
      _ = kernelDeviation(of: tile.view, tile.terms, form, into: out.view)
      #expect(out.buffer.allSatisfy { abs(Double($0) - plain) < 1e-3 })
    }
  }

  /// One near pair anywhere in the tile is reported, and no other.
  @Test(arguments: [1, 2, 3, 16, 33, 67], [false, true])
  func nearPairsAreReported(columns: Int, gaussian: Bool) {
    for distance in [0, 0.75] {
      let form = TileForm(gaussian: gaussian, distance: distance, rate: 1, near: 1e-3)
      let tile = Tile<Float>(form, rows: 2, columns: columns, squares: [0.5])
      tile.rowNorm.view.fill(1)
      tile.columnNorm.view.fill(1)
      let out = Matrix<Float>(rows: 2, columns: columns)
      #expect(!kernelDeviation(of: tile.view, tile.terms, form, into: out.view))
      #expect(!gradientWeight(of: tile.view, tile.terms, form, into: out.view))
      for (i, j) in [(0, 0), (1, columns - 1), (0, columns / 2)] {
        let before = tile.g[i, j]
        tile.g[i, j] += 0.25  // D^2 = 0
        #expect(kernelDeviation(of: tile.view, tile.terms, form, into: out.view))
        #expect(gradientWeight(of: tile.view, tile.terms, form, into: out.view))
        tile.g[i, j] = before
      }
    }
  }

  private func checkConversions<T: Scalar>(_ type: T.Type, count: Int) {
    let x = Noise.matrix(1, count, seed: 31, as: T.self)
    let out = Noise.matrix(1, count, seed: 32, as: Double.self)
    let before = out.copy()
    T.accumulate(x.pointer, out.pointer, count)
    for k in 0..<count { #expect(out.pointer[k] == before.pointer[k] + Double(x.pointer[k])) }
    T.widen(x.pointer, out.pointer, count)
    for k in 0..<count { #expect(out.pointer[k] == Double(x.pointer[k])) }
    let rows = Noise.matrix(3, count, seed: 33, as: T.self)
    let scale = Noise.matrix(3, 2, seed: 34, as: T.self)
    let scaled = Matrix<T>(rows: 3, columns: count)
    T.scaleRows(rows.pointer, count, scale.pointer + 1, 2, 3, count, scaled.pointer)
    for i in 0..<3 { for k in 0..<count { #expect(scaled[i, k] == scale[i, 1] * rows[i, k]) } }
  }

  @Test(arguments: [1, 2, 15, 16, 17, 67]) func conversions(count: Int) {
    checkConversions(Float.self, count: count)
    checkConversions(Double.self, count: count)
  }
}

/// Loops over pairs of samples against their reference implementations.
@Suite struct PairLoopTests {
  private func check<T: Scalar>(_ type: T.Type) {
    for (rows, columns) in [(1, 1), (3, 17), (20, 64), (5, 133)] {
      let wide = (0..<4).map { Noise.matrix(rows, columns + 3, seed: UInt64($0), as: T.self) }
      let (q, h) = (wide[0].view.columns(0..<columns), wide[3].view.columns(1..<(columns + 1)))
      let (p, r) = (wide[1].view.columns(0..<columns), wide[2].view.columns(0..<columns))
      let expected = wide[0].copy()
      referencePairWeights(expected.view.columns(0..<columns), times: p, minus: r, times: h)
      pairWeights(q, times: p, minus: r, times: h)
      let close = 8 * Double(T.ulpOfOne)
      for i in 0..<rows {
        for j in 0..<columns { #expect(abs(Double(q[i, j]) - Double(expected[i, j])) <= close * 20) }
        // Nothing is written behind a row.
        #expect(wide[0][i, columns] == expected[i, columns])
      }
      checkSums(q)
      checkOthers(q, h)
    }
  }

  private func checkSums<T: Scalar>(_ q: MatrixView<T>) {
    let sums = (0..<2).map { _ in
      (Matrix<Double>(rows: 1, columns: q.rows), Matrix<Double>(rows: 1, columns: q.columns))
    }
    addSums(of: q, rows: sums[0].0.pointer, columns: sums[0].1.pointer)
    addReferenceSums(of: q, rows: sums[1].0.pointer, columns: sums[1].1.pointer)
    for (fast, plain) in [(sums[0].0, sums[1].0), (sums[0].1, sums[1].1)] {
      for k in 0..<fast.count { #expect(abs(fast.pointer[k] - plain.pointer[k]) < 1e-12 * Double(q.rows + q.columns)) }
    }
  }

  private func checkOthers<T: Scalar>(_ q: MatrixView<T>, _ h: MatrixView<T>) {
    let product = Matrix<T>(uninitialisedRows: q.rows, columns: q.columns)
    product.view.copy(from: q)
    multiplyEntries(product.view, by: h)
    let flipped = Matrix<T>(uninitialisedRows: q.columns, columns: q.rows)
    transpose(q, into: flipped.view)
    let square = Matrix<T>(rows: q.rows, columns: q.rows)
    addOuterGram(of: q, beta: 0, intoLower: square.view)
    for i in 0..<q.rows {
      for j in 0..<q.columns {
        #expect(product[i, j] == q[i, j] * h[i, j])
        #expect(flipped[j, i] == q[i, j])
      }
      for j in 0...i {
        let sum = (0..<q.columns).reduce(0.0) { $0 + Double(q[i, $1]) * Double(q[j, $1]) }
        #expect(abs(Double(square[i, j]) - sum) <= 1000 * Double(T.ulpOfOne))
      }
    }
  }

  @Test func float() { check(Float.self) }
  @Test func double() { check(Double.self) }

  @Test func wordsAreSummed() {
    let a = Noise.matrix(7, 13, seed: 40, as: Double.self)
    for range in [0..<0, 3..<4, 0..<91, 5..<90] {
      let expected = range.reduce(UInt64(0)) { $0 &+ a.pointer[$1].bitPattern }
      #expect(wordSum(of: a, range) == expected)
    }
  }
}
