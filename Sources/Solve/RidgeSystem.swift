import LinearAlgebra

/// A symmetric positive definite system spread over ranks by rows, as the solver sees it.
public struct RidgeSystem {
  /// *Collective.* y = (K + ridge I) x in the working precision.
  let apply: (_ x: Matrix<Double>, _ y: Matrix<Double>) throws -> Void
  /// *Collective.* The same, accumulated in double precision.
  public let applyExactly: (_ x: Matrix<Double>, _ y: Matrix<Double>) throws -> Void
  /// *Collective.* z = P^-1 r.
  let precondition: (_ r: Matrix<Double>, _ z: Matrix<Double>) throws -> Void
  /// *Collective.* Sums over ranks.
  public let sum: (inout [Double]) throws -> Void
  /// *Collective.* Makes every rank's numbers rank 0's. MPI only recommends that a reduction gives all ranks the same bits, and factorizations
  /// need not on unlike processors: rank 0 decides for all.
  public let agree: (inout [Double]) throws -> Void

  public init(
    apply: @escaping (_ x: Matrix<Double>, _ y: Matrix<Double>) throws -> Void,
    applyExactly: @escaping (_ x: Matrix<Double>, _ y: Matrix<Double>) throws -> Void,
    precondition: @escaping (_ r: Matrix<Double>, _ z: Matrix<Double>) throws -> Void,
    sum: @escaping (inout [Double]) throws -> Void, agree: @escaping (inout [Double]) throws -> Void = { _ in }
  ) {
    self.apply = apply
    self.applyExactly = applyExactly
    self.precondition = precondition
    self.sum = sum
    self.agree = agree
  }
}
