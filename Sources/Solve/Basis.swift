import LinearAlgebra

/// S with S^T C S = 1 for a symmetric positive semidefinite C: combinations of what C is the Gram matrix of that are orthonormal in
/// it. Columns that depend on others are left out.
struct Basis {
  /// (width x width); its last columns are 0 where C has a lower rank.
  let matrix: Matrix<Double>
  /// Columns that are not 0, the first ones.
  let rank: Int

  init(_ matrix: Matrix<Double>, rank: Int) {
    self.matrix = matrix
    self.rank = rank
  }

  /// *Local.* nil where no direction is left, since C is not positive.
  /// - Parameters:
  ///   - active: rows and columns of C to be used.
  ///   - dependent: smallest square of what is left of a unit vector.
  init?(of c: Matrix<Double>, among active: [Bool], dependent: Double) {
    let width = c.columns
    let scale = (0..<width).map { active[$0] && c[$0, $0] > 0 ? 1 / c[$0, $0].squareRoot() : 0 }
    let unit = Matrix<Double>(rows: width, columns: width)
    // Rounding has made C a little unsymmetric.
    for i in 0..<width where scale[i].isFinite && scale[i] > 0 {
      for j in 0..<width where scale[j].isFinite && scale[j] > 0 {
        unit[i, j] = (c[i, j] + c[j, i]) / 2 * scale[i] * scale[j]
      }
    }
    guard unit.buffer.allSatisfy(\.isFinite) else { return nil }
    let cholesky = PivotedCholesky(of: unit, tolerance: dependent)
    guard cholesky.rank > 0 else { return nil }
    let inverse = Matrix<Double>(rows: cholesky.rank, columns: cholesky.rank)
    for i in 0..<cholesky.rank { inverse[i, i] = 1 }
    solveRightTransposed(cholesky.factor, rows: inverse.view)
    matrix = Matrix(rows: width, columns: width)
    for i in 0..<cholesky.rank {
      let row = cholesky.order[i]
      for j in i..<cholesky.rank { matrix[row, j] = scale[row] * inverse[i, j] }
    }
    rank = cholesky.rank
  }
}
