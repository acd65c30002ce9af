import LinearAlgebra
import Measures

extension DebugProblem {
  /// R, the root of the AGOP over its largest entry: R R against the AGOP, symmetry, and no negative eigenvalue.
  public func checkRoot(
    of agop: Matrix<Double>,
    reference: (Matrix<Double>, Matrix<Double>) -> Matrix<Double> = Reference.product
  ) throws -> [Check] {
    let r = try symmetricRoot(agop, pool: training.context.pool)
    let transposed = Matrix<Double>(rows: d, columns: d)
    transposed.fill { r[$1, $0] }
    let eigenvalues = try SymmetricEigen(of: r).values
    let (lowest, highest) = (eigenvalues.first ?? 0, eigenvalues.last ?? 0)
    return [
      Check("root: R R against the AGOP", error: relativeError(reference(r, r), agop), bound: 1e-12),
      Check("root: R against its transpose", error: relativeError(r, transposed), bound: 0),
      Check(
        "root: negative eigenvalues", error: lowest < 0 ? -lowest / max(highest, -lowest) : 0,
        bound: 1e-13),
    ]
  }
}
