import CMPI

/// How the ranks' values become one.
@usableFromInline enum Reduction {
  case sum, maximum, minimum

  var handle: DeepRFMOp {
    switch self {
    case .sum: deeprfm_op_sum()
    case .maximum: deeprfm_op_maximum()
    case .minimum: deeprfm_op_minimum()
    }
  }
}

extension Communicator {
  /// *Collective.* Replaces each element by its sum over the ranks. Every rank gets the same bits, and the same ranks get
  /// the same bits again.
  ///
  /// The corresponding C function is `MPI_Allreduce`.
  @inlinable public func sum<T: MPIElement>(_ buffer: UnsafeMutableBufferPointer<T>) throws {
    try reduce(.sum, buffer)
  }

  /// *Collective.* Replaces each element by its sum over the ranks.
  ///
  /// The corresponding C function is `MPI_Allreduce`.
  @inlinable public func sum<T: MPIElement>(_ values: inout [T]) throws {
    try values.withUnsafeMutableBufferPointer { try reduce(.sum, $0) }
  }

  /// *Collective.* The sum of the ranks' values.
  ///
  /// The corresponding C function is `MPI_Allreduce`.
  @inlinable public func sum<T: MPIElement>(_ value: T) throws -> T {
    try reduced(.sum, value)
  }

  /// *Collective.* Replaces each element by its largest over the ranks.
  ///
  /// The corresponding C function is `MPI_Allreduce`.
  @inlinable func maximum<T: MPIElement>(_ buffer: UnsafeMutableBufferPointer<T>) throws {
    try reduce(.maximum, buffer)
  }

  /// *Collective.* Replaces each element by its largest over the ranks.
  ///
  /// The corresponding C function is `MPI_Allreduce`.
  @inlinable public func maximum<T: MPIElement>(_ values: inout [T]) throws {
    try values.withUnsafeMutableBufferPointer { try reduce(.maximum, $0) }
  }

  /// *Collective.* The largest of the ranks' values.
  ///
  /// The corresponding C function is `MPI_Allreduce`.
  @inlinable public func maximum<T: MPIElement>(_ value: T) throws -> T {
    try reduced(.maximum, value)
  }

  /// *Collective.* Replaces each element by its smallest over the ranks.
  ///
  /// The corresponding C function is `MPI_Allreduce`.
  @inlinable public func minimum<T: MPIElement>(_ buffer: UnsafeMutableBufferPointer<T>) throws {
    try reduce(.minimum, buffer)
  }

  /// *Collective.* Replaces each element by its smallest over the ranks.
  ///
  /// The corresponding C function is `MPI_Allreduce`.
  @inlinable func minimum<T: MPIElement>(_ values: inout [T]) throws {
    try values.withUnsafeMutableBufferPointer { try reduce(.minimum, $0) }
  }

  /// *Collective.* The smallest of the ranks' values.
  ///
  /// The corresponding C function is `MPI_Allreduce`.
  @inlinable public func minimum<T: MPIElement>(_ value: T) throws -> T {
    try reduced(.minimum, value)
  }

  @inlinable func reduce<T: MPIElement>(_ reduction: Reduction, _ buffer: UnsafeMutableBufferPointer<T>) throws {
    try reduce(reduction, UnsafeMutableRawPointer(buffer.baseAddress), count: buffer.count, T.datatype)
  }

  @inlinable func reduced<T: MPIElement>(_ reduction: Reduction, _ value: T) throws -> T {
    var result = value
    try withUnsafeMutablePointer(to: &result) {
      try reduce(reduction, UnsafeMutableBufferPointer(start: $0, count: 1))
    }
    return result
  }

  /// *Collective.* In place, `countLimit` elements a call: MPI's operators do not know derived types.
  ///
  /// The corresponding C function is `MPI_Allreduce`.
  @usableFromInline func reduce(
    _ reduction: Reduction, _ memory: UnsafeMutableRawPointer?, count: Int, _ type: Datatype
  ) throws {
    var done = 0
    while done < count {
      let part = min(countLimit, count - done)
      let start = memory?.advanced(by: done * type.stride)
      let (type, operation) = (type.handle.value, reduction.handle.value)
      try waiting("MPI_Allreduce") {
        MPI_Allreduce(deeprfm_in_place(), start, Int32(part), type, operation, handle.value)
      } _: {
        MPI_Iallreduce(deeprfm_in_place(), start, Int32(part), type, operation, handle.value, &$0.value)
      }
      done += part
    }
  }
}
