import LinearAlgebra

/// The distances |x_i - x_j|, i < j, of some rows that come a few features at a time. *Local.*
public struct PairDistances {
  /// x x^T so far, lower half; (rows x rows).
  private let products: Matrix<Double>

  public init(rows: Int) { products = Matrix(rows: rows, columns: rows) }

  /// Bytes of the sums, and of the distances beside them.
  public static func bytes(rows: Int) -> Int { 16 * rows * rows }

  /// Some more features of all rows, (rows x features). Their means are taken off: it is the differences that keep digits then.
  public func add(_ features: Matrix<Double>, _ pool: ThreadPool) {
    for k in 0..<features.columns {
      let mean = (0..<features.rows).reduce(0) { $0 + features[$1, k] } / Double(max(1, features.rows))
      for i in 0..<features.rows { features[i, k] -= mean }
    }
    pool.addOuterGram(of: features.view, intoLower: products.view)
  }

  /// The median over pairs, or their mean where the median is below a tenth of it; nil if there is no distance above 0.
  public var typical: (distance: Double, isMean: Bool)? {
    var distances: [Double] = []
    distances.reserveCapacity(products.rows * max(0, products.rows - 1) / 2)
    for i in 0..<products.rows {
      for j in 0..<i {
        distances.append(max(0, products[i, i] + products[j, j] - 2 * products[i, j]).squareRoot())
      }
    }
    let mean = distances.reduce(0, +) / Double(max(1, distances.count))
    guard mean > 0 else { return nil }
    distances.sort()
    let middle = distances.count / 2
    let median =
      distances.count % 2 == 1 ? distances[middle] : (distances[middle - 1] + distances[middle]) / 2
    return median < mean / 10 ? (mean, true) : (median, false)
  }
}
