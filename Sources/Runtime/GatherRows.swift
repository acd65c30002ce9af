import LinearAlgebra
import MPI

extension Communicator {
  /// *Collective.* Calls `take` on rank 0 with every rank's elements, one rank after the other; `count` is how many a rank has. An error
  /// in `take` is thrown by all ranks.
  public func gather<Element: Real>(
    _ own: UnsafeBufferPointer<Element>, count: (_ rank: Int) -> Int,
    _ take: (UnsafeBufferPointer<Element>) throws -> Void
  ) throws {
    try together { if rank == 0 { try take(own) } }
    for sender in 1..<max(1, size) {
      let arrived = Matrix<Element>(uninitialisedRows: 1, columns: rank == 0 ? count(sender) : 0)
      if sender == rank { try send(own, to: 0, tag: MessageTag.gather.rawValue) }
      if rank == 0 { try receive(arrived.buffer, from: sender, tag: MessageTag.gather.rawValue) }
      try together { if rank == 0 { try take(UnsafeBufferPointer(arrived.buffer)) } }
    }
  }
}
