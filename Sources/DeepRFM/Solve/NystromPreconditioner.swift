import LinearAlgebra
import MPI

/// The Nystrom preconditioner of K + ridge I from a partial Cholesky factor K ~ F F^T = U diag(lambda) U^T:
/// P^-1 = I + U diag((lambda_r + ridge) / (lambda + ridge) - 1) U^T (Frangella, Tropp, Udell, arXiv 2110.02820; Diaz, Epperly,
/// Frangella, Tropp, Webber, arXiv 2304.12465).
package struct NystromPreconditioner {
  /// Eigenvectors; (own rows x rank).
  private let vectors: Matrix<Double>
  /// (lambda_r + ridge) / (lambda + ridge) - 1
  private let gains: [Double]
  private let world: Communicator
  private let team: ThreadTeam
  private let timer: PhaseTimer

  package var rank: Int { gains.count }

  /// *Collective.* At most `limit` columns; fewer where K is numerically of lower rank.
  package init<T: Real>(
    of k: KernelOperator<T>, ridge: Double, limit: Int, random: RandomStream, progress: (Double) -> Void = { _ in }
  ) throws {
    world = k.world
    team = k.team
    timer = k.timer
    // With K - F F^T below the ridge the condition is below 2: more columns save nothing.
    let partial = try PartialCholesky(
      of: k, limit: min(limit, k.layout.sampleCount), enough: ridge, random: random, progress: progress)
    let factor = partial.factor.view.columns(0..<partial.rank)
    let gram = Matrix<Double>(rows: partial.rank, columns: partial.rank)
    team.withThreadedBLAS { addGram(of: factor, beta: 0, intoLower: gram.view) }
    try timer.measure(.communication) { try k.world.sum(gram.buffer) }
    let eigen = try team.withThreadedBLAS { try SymmetricEigen(of: gram) }
    // Eigenvalues below the rounding of F^T F are dropped.
    let floor = Double(partial.rank) * Double.ulpOfOne * (eigen.values.last ?? 0)
    let kept = eigen.values.indices.filter { eigen.values[$0] > floor }
    // lambda_r stands for what the columns leave out: nothing, where they stopped below the ridge.
    let isComplete = ridge > 0 && partial.residualTrace <= ridge
    let smallest = isComplete ? 0 : kept.first.map { eigen.values[$0] } ?? 0
    gains = kept.map { (smallest + ridge) / (eigen.values[$0] + ridge) - 1 }
    vectors = Matrix(uninitialisedRows: factor.rows, columns: kept.count)
    let weights = Matrix<Double>(uninitialisedRows: kept.count, columns: partial.rank)
    for (row, index) in kept.enumerated() {
      let scale = 1 / eigen.values[index].squareRoot()
      for c in 0..<partial.rank { weights[row, c] = scale * eigen.vectors[index, c] }
    }
    team.withThreadedBLAS { multiply(factor, weights.view, transposeB: true, into: vectors.view) }
  }

  /// *Collective.* z = P^-1 r.
  package func apply(_ r: Matrix<Double>, into z: Matrix<Double>) throws {
    z.pointer.update(from: r.pointer, count: r.count)
    let inner = Matrix<Double>(rows: rank, columns: r.columns)
    team.withThreadedBLAS { multiply(vectors.view, r.view, transposeA: true, into: inner.view) }
    try timer.measure(.communication) { try world.sum(inner.buffer) }
    for (row, gain) in gains.enumerated() { for c in 0..<inner.columns { inner[row, c] *= gain } }
    team.withThreadedBLAS { multiply(vectors.view, inner.view, beta: 1, into: z.view) }
  }
}
