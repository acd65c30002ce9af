import CMPI

extension Communicator {
  /// *Collective.* Starts to replace each element by its sum over the ranks; all ranks start their sums in the same order. The memory is
  /// MPI's until the group's requests have been waited for. Every rank gets the same bits, and the same ranks get the same bits again.
  ///
  /// The corresponding C function is `MPI_Iallreduce`.
  @inlinable public func startSum<T: MPIElement>(_ buffer: UnsafeMutableBufferPointer<T>, in group: RequestGroup) throws
  {
    try startSum(UnsafeMutableRawPointer(buffer.baseAddress), count: buffer.count, T.datatype, in: group)
  }

  /// `countLimit` elements a call: MPI's operators do not know derived types.
  @usableFromInline func startSum(
    _ memory: UnsafeMutableRawPointer?, count: Int, _ type: Datatype, in group: RequestGroup
  ) throws {
    var done = 0
    while done < count {
      let part = min(countLimit, count - done)
      var request = deeprfm_request_null()
      try check(
        MPI_Iallreduce(
          deeprfm_in_place(), memory?.advanced(by: done * type.stride), Int32(part), type.handle.value,
          Reduction.sum.handle.value, handle.value, &request.value), "MPI_Iallreduce")
      group.add(Request(handle: request, expected: nil))
      done += part
    }
  }
}
