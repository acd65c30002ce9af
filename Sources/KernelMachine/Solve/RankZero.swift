import LinearAlgebra

/// Reductions whose result decides something: every rank goes on with rank 0's copy. MPI only recommends that all ranks get the same bits,
/// and ranks that go separate ways wait for each other for ever.
extension KernelOperator {
  /// *Collective.* Sums over ranks, the same bits on all.
  func sumAlike(_ values: UnsafeMutableBufferPointer<Double>) throws {
    try sum(values)
    if world.size > 1 { try communicating { try world.broadcast(values, from: 0) } }
  }

  /// *Collective.* Sums over ranks, on each rank perhaps with bits of its own.
  func sum(_ values: UnsafeMutableBufferPointer<Double>) throws {
    try communicating { try world.sum(values) }
    ReductionFault.disturb?(values)
  }

  /// *Collective.* What rank 0 found takes the place of what this rank did. - Parameter values: as many on all ranks.
  func takeFromRankZero(_ values: inout [Double]) throws {
    guard world.size > 1 else { return }
    try communicating { try values.withUnsafeMutableBufferPointer { try world.broadcast($0, from: 0) } }
  }
}

/// A reduction that does not give all ranks the same bits, for tests.
package enum ReductionFault {
  /// Called with this rank's copy of each sum that decides something. Set by tests alone, between solves.
  nonisolated(unsafe) package static var disturb: ((UnsafeMutableBufferPointer<Double>) -> Void)?
}
