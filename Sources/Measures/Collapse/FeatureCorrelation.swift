import Files
import LinearAlgebra
import Runtime

/// The neural feature ansatz (Radhakrishnan, Beaglehole, Pandit, Belkin 2024; arXiv 2402.13728, section 3): Pearson's correlation of the
/// entries of W^T W with those of the AGOP M of W's input, and with those of M^(1/2).
public struct FeatureCorrelation: Sendable, Equatable {
  /// With M; not a number where the entries of one are all the same.
  public let agop: Double
  /// With M^(1/2).
  public let root: Double

  init(agop: Double, root: Double) { (self.agop, self.root) = (agop, root) }

  /// *Collective.* Rank 0 works: d x d is there once.
  /// - Parameters:
  ///   - weights: W, (outputs x d); rank 0's.
  ///   - agop: M, (d x d), of any scale; rank 0's, nil elsewhere.
  public init(of weights: Matrix<Double>, with agop: Matrix<Double>?, context: Context) throws {
    let (world, pool) = (context.world, context.pool)
    var found = try world.together {
      guard let agop, world.rank == 0 else { return [Double.nan, .nan] }
      let products = Matrix<Double>(rows: weights.columns, columns: weights.columns)
      pool.addGram(of: weights.view, beta: 0, intoLower: products.view)  // W^T W
      let root = try symmetricRoot(agop, pool: pool)
      return [Self.correlation(products, agop), Self.correlation(products, root)]
    }
    try context.communicating { try world.broadcast(&found, from: 0) }
    (self.agop, root) = (found[0], found[1])
  }

  /// Pearson's correlation over all entries of two symmetric matrices, whose lower triangles are read. *Local.*
  static func correlation(_ a: Matrix<Double>, _ b: Matrix<Double>) -> Double {
    let n = a.rows
    func sum(_ entry: (_ i: Int, _ j: Int) -> Double) -> Double {
      var total = 0.0
      for i in 0..<n {
        var row = 0.0
        for j in 0..<i { row += entry(i, j) }
        total += 2 * row + entry(i, i)
      }
      return total
    }
    let entries = Double(n * n)
    let (meanA, meanB) = (sum { a[$0, $1] } / entries, sum { b[$0, $1] } / entries)
    let product = sum { (a[$0, $1] - meanA) * (b[$0, $1] - meanB) }
    let squareA = sum { (a[$0, $1] - meanA) * (a[$0, $1] - meanA) }
    let squareB = sum { (b[$0, $1] - meanB) * (b[$0, $1] - meanB) }
    // By the roots: the product of the squares may overflow.
    return product / squareA.squareRoot() / squareB.squareRoot()
  }
}

/// *Collective.* The average gradient outer product of all ranks' gradients, sum of g g^T, (d x d) on rank 0, nil elsewhere. Correlations do
/// not feel what it is divided by.
/// - Parameter gradients: this rank's rows, each the gradient of one output at one sample.
public func gradientOuterProduct<Source: RowSource>(of gradients: Source, context: Context) throws -> Matrix<Double>? {
  let width = gradients.width
  let parts = (0..<context.pool.count).map { _ in Matrix<Double>(rows: width, columns: width) }
  try context.world.together {
    try context.pool.forEachBlock(of: gradients) { _, values, worker in
      addGram(of: values, intoLower: parts[worker].view)  // M <- M + g^T g
    }
  }
  let sum = parts.summed
  try context.communicating { try context.world.sum(sum.buffer) }
  guard context.world.rank == 0 else { return nil }
  mirrorLower(sum.view)
  return sum
}
