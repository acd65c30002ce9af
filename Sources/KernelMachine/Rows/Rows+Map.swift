import LinearAlgebra
import Runtime

/// What the projection X R and the features show on the way; sums over this rank's rows.
public struct MapResult<T: Real> {
  /// Rows phi(x R W^T + u) as deviations from `centres`, the images of the class means: near them, not the new means.
  public let deviations: Matrix<T>
  public let centres: Matrix<Double>
  /// Class means of X R; (centres x input width).
  public let projectedMeans: Matrix<Double>
  /// Sum over rows of |deviation R|^2.
  public let projectedScatter: Double
}

/// Rows that a thread maps at a time.
private let mappingBatch = 256

extension Rows {
  /// Bytes while so many rows are mapped and centred: R or W in double, for the centres; then the new deviations beside a batch a thread, or
  /// what is kept of each row as it is made. Beside the old rows and the map. - Parameter scalarBytes: of an element.
  public static func bytesOfMapping(
    _ count: Int, width: Int, outputWidth: Int, centres: Int, threads: Int, _ scalarBytes: Int
  ) -> Int {
    let images = 8 * centres * (width + 2 * outputWidth)
    let batches = scalarBytes * threads * min(mappingBatch, count) * width
    let terms = 8 * count * (1 + centres) + 8 * threads * termsBatch * outputWidth
    let wide = 8 * width * max(width, outputWidth)
    return images + max(wide, count * outputWidth * scalarBytes + max(batches, terms))
  }

  /// *Local.* Projects the rows and maps them, a batch at a time. Products of deviations are in T, of centres in double.
  @specialized(where T == Float)
  @specialized(where T == Double)
  public func mapped(by map: FeatureMap<T>) -> MapResult<T> {
    let pool = context.pool
    precondition(width == map.inputWidth)
    let projectedMeans = product(of: centres, map.projection)
    let linear = product(of: projectedMeans, map.weights, transposed: true)
    let images = Matrix<Double>(uninitialisedRows: centres.rows, columns: map.outputWidth)
    images.fill { map.activate(linear[$0, $1], $1) }
    let deviations = Matrix<T>(uninitialisedRows: rowCount, columns: map.outputWidth)
    let batches = segments.flatMap { segment in
      segment.rows.pieces(ofAtMost: mappingBatch).map { Segment(rows: $0, centre: segment.centre) }
    }
    let scatter = Matrix<Double>(rows: batches.count, columns: 1)
    let source = self.deviations
    pool.forEachWhenFree(0..<batches.count) { index, _ in
      let (rows, c) = (batches[index].rows, batches[index].centre)
      let projected = Matrix<T>(uninitialisedRows: rows.count, columns: map.inputWidth)
      multiply(source.rows(rows), map.projection.view, into: projected.view)
      for value in projected.buffer { scatter[index, 0] += Double(value) * Double(value) }
      let out = deviations.rows(rows)
      multiply(projected.view, map.weights.view, transposeB: true, into: out)
      for i in 0..<out.rows {
        let row = out.row(i)
        for k in row.indices { row[k] = T(map.activate(linear[c, k] + Double(row[k]), k) - images[c, k]) }
      }
    }
    return MapResult(
      deviations: deviations, centres: images, projectedMeans: projectedMeans,
      projectedScatter: scatter.buffer.reduce(0, +))
  }

  /// *Local.* Some rows times a matrix or its transpose, in double.
  private func product(of rows: Matrix<Double>, _ matrix: Matrix<T>, transposed: Bool = false) -> Matrix<Double> {
    let wide = matrix.converted(to: Double.self)
    let result = Matrix<Double>(uninitialisedRows: rows.rows, columns: transposed ? wide.rows : wide.columns)
    context.pool.multiply(rows.view, wide.view, transposeB: transposed, into: result.view)
    withExtendedLifetime(wide) {}
    return result
  }

  /// *Local.* The rows divided by their norms (a row of zeros stays one), as deviations from the centres divided by theirs.
  @specialized(where T == Float)
  @specialized(where T == Double)
  public func normalised() -> (deviations: Matrix<T>, centres: Matrix<Double>) {
    let units = centres.copy()
    for c in 0..<units.rows { divideByNorm(units.row(c)) }
    let result = Matrix<T>(uninitialisedRows: rowCount, columns: width)
    context.pool.forEachWhenFree(0..<segments.count) { index, _ in
      let segment = self.segments[index]
      let row = Matrix<Double>(uninitialisedRows: 1, columns: self.width)
      let unit = units.row(segment.centre)
      let centre = self.centres.row(segment.centre)
      // What a row of zeros, stored as the deviation -centre, may be off by: the rounding of its features' sums in T.
      let length = centre.reduce(0) { $0 + $1 * $1 }.squareRoot()
      let rounding = 8 * Double(T.ulpOfOne) * Double(self.width).squareRoot() * length
      for i in segment.rows {
        self.read(row: i, centre: segment.centre, into: row.buffer)
        divideByNorm(row.buffer, zeroBelow: rounding)
        let target = result.row(i)
        for k in target.indices { target[k] = T(row.pointer[k] - unit[k]) }
      }
    }
    return (result, units)
  }
}
