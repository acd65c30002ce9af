import CMPI

/// A group of ranks that talk to each other. It lives as long as the program.
///
/// Calls may come from any thread, one at a time.
///
/// The corresponding C type is `MPI_Comm`.
public struct Communicator: @unchecked Sendable {
  let handle: DeepRFMComm
  /// This process's number, from 0.
  public let rank: Int
  /// How many ranks there are.
  public let size: Int
  /// The most elements that one call to MPI may count. Tests lower it.
  public var countLimit = Int(Int32.max)

  init(_ handle: DeepRFMComm) throws {
    var rank: Int32 = 0
    var size: Int32 = 0
    try check(MPI_Comm_rank(handle.value, &rank), "MPI_Comm_rank")
    try check(MPI_Comm_size(handle.value, &size), "MPI_Comm_size")
    self.handle = handle
    self.rank = Int(rank)
    self.size = Int(size)
  }

  /// *Collective.* The ranks that give the same color become a group of their own, ordered by key, then by rank here.
  ///
  /// The corresponding C function is `MPI_Comm_split`.
  public func split(color: Int, key: Int) throws -> Communicator {
    guard let color = Int32(exactly: color), color >= 0, let key = Int32(exactly: key) else {
      misuse("a color is 0 or more and, like a key, fits 32 bits")
    }
    return try derived("MPI_Comm_split") { MPI_Comm_split(handle.value, color, key, &$0.value) }
  }

  /// *Collective.* The ranks that share this one's memory, in the order they have here.
  ///
  /// The corresponding C function is `MPI_Comm_split_type`.
  public func splitByNode() throws -> Communicator {
    let shared = Int32(MPI_COMM_TYPE_SHARED)
    return try derived("MPI_Comm_split_type") {
      MPI_Comm_split_type(handle.value, shared, Int32(rank), deeprfm_info_null(), &$0.value)
    }
  }

  /// *Collective.* The same ranks, whose messages never meet those sent here.
  ///
  /// The corresponding C function is `MPI_Comm_dup`.
  public func duplicate() throws -> Communicator {
    try derived("MPI_Comm_dup") { MPI_Comm_dup(handle.value, &$0.value) }
  }

  private func derived(_ function: String, _ make: (inout DeepRFMComm) -> Int32) throws -> Communicator {
    var made = deeprfm_comm_null()
    try check(make(&made), function)
    guard !deeprfm_comm_is_null(made) else { misuse("\(function) gave no communicator") }
    try check(MPI_Comm_set_errhandler(made.value, deeprfm_errors_return()), "MPI_Comm_set_errhandler")
    var communicator = try Communicator(made)
    communicator.countLimit = countLimit
    return communicator
  }
}
