import DeepRFM
import LinearAlgebra
import MPI
import Measures
import Runtime
import Testing

@Suite struct GramPictureTests {
  /// Cosines in double precision, of samples that every rank has whole.
  private func plain(_ x: Matrix<Double>, _ positions: [Int], _ mean: [Double], times r: Matrix<Double>?) -> Matrix<
    Double
  > {
    let rows = positions.map { i -> [Double] in
      let centred = (0..<x.columns).map { x[i, $0] - mean[$0] }
      guard let r else { return centred }
      return (0..<r.columns).map { column in (0..<x.columns).reduce(0) { $0 + centred[$1] * r[$1, column] } }
    }
    func inner(_ a: [Double], _ b: [Double]) -> Double { zip(a, b).reduce(0) { $0 + $1.0 * $1.1 } }
    let result = Matrix<Double>(rows: rows.count, columns: rows.count)
    for i in rows.indices {
      for j in rows.indices {
        let size = (inner(rows[i], rows[i]) * inner(rows[j], rows[j])).squareRoot()
        result[i, j] = size > 0 ? inner(rows[i], rows[j]) / size : 0
      }
    }
    return result
  }

  private func check<T: Real>(_ shape: Shape, _ type: T.Type) throws {
    let world = try TestWorld.all
    let problem = try Problem<T>(
      shape.samples(), classCounts: shape.classCounts, world: world, tileRows: shape.tileRows)
    let (x, d) = (problem.x, problem.x.columns)
    // Not symmetric: a random projection is not either.
    let r = Matrix<Double>(rows: d, columns: d)
    r.fill { (i: Int, j: Int) -> Double in
      let step: Int = (3 * i + 7 * j) % 5 - 2
      return i == j ? 1 : 0.3 * Double(step)
    }
    let pictures = try GramPictures(
      problem.rows, projection: r.converted(to: T.self))
    let positions = PictureSample(problem.layout).positions
    #expect(pictures.sample.positions == positions)
    guard world.rank == 0 else {
      #expect(pictures.input.count == 0 && pictures.projected.count == 0)
      return
    }
    let present = problem.layout.presentClasses
    let mean = (0..<d).map { k in present.reduce(0) { $0 + problem.rows.centres[$1, k] } / Double(present.count) }
    let bound = 1e4 * Double(T.ulpOfOne) + 1e-6
    for (picture, r) in [(pictures.input, nil), (pictures.projected, r as Matrix<Double>?)] {
      let expected = plain(x, positions, mean, times: r)
      #expect(picture.rows == positions.count && picture.columns == positions.count)
      // A sample that is the mean itself has no direction but rounding's.
      let sizes = positions.map { i in (0..<d).reduce(0) { $0 + abs(x[i, $1] - mean[$1]) } }
      for i in positions.indices {
        for j in positions.indices where min(sizes[i], sizes[j]) > 1e-3 {
          #expect(abs(Double(picture[i, j]) - expected[i, j]) < bound, "\(shape) \(i) \(j)")
        }
      }
    }
  }

  @Test(arguments: Shape.all) func cosinesFloat(shape: Shape) throws { try check(shape, Float.self) }
  @Test(arguments: Shape.all) func cosinesDouble(shape: Shape) throws { try check(shape, Double.self) }
}
