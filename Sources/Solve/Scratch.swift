import LinearAlgebra

/// Memory for small matrices that are made again and again; it grows to the largest. Each takes the place of the one before.
final class Scratch: @unchecked Sendable {
  private var memory = Matrix<Double>(rows: 0, columns: 0)

  /// *Local.* Not cleared.
  func matrix(rows: Int, columns: Int) -> Matrix<Double> {
    if memory.count < rows * columns { memory = Matrix(uninitialisedRows: rows, columns: columns) }
    return Matrix(rows: rows, columns: columns, sharing: memory)
  }

  /// *Local.* Zeros.
  func zeros(rows: Int, columns: Int) -> Matrix<Double> {
    let matrix = matrix(rows: rows, columns: columns)
    matrix.view.fill(0)
    return matrix
  }
}
