import LinearAlgebra
import Runtime
import Solve

/// The Nystrom preconditioner of K + ridge I from a partial Cholesky factor K ~ F F^T = U diag(lambda) U^T:
/// P^-1 = I + U diag((lambda_r + ridge) / (lambda + ridge) - 1) U^T (Frangella, Tropp, Udell, arXiv 2110.02820; Diaz, Epperly,
/// Frangella, Tropp, Webber, arXiv 2304.12465).
///
/// The eigenvectors are made in double. Those whose part of the residual is all but taken away, down to 1e-3 and less, stay so;
/// the others are multiplied in T, half the memory to read in float32, unless lambda_1's rounding in T would drown lambda_r +
/// ridge (ridge 0, collapsed: measured 27 iterations where double takes 10).
public struct NystromPreconditioner<T: Real> {
  /// (lambda_r + ridge) / (lambda + ridge) - 1, ascending in lambda.
  private let gains: [Double]
  /// The first eigenvectors, and the last: (own rows x a part of rank).
  private let gentle: TallFactor<T>
  private let stiff: TallFactor<Double>
  private let context: Context

  public var rank: Int { gains.count }

  /// What is left of a stiff direction.
  private static var stiffness: Double { 1e-3 }

  /// *Collective.* At most `limit` columns; fewer where K is numerically of lower rank. - Parameter weights: W by centre, of the
  /// preconditioner of W^1/2 K W^1/2; nil: 1.
  @specialized(where T == Float)
  @specialized(where T == Double)
  public init(
    of k: KernelOperator<T>, ridge: Double, limit: Int, weights: [Double]? = nil, random: RandomStream,
    progress: (Double) -> Void = { _ in }
  ) throws {
    context = k.context
    // With K - F F^T below the ridge the condition is below 2: more columns save nothing.
    let partial = try PartialCholesky(
      of: k, limit: min(limit, k.layout.sampleCount), enough: ridge, weights: weights, random: random,
      progress: progress)
    let factor = partial.factor.view.columns(0..<partial.rank)
    let gram = Matrix<Double>(rows: partial.rank, columns: partial.rank)
    k.pool.addGram(of: factor, beta: 0, intoLower: gram.view)
    try k.sumAlike(gram.buffer)
    let eigen = try Self.eigen(of: gram, k)
    // Eigenvalues below the rounding of F^T F are dropped.
    let largest = eigen.values.last ?? 0
    let floor = Double(partial.rank) * Double.ulpOfOne * largest
    let kept = eigen.values.indices.filter { eigen.values[$0] > floor }
    // lambda_r stands for what the columns leave out: nothing, where they stopped below the ridge.
    let isComplete = ridge > 0 && partial.residualTrace <= ridge
    // What is left of the largest direction is the difference of numbers near 1, and must be more than their rounding: with less of it
    // P^-1 is not positive definite.
    let least = max(64, Double(partial.rank)) * Double.ulpOfOne * largest
    let smallest = max(isComplete ? 0 : kept.first.map { eigen.values[$0] } ?? 0, least - ridge)
    let left = kept.map { (smallest + ridge) / (eigen.values[$0] + ridge) }
    gains = left.map { $0 - 1 }
    // An eigenvector's rounding lies along the largest ones too, where K enlarges it: it must stay below what is left.
    let rounding = Double(T.ulpOfOne) * largest
    let bearable = rounding <= 0.1 * (smallest + ridge)
    let split = bearable ? left.firstIndex { $0 < Self.stiffness } ?? left.count : 0
    gentle = TallFactor(rows: factor.rows, columns: split, pool: k.pool)
    stiff = TallFactor(rows: factor.rows, columns: kept.count - split, pool: k.pool)
    let weights = Matrix<Double>(uninitialisedRows: kept.count, columns: partial.rank)
    for (row, index) in kept.enumerated() {
      let scale = 1 / eigen.values[index].squareRoot()
      for c in 0..<partial.rank { weights[row, c] = scale * eigen.vectors[index, c] }
    }
    fill(factor, weights, k.pool)
  }

  /// *Collective.* Eigenvalues, ascending, and eigenvectors as rows, of which rank 0's stand for all.
  private static func eigen(
    of gram: Matrix<Double>, _ k: KernelOperator<T>
  ) throws -> (values: [Double], vectors: Matrix<Double>) {
    let order = gram.rows
    var found = [Double](repeating: 0, count: 1 + order + gram.count)
    if k.world.rank == 0 {
      do {
        let eigen = try k.pool.withThreadedLAPACK(order: order) { try SymmetricEigen(of: gram) }
        found = [0] + eigen.values + eigen.vectors.values
      } catch FactorizationError.eigenvaluesDidNotConverge(let info) {
        found[0] = Double(info)
      }
    }
    try k.takeFromRankZero(&found)
    if found[0] != 0 { throw FactorizationError.eigenvaluesDidNotConverge(info: Int(found[0])) }
    return (Array(found[1...].prefix(order)), Matrix(rows: order, columns: order, found[(1 + order)...]))
  }

  /// U = F weights^T, a few rows at a time.
  private func fill(_ factor: MatrixView<Double>, _ weights: Matrix<Double>, _ pool: ThreadPool) {
    let (gentle, stiff) = (self.gentle, self.stiff)
    let parts = (0..<factor.rows).pieces(ofAtMost: 256)
    pool.forEach(0..<parts.count) { index, _ in
      let batch = Matrix<Double>(uninitialisedRows: parts[index].count, columns: weights.rows)
      multiply(factor.rows(parts[index]), weights.view, transposeB: true, into: batch.view)
      gentle.set(parts[index], batch.view.columns(0..<gentle.columns))
      stiff.set(parts[index], batch.view.columns(gentle.columns..<batch.columns))
    }
  }

  /// *Collective.* z = P^-1 r.
  @specialized(where T == Float)
  @specialized(where T == Double)
  public func apply(_ r: Matrix<Double>, into z: Matrix<Double>) throws {
    z.pointer.update(from: r.pointer, count: r.count)
    let inner = Matrix<Double>(uninitialisedRows: rank, columns: r.columns)
    gentle.multiplyTransposed(r, into: inner.rows(0..<gentle.columns))
    stiff.multiplyTransposed(r, into: inner.rows(gentle.columns..<rank))
    try context.communicating { try context.world.sum(inner.buffer) }
    for (row, gain) in gains.enumerated() { for c in 0..<inner.columns { inner[row, c] *= gain } }
    gentle.addProduct(inner.rows(0..<gentle.columns), to: z)
    stiff.addProduct(inner.rows(gentle.columns..<rank), to: z)
  }
}
