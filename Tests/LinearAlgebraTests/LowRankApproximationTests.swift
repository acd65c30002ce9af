import LinearAlgebra
import Testing

@Suite struct LowRankApproximationTests {
  private func factors<T: Scalar>(
    _ a: Matrix<T>, tolerance: Double, largestEntry: Double = .infinity, limit: Int = 64
  ) -> (factors: LowRankApproximation<T>?, remainder: Matrix<T>) {
    let remainder = a.copy()
    let probes = Noise.matrix(a.columns, limit, seed: 32, as: T.self)
    let factors = LowRankApproximation(
      sketching: remainder.view, tolerance: tolerance, largestEntry: largestEntry, limit: limit, probes: probes.view)
    return (factors, remainder)
  }

  /// A product of thin matrices, and noise.
  private func matrix<T: Scalar>(_ rows: Int, _ columns: Int, rank: Int, noise: Double, _ type: T.Type) -> Matrix<T> {
    let (left, right) = (
      Noise.matrix(rows, rank, seed: 21, as: Double.self), Noise.matrix(rank, columns, seed: 22, as: Double.self)
    )
    let (product, rest) = (referenceProduct(left, right), Noise.matrix(rows, columns, seed: 23, as: Double.self))
    for k in 0..<product.count { product.pointer[k] += noise * rest.pointer[k] }
    return product.converted()
  }

  private func check<T: Scalar>(_ rows: Int, _ columns: Int, rank: Int, _ type: T.Type) throws {
    let (noise, tolerance) = (1e-3, 3e-3)
    let a = matrix(rows, columns, rank: rank, noise: noise, T.self)
    let (found, remainder) = factors(a, tolerance: tolerance)
    let factors = try #require(found)
    // Of the rank's root times the noise there is left as much beside A: below the tolerance as soon as the range is found.
    #expect(factors.rank >= rank && factors.rank < rank + LowRankApproximation<T>.batch)
    let product = Matrix<T>(rows: rows, columns: columns)
    factors.product(into: product.view)
    var (lost, all, missed) = (0.0, 0.0, 0.0)
    for k in 0..<a.count {
      let difference = Double(a.pointer[k]) - Double(product.pointer[k])
      lost += difference * difference
      all += Double(a.pointer[k]) * Double(a.pointer[k])
      missed = max(missed, abs(difference - Double(remainder.pointer[k])))
    }
    #expect(lost <= 1.001 * tolerance * tolerance * all)
    // What is stated is what is, and what is left is the difference.
    #expect(abs(factors.squares.left / lost - 1) < 1e-2 && abs(factors.squares.all / all - 1) < 1e-6)
    #expect(missed < 100 * Double(T.ulpOfOne) * (all / Double(a.count)).squareRoot() * Double(rank))
    #expect(factors.left.isPaddedForProduct && factors.right.isPaddedForProduct)
  }

  @Test(arguments: [(70, 90, 3), (130, 40, 17), (33, 200, 1)]) func findsTheRank(rows: Int, columns: Int, rank: Int)
    throws
  {
    try check(rows, columns, rank: rank, Float.self)
    try check(rows, columns, rank: rank, Double.self)
  }

  @Test func givesUpWhereTheRankIsHigh() {
    let full = Noise.matrix(100, 100, seed: 24, as: Float.self)
    #expect(factors(full, tolerance: 1e-3).factors == nil)
    // Just above the limit, and bound to be.
    #expect(factors(matrix(200, 200, rank: 40, noise: 0, Double.self), tolerance: 1e-6, limit: 32).factors == nil)
  }

  @Test func entriesMayBeBounded() throws {
    let a = matrix(80, 80, rank: 2, noise: 1e-3, Double.self)
    let loose = try #require(factors(a, tolerance: 0.9).factors)
    #expect(loose.squares.left <= 0.81 * loose.squares.all)
    let found = try #require(factors(a, tolerance: 0.9, largestEntry: 2e-3).factors)
    #expect(found.squares.left <= 4e-6 * 6400)
    #expect(factors(a, tolerance: 0.9, largestEntry: 0).factors == nil)
  }

  @Test func zerosHaveNoFactorsToKeep() throws {
    let found = try #require(factors(Matrix<Float>(rows: 70, columns: 80), tolerance: 1e-3).factors)
    #expect(found.rank == 0 && found.squares.left == 0)
    let bad = Noise.matrix(70, 70, seed: 25, as: Float.self)
    bad[3, 3] = .nan
    #expect(factors(bad, tolerance: 0.5).factors == nil)
  }
}
