import LinearAlgebra

/// The symmetric positive semidefinite root of M, eigenvalues below 0 taken as 0 (the paper's Algorithm 1). *Local.*
public func symmetricRoot(_ m: Matrix<Double>, pool: ThreadPool) throws -> Matrix<Double> {
  try symmetricRootAndSpectrum(m, pool: pool).root
}

/// Bytes that the root takes beside M: its eigenvectors with what makes them, later with the root.
public func symmetricRootBytes(order n: Int) -> Int { max(SymmetricEigen.bytes(order: n), 16 * n * n) }

/// The root, and the eigenvalues of M it was made from, largest first. *Local.*
/// - Parameter threads: that a large matrix's factorization may take; nil: the pool's.
public func symmetricRootAndSpectrum(
  _ m: Matrix<Double>, pool: ThreadPool, threads: Int? = nil
) throws -> (root: Matrix<Double>, spectrum: [Double]) {
  let eigen = try pool.withThreadedLAPACK(order: m.rows, threads: threads) { try SymmetricEigen(of: m) }
  // R = (V sqrt(sqrt(L))) (V sqrt(sqrt(L)))^T is symmetric to the last bit.
  let scaled = eigen.vectors
  for (i, value) in eigen.values.enumerated() {
    let weight = max(0, value).squareRoot().squareRoot()
    for k in 0..<scaled.columns { scaled[i, k] *= weight }
  }
  let root = Matrix<Double>(rows: m.rows, columns: m.rows)
  if let threads, threads > pool.count {
    pool.withThreadedLAPACK(order: m.rows, threads: threads) { addGram(of: scaled.view, beta: 0, intoLower: root.view) }
  } else {
    pool.addGram(of: scaled.view, beta: 0, intoLower: root.view)
  }
  mirrorLower(root.view)
  return (root, eigen.values.reversed())
}
