import CMPI
import Glibc

/// *Collective.* Starts MPI, gives `body` all ranks, and ends MPI. Without `mpirun` the program is one rank.
///
/// MPI calls may come from any thread, one at a time. Every failing call throws (`MPI_ERRORS_RETURN`).
///
/// If `body` throws on every rank (see `together`), one of them tells of it, and MPI ends in order. If it throws on this rank alone,
/// the others will never arrive at the end: after a short wait it tells of the error, which is thrown with MPI still running, and the
/// caller's exit with a non-zero status ends them all.
///
/// - Parameter tell: says to the user what went wrong, while MPI still runs: once a rank has ended with an error, mpirun may end the
///   others before they have spoken.
///
/// The corresponding C functions are `MPI_Init_thread` and `MPI_Finalize`.
public func withMPI<R>(telling tell: (any Error) -> Void = { _ in }, _ body: (Communicator) throws -> R) throws -> R {
  let world = try startMPI()
  do {
    let result = try body(world)
    try endMPI()
    return result
  } catch {
    let isCommon = !(error is MPIError) && (try? world.allArrive(withinSeconds: 2)) == true
    let speaks = isCommon ? (try? world.speaks(of: error)) ?? true : !(error is RemoteError)
    if speaks { tell(error) }
    if isCommon { try? endMPI() }
    throw error
  }
}

/// *Collective.* The first half of `withMPI`, for a program whose ranks do not live inside one closure: a test process.
///
/// The corresponding C function is `MPI_Init_thread`.
public func startMPI() throws -> Communicator {
  var started: Int32 = 0
  try check(MPI_Initialized(&started), "MPI_Initialized")
  if started != 0 {
    throw MPIError(code: 0, function: "MPI_Init_thread", message: "MPI has been started once already in this process")
  }
  let wanted = Int32(MPI_THREAD_SERIALIZED)
  var provided: Int32 = 0
  try check(MPI_Init_thread(nil, nil, wanted, &provided), "MPI_Init_thread")
  // Errors that belong to no communicator go to the world's handler, in MPI 4 to that of self.
  for communicator in [deeprfm_comm_world(), deeprfm_comm_self()] {
    try check(MPI_Comm_set_errhandler(communicator.value, deeprfm_errors_return()), "MPI_Comm_set_errhandler")
  }
  guard provided >= wanted else {
    throw MPIError(
      code: 0, function: "MPI_Init_thread",
      message: "this MPI offers thread level \(provided), and \(wanted) (MPI_THREAD_SERIALIZED) is needed")
  }
  let world = try Communicator(deeprfm_comm_world())
  try world.decideHowToWait()
  return world
}

/// *Collective.* The second half of `withMPI`.
///
/// The corresponding C function is `MPI_Finalize`.
public func endMPI() throws {
  try check(MPI_Finalize(), "MPI_Finalize")
}

extension Communicator {
  /// *Collective.* True if every rank arrives here before this one gives up.
  ///
  /// The corresponding C functions are `MPI_Ibarrier` and `MPI_Test`.
  func allArrive(withinSeconds patience: Double) throws -> Bool {
    var request = deeprfm_request_null()
    try check(MPI_Ibarrier(handle.value, &request.value), "MPI_Ibarrier")
    let clock = ContinuousClock()
    let end = clock.now + .seconds(patience)
    repeat {
      var done: Int32 = 0
      try check(MPI_Test(&request.value, &done, deeprfm_status_ignore()), "MPI_Test")
      if done != 0 { return true }
      usleep(1000)
    } while clock.now < end
    return false
  }

  /// *Local.* Ends all ranks at once with this exit status. What was printed is flushed first.
  ///
  /// The corresponding C function is `MPI_Abort`.
  public func abort(exitStatus: Int32) -> Never {
    fflush(nil)
    MPI_Abort(handle.value, exitStatus)
    _exit(exitStatus)
  }
}
