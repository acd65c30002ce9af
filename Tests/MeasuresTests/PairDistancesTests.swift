import LinearAlgebra
import Measures
import Testing

@Suite struct PairDistancesTests {
  private func typical(_ x: Matrix<Double>, pieces: Int) -> (distance: Double, isMean: Bool)? {
    let pool = ThreadPool(count: 2)
    let distances = PairDistances(rows: x.rows)
    let width = (x.columns + pieces - 1) / pieces
    for start in stride(from: 0, to: x.columns, by: width) {
      let part = Matrix<Double>(rows: x.rows, columns: min(width, x.columns - start))
      part.fill { x[$0, start + $1] }
      distances.add(part, pool)
    }
    return distances.typical
  }

  private func sorted(_ x: Matrix<Double>) -> [Double] {
    var all: [Double] = []
    for i in 0..<x.rows {
      for j in 0..<i {
        all.append(zip(x.row(i), x.row(j)).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }.squareRoot())
      }
    }
    return all.sorted()
  }

  /// 3 pairs, 6, 45: an odd number and even ones. All rows far from the origin.
  @Test(arguments: [3, 4, 10], [1, 3]) func medianOfAllPairs(rows: Int, pieces: Int) throws {
    let random = RandomStream(seed: 5, layer: rows, purpose: .probe)
    let x = Matrix<Double>(rows: rows, columns: 7)
    x.fill { 1e4 + random.uniform(row: $0, column: $1) }
    let all = sorted(x)
    let middle = all.count / 2
    let median = all.count % 2 == 1 ? all[middle] : (all[middle - 1] + all[middle]) / 2
    let found = try #require(typical(x, pieces: pieces))
    #expect(!found.isMean && abs(found.distance / median - 1) < 1e-10)
  }

  /// 9 of 10 rows are one: the median is 0.
  @Test func theMeanWhereMostRowsAreTheSame() throws {
    let x = Matrix<Double>(rows: 10, columns: 2)
    x[4, 1] = 3
    let found = try #require(typical(x, pieces: 1))
    #expect(found.isMean && abs(found.distance - 9 * 3.0 / 45) < 1e-14)
  }

  @Test(arguments: [0, 1, 5]) func nothingIsApart(rows: Int) {
    let x = Matrix<Double>(rows: rows, columns: 2)
    x.fill { _, k in Double(k) }
    #expect(typical(x, pieces: 1) == nil)
  }
}
