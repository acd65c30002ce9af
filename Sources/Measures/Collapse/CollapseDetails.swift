import LinearAlgebra
import Runtime

/// What a page shows beside the measures; rank 0's.
public struct CollapseDetails: Sendable {
  /// Two classes whose means are near each other.
  public struct Pair: Sendable, Equatable {
    public let first, second: Int
    /// |m_a - m_b|
    public let distance: Double
    /// (v_a + v_b) / (2 |m_a - m_b|^2)
    public let variance: Double
  }

  /// Of the classes that have rows.
  public let names: [String]
  public let counts: [Int]
  /// |m_c - m_G|
  public let norms: [Double]
  /// v_c, mean over a class's rows of |x - m_c|^2.
  public let variances: [Double]
  /// Cosines between m_c - m_G of the first `shown` classes; (shown x shown), row by row.
  public let cosines: [Float]
  public let shown: Int
  /// The nearest first.
  public let nearest: [Pair]
  /// Eigenvalues of S_B that are not 0 by definition, largest first.
  public let between: [Double]
  /// Of S_W; empty where the rows are too wide for a matrix of their square.
  public let within: [Double]

  /// Classes of the picture; pairs of the list; features for which S_W is made.
  static let mostShown = 200
  static let mostPairs = 20
  public static let widest = 4096

  /// *Collective.* Reads the rows once more, for the spectrum of S_W.
  public init<Source: RowSource>(
    of source: Source, labels: [Int], _ moments: ClassMoments, names: [String], context: Context
  ) throws {
    let deviations = moments.deviations
    self.names = names
    counts = moments.counts
    norms = (0..<deviations.rows).map {
      squaredNorm(deviations.pointer + $0 * deviations.columns, deviations.columns).squareRoot()
    }
    variances = zip(moments.scatter, moments.counts).map { $0 / Double($1) }
    shown = min(Self.mostShown, deviations.rows)
    cosines = Measures.cosines(deviations.rows(at: Array(0..<shown))).values
    nearest = Self.nearestPairs(deviations, norms, variances)
    between = try PrincipalAxes(of: deviations, context: context).eigenvalues
    within = try Self.withinSpectrum(of: source, labels: labels, moments, context)
  }

  /// The nearest partner of each class, the nearest pairs first.
  private static func nearestPairs(_ deviations: Matrix<Double>, _ norms: [Double], _ variances: [Double]) -> [Pair] {
    var pairs: [Pair] = []
    let row = Matrix<Double>(uninitialisedRows: 1, columns: max(1, deviations.rows))
    for a in 0..<deviations.rows {
      let products = row.reshaped(rows: 1, columns: deviations.rows)
      multiply(deviations.rows(a..<a + 1), deviations.view, transposeB: true, into: products)
      var best = (square: Double.infinity, other: -1)
      for b in 0..<deviations.rows where b != a {
        let square = MeanGeometry.squaredDistance(a, b, products[0, b], norms, deviations)
        if square < best.square { best = (square, b) }
      }
      guard best.other >= 0, !(best.other < a && pairs.contains { $0.first == best.other && $0.second == a }) else {
        continue
      }
      pairs.append(
        Pair(
          first: a, second: best.other, distance: best.square.squareRoot(),
          variance: (variances[a] + variances[best.other]) / (2 * best.square)))
    }
    return Array(pairs.sorted { $0.distance < $1.distance }.prefix(mostPairs))
  }

  private static func withinSpectrum<Source: RowSource>(
    of source: Source, labels: [Int], _ moments: ClassMoments, _ context: Context
  ) throws -> [Double] {
    let (width, world) = (moments.width, context.world)
    guard width <= widest else { return [] }
    let points = moments.points
    let parts = (0..<context.pool.count).map { _ in Matrix<Double>(rows: width, columns: width) }
    try world.together {
      try context.pool.forEachBlock(of: source) { rows, values, worker in
        for (place, i) in rows.enumerated() {
          let row = values.row(place)
          if labels[i] < 0 {
            row.update(repeating: 0)
          } else {
            for k in row.indices { row[k] -= points.points[labels[i], k] }
          }
        }
        addGram(of: values, intoLower: parts[worker].view)  // S_W <- S_W + z z^T
      }
    }
    let sum = parts.summed
    try context.communicating { try world.sum(sum.buffer) }
    let values = try world.together {
      guard world.rank == 0 else { return [Double]() }
      for k in 0..<sum.count { sum.pointer[k] /= Double(moments.sampleCount) }
      guard sum.buffer.allSatisfy(\.isFinite) else { return [] }
      return try context.pool.withThreadedLAPACK(order: width) { try SymmetricEigen(of: sum).values }
    }
    return values.reversed().map { max(0, $0) }
  }
}
