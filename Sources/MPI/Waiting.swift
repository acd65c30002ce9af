import CMPI
import Glibc
import Synchronization

/// Whether a rank that waits offers its core to the others of its node, between looks at whether its message is through.
///
/// Where a node has more ranks than cores, the one that is waited for may not run at all. Open MPI offers the core itself
/// (`mpi_yield_when_idle`, which it sets when it knows). MPICH's loops keep it until the kernel takes it away, which costs milliseconds for
/// every message: its own `MPIR_CVAR_POLLS_BEFORE_YIELD` changes nothing in 4.0.
private let offersCore = Atomic(false)

extension Communicator {
  /// *Collective.* Decides, in this world, how its ranks wait: all in the same way, for a collective call that waits does not match one that
  /// was started.
  ///
  /// The corresponding C functions are `MPI_Comm_split_type` and `sysconf`.
  func decideHowToWait() throws {
    guard !MPILibrary.isOpenMPI else { return }
    let cores = Int(sysconf(Int32(_SC_NPROCESSORS_ONLN)))
    let hasMoreRanks = try splitByNode().size > cores
    offersCore.store(try maximum(hasMoreRanks ? 1 : 0) > 0, ordering: .relaxed)
  }
}

/// *Blocking.* Ends when what this MPI function does is done: `waits`, which calls it, or what `starts` begins. `status` is what a receive reports.
func waiting(
  _ function: String, reporting status: UnsafeMutablePointer<MPI_Status>? = nil, _ waits: () -> Int32,
  _ starts: (inout DeepRFMRequest) -> Int32
) throws {
  guard offersCore.load(ordering: .relaxed) else { return try check(waits(), function) }
  var request = deeprfm_request_null()
  try check(starts(&request), function)
  try wait(for: &request, status, function)
}

/// *Blocking.* Ends when the message is through, and says in `status` what arrived.
///
/// The corresponding C functions are `MPI_Wait`, or `MPI_Test` and `sched_yield`.
func wait(for request: inout DeepRFMRequest, _ status: UnsafeMutablePointer<MPI_Status>?, _ function: String) throws {
  let status = status ?? deeprfm_status_ignore()
  guard offersCore.load(ordering: .relaxed) else {
    return try check(MPI_Wait(&request.value, status), function)
  }
  var done: Int32 = 0
  while true {
    try check(MPI_Test(&request.value, &done, status), function)
    if done != 0 { return }
    sched_yield()
  }
}
