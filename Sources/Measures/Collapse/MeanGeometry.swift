import LinearAlgebra
import Runtime

/// How the class means lie to each other: sums over pairs of D_c = m_c - m_G, in strips of the K x K products, which is never whole.
struct MeanGeometry: Sendable {
  /// |D_c|
  let norms: [Double]
  /// Mean over all entries of (cos - S)^2, S the simplex.
  private(set) var paper = Double.nan
  /// |G/|G|_F - (I - 11^T/K)/sqrt(K - 1)|_F, G the products D D^T.
  private(set) var frobenius = Double.nan
  /// Mean over c /= c' of |cos + 1/(K - 1)|.
  private(set) var cosineDeviation = Double.nan
  /// Standard deviation of those cosines.
  private(set) var cosineSpread = Double.nan
  /// Mean over pairs of (v_c + v_c') / (2 |m_c - m_c'|^2).
  private(set) var distanceNormalisedVariance = Double.nan

  /// *Local.* - Parameters:
  ///   - deviations: D; (K x d).
  ///   - variances: v_c.
  init(of deviations: Matrix<Double>, variances: [Double], pool: ThreadPool) {
    let classes = deviations.rows
    norms = (0..<classes).map {
      squaredNorm(deviations.pointer + $0 * deviations.columns, deviations.columns).squareRoot()
    }
    guard classes > 1 else { return }
    let (k, pairs) = (Double(classes), Double(classes * (classes - 1)))
    let (norms, simplex) = (self.norms, -1 / Double(classes - 1))
    let first = Self.sums(of: deviations, count: 3, pool) { a, b, product, sums in
      sums[0] += product * product
      guard a != b else { return }
      sums[1] += product / (norms[a] * norms[b])
      sums[2] += (variances[a] + variances[b]) / (2 * Self.squaredDistance(a, b, product, norms, deviations))
    }
    let (size, meanCosine) = (first[0].squareRoot(), first[1] / pairs)
    let root = (k - 1).squareRoot()
    let second = Self.sums(of: deviations, count: 4, pool) { a, b, product, sums in
      let wanted = ((a == b ? 1 : 0) - 1 / k) / root
      sums[1] += (product / size - wanted) * (product / size - wanted)
      // On the diagonal a mean's cosine with itself is 1, unless it has no direction.
      let cosine = a == b ? (norms[a] > 0 ? 1 : .nan) : product / (norms[a] * norms[b])
      sums[0] += (cosine - (a == b ? 1 : simplex)) * (cosine - (a == b ? 1 : simplex))
      guard a != b else { return }
      sums[2] += abs(cosine - simplex)
      sums[3] += (cosine - meanCosine) * (cosine - meanCosine)
    }
    (paper, frobenius) = (second[0] / (k * k), second[1].squareRoot())
    (cosineDeviation, cosineSpread) = (second[2] / pairs, (second[3] / pairs).squareRoot())
    distanceNormalisedVariance = first[2] / pairs
  }

  /// Standard deviation over mean of |D_c|.
  var normVariation: Double {
    let count = Double(norms.count)
    let mean = norms.reduce(0, +) / count
    return (norms.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / count).squareRoot() / mean
  }

  /// |D_a - D_b|^2: from the product, or where that would cancel, from the differences.
  static func squaredDistance(
    _ a: Int, _ b: Int, _ product: Double, _ norms: [Double], _ deviations: Matrix<Double>
  ) -> Double {
    let sum = norms[a] * norms[a] + norms[b] * norms[b]
    let distance = sum - 2 * product
    if distance > 1e-3 * sum { return distance }
    let (x, y) = (deviations.pointer + a * deviations.columns, deviations.pointer + b * deviations.columns)
    var square = 0.0
    for k in 0..<deviations.columns { square += (x[k] - y[k]) * (x[k] - y[k]) }
    return square
  }

  /// `count` sums over all ordered pairs (a, b) of `add(a, b, D_a . D_b, &sums)`; the same whatever the threads are.
  private static func sums(
    of deviations: Matrix<Double>, count: Int, _ pool: ThreadPool,
    _ add:
      @escaping @Sendable (_ a: Int, _ b: Int, _ product: Double, _ sums: UnsafeMutableBufferPointer<Double>) -> Void
  ) -> [Double] {
    let strips = (0..<deviations.rows).pieces(ofAtMost: 64)
    let parts = Matrix<Double>(rows: strips.count, columns: count)
    pool.forEachWhenFree(0..<strips.count) { index, _ in
      let products = Matrix<Double>(uninitialisedRows: strips[index].count, columns: deviations.rows)
      multiply(deviations.rows(strips[index]), deviations.view, transposeB: true, into: products.view)
      for (place, a) in strips[index].enumerated() {
        for b in 0..<deviations.rows { add(a, b, products[place, b], parts.row(index)) }
      }
    }
    return (0..<count).map { column in (0..<strips.count).reduce(0) { $0 + parts[$1, column] } }
  }
}

/// NC1 and NC2 as the code of arXiv 2402.13728 has them, of any centred class means. *Local.*
/// - Parameters:
///   - scatter: sum over all N rows of |x - m|^2.
///   - deviations: m_c - m_G; (K x width).
func paperMeasures(
  scatter: Double, samples: Int, deviations: Matrix<Double>, pool: ThreadPool
) -> (nc1: Double, nc2: Double) {
  let classes = deviations.rows
  let geometry = MeanGeometry(of: deviations, variances: [Double](repeating: 0, count: classes), pool: pool)
  let between = deviations.squaredSum / Double(classes)
  return (scatter / Double(classes * samples) / between, geometry.paper)
}
