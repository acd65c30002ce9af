import KernelMachine
import LinearAlgebra

extension GroupedRows {
  /// *Local.* The rows, centres and all, in the order that they had before they were grouped; (own rows x width).
  func inOrder() -> Matrix<Double> {
    let result = Matrix<Double>(uninitialisedRows: rows.rowCount, columns: rows.width)
    for segment in rows.segments {
      for i in segment.rows { rows.read(row: i, centre: segment.centre, into: result.row(order[i])) }
    }
    return result
  }
}
