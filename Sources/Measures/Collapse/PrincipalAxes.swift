import LinearAlgebra
import Runtime

/// The directions in which the class means differ: eigenvectors of S_B = (1/K) sum (m_c - m_G)(m_c - m_G)^T.
struct PrincipalAxes: Sendable {
  /// The min(K - 1, d) largest eigenvalues, descending; the first only where there is any.
  let eigenvalues: [Double]
  /// Row k is the unit eigenvector of eigenvalues[k]; (eigenvalues x width).
  let vectors: Matrix<Double>

  /// *Collective.* From a singular value decomposition of the K means on rank 0, whose small values keep twice the digits that they have in
  /// a matrix of products; d x d is not needed.
  init(of deviations: Matrix<Double>, context: Context) throws {
    let world = context.world
    let (classes, width) = (deviations.rows, deviations.columns)
    let count = min(classes - 1, width)
    let vectors = Matrix<Double>(rows: max(0, count), columns: width)
    var values = try world.together {
      guard world.rank == 0, count > 0 else { return [Double](repeating: 0, count: max(0, count)) }
      let decomposition = try context.pool.withThreadedLAPACK(order: min(classes, width)) {
        try SingularValues(of: deviations)
      }
      for k in 0..<count { _ = vectors.row(k).update(from: decomposition.rightVectors.row(k)) }
      return decomposition.values.prefix(count).map { $0 * $0 / Double(classes) }
    }
    try context.communicating {
      try world.broadcast(&values, from: 0)
      try world.broadcast(vectors.buffer, from: 0)
    }
    (eigenvalues, self.vectors) = (values, vectors)
  }

  /// Whether the smallest counts: where it is no more than rounding of the largest, so would be what is divided by it.
  func isRegular(classes: Int) -> Bool {
    guard let largest = eigenvalues.first, let smallest = eigenvalues.last else { return false }
    return smallest > 0 && smallest >= Double(classes) * Double.ulpOfOne * largest
  }
}
