import CMPI

extension Communicator {
  /// *Local, blocking.* Sends the elements to a rank that receives them under the same tag (0 to 32767). They may be reused
  /// on return.
  ///
  /// The corresponding C function is `MPI_Send`.
  @inlinable public func send<T: MPIElement>(_ buffer: UnsafeBufferPointer<T>, to peer: Int, tag: Int32) throws {
    try send(UnsafeRawPointer(buffer.baseAddress), count: buffer.count, T.datatype, to: peer, tag: tag)
  }

  /// *Local, blocking.* Sends an array's elements.
  ///
  /// The corresponding C function is `MPI_Send`.
  @inlinable public func send<T: MPIElement>(_ values: [T], to peer: Int, tag: Int32) throws {
    try values.withUnsafeBufferPointer { try send($0, to: peer, tag: tag) }
  }

  /// *Local, blocking.* Receives exactly as many elements as the buffer holds: a message of another length is an error.
  ///
  /// The corresponding C function is `MPI_Recv`.
  @inlinable public func receive<T: MPIElement>(
    _ buffer: UnsafeMutableBufferPointer<T>, from peer: Int, tag: Int32
  ) throws {
    try receive(UnsafeMutableRawPointer(buffer.baseAddress), count: buffer.count, T.datatype, from: peer, tag: tag)
  }

  /// *Local, blocking.* Receives exactly as many elements as the array holds.
  ///
  /// The corresponding C function is `MPI_Recv`.
  @inlinable public func receive<T: MPIElement>(_ values: inout [T], from peer: Int, tag: Int32) throws {
    try values.withUnsafeMutableBufferPointer { try receive($0, from: peer, tag: tag) }
  }

  /// *Local.* Starts to send. The memory must stay as it is until the request has been waited for.
  ///
  /// The corresponding C function is `MPI_Isend`.
  @inlinable public func startSend<T: MPIElement>(
    _ buffer: UnsafeBufferPointer<T>, to peer: Int, tag: Int32
  ) throws -> Request {
    try startSend(UnsafeRawPointer(buffer.baseAddress), count: buffer.count, T.datatype, to: peer, tag: tag)
  }

  /// *Local.* Starts to receive exactly as many elements as the buffer holds. The memory is MPI's until the request has been
  /// waited for.
  ///
  /// The corresponding C function is `MPI_Irecv`.
  @inlinable public func startReceive<T: MPIElement>(
    _ buffer: UnsafeMutableBufferPointer<T>, from peer: Int, tag: Int32
  ) throws -> Request {
    try startReceive(
      UnsafeMutableRawPointer(buffer.baseAddress), count: buffer.count, T.datatype, from: peer, tag: tag)
  }
}

// MARK: - Without the element's type

extension Communicator {
  @usableFromInline func send(
    _ memory: UnsafeRawPointer?, count: Int, _ type: Datatype, to peer: Int, tag: Int32
  ) throws {
    try type.describing(count: count, limit: countLimit) { count, type in
      try waiting("MPI_Send") {
        MPI_Send(memory, count, type.value, Int32(peer), tag, handle.value)
      } _: {
        MPI_Isend(memory, count, type.value, Int32(peer), tag, handle.value, &$0.value)
      }
    }
  }

  @usableFromInline func receive(
    _ memory: UnsafeMutableRawPointer?, count: Int, _ type: Datatype, from peer: Int, tag: Int32
  ) throws {
    var status = MPI_Status()
    try type.describing(count: count, limit: countLimit) { count, type in
      try withUnsafeMutablePointer(to: &status) { status in
        try waiting("MPI_Recv", reporting: status) {
          MPI_Recv(memory, count, type.value, Int32(peer), tag, handle.value, status)
        } _: {
          MPI_Irecv(memory, count, type.value, Int32(peer), tag, handle.value, &$0.value)
        }
      }
    }
    try checkLength(&status, expected: count * type.stride, "MPI_Recv")
  }

  @usableFromInline func startSend(
    _ memory: UnsafeRawPointer?, count: Int, _ type: Datatype, to peer: Int, tag: Int32
  ) throws -> Request {
    var request = deeprfm_request_null()
    try type.describing(count: count, limit: countLimit) { count, type in
      try check(MPI_Isend(memory, count, type.value, Int32(peer), tag, handle.value, &request.value), "MPI_Isend")
    }
    return Request(handle: request, expected: nil)
  }

  @usableFromInline func startReceive(
    _ memory: UnsafeMutableRawPointer?, count: Int, _ type: Datatype, from peer: Int, tag: Int32
  ) throws -> Request {
    var request = deeprfm_request_null()
    try type.describing(count: count, limit: countLimit) { count, type in
      try check(MPI_Irecv(memory, count, type.value, Int32(peer), tag, handle.value, &request.value), "MPI_Irecv")
    }
    return Request(handle: request, expected: count * type.stride)
  }
}

/// *Local.* Throws if a message was shorter than the memory set aside for it. (Of one that is longer, MPI complains itself.)
///
/// The corresponding C function is `MPI_Get_elements_x`.
func checkLength(_ status: inout MPI_Status, expected: Int, _ function: String) throws {
  var arrived: MPI_Count = 0
  try check(MPI_Get_elements_x(&status, deeprfm_type_uint8().value, &arrived), "MPI_Get_elements_x")
  guard Int(arrived) == expected else {
    throw MPIError(
      code: 0, function: function,
      message: "a message from rank \(status.MPI_SOURCE) has \(arrived) bytes where \(expected) were expected")
  }
}
