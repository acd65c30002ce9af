import LinearAlgebra

extension KernelOperator {
  /// K + ridge I whole, in double precision: for checking on one rank. *Local.*
  @specialized(where T == Float)
  @specialized(where T == Double)
  public func dense(ridge: Double) -> Matrix<Double> {
    let n = rows.rowCount
    let matrix = Matrix<Double>(rows: n, columns: n)
    forEachTile { _, tile, deviation in
      guard let deviation else { return }
      let constant = builder.constant(tile.rows.centre, tile.columns.centre)
      for (i, row) in tile.rows.rows.enumerated() {
        for (j, column) in tile.columns.rows.enumerated() {
          let value = constant + Double(deviation[i, j])
          matrix[row, column] = value
          matrix[column, row] = value
        }
      }
    }
    for i in 0..<n { matrix[i, i] += ridge }
    return matrix
  }

  /// *Local, one rank.* Solves W^1/2 K W^1/2 + ridge I by Cholesky in double precision. - Parameter weights: W by centre; nil: 1.
  func solveDensely(_ y: Matrix<Double>, ridge: Double, weights: [Double]? = nil) throws -> Matrix<Double> {
    precondition(world.size == 1, "the dense solver works on one rank")
    let matrix = dense(ridge: weights == nil ? ridge : 0)
    if let weights {
      let roots = rows.segments.flatMap { [Double](repeating: weights[$0.centre].squareRoot(), count: $0.rows.count) }
      for i in 0..<matrix.rows {
        for j in 0..<matrix.rows { matrix[i, j] *= roots[i] * roots[j] }
        matrix[i, i] += ridge
      }
    }
    // LAPACK takes right-hand sides one after the other.
    let sides = Matrix<Double>(uninitialisedRows: y.columns, columns: y.rows)
    for i in 0..<y.rows { for c in 0..<y.columns { sides[c, i] = y[i, c] } }
    try pool.withThreadedLAPACK(order: matrix.rows) {
      try factorizeCholesky(matrix.view)
      solveCholesky(matrix.view, rows: sides.view)
    }
    let solution = Matrix<Double>(uninitialisedRows: y.rows, columns: y.columns)
    for i in 0..<y.rows { for c in 0..<y.columns { solution[i, c] = sides[c, i] } }
    return solution
  }
}
