import KernelMachine
import LinearAlgebra
import Runtime

extension Rows {
  /// *Local.* This rank's rows, centre and deviation together, in double precision.
  public func assembled() -> Matrix<Double> {
    let x = Matrix<Double>(rows: rowCount, columns: width)
    for segment in segments {
      for i in segment.rows { read(row: i, centre: segment.centre, into: x.row(i)) }
    }
    return x
  }
}
