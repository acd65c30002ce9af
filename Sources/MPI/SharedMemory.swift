import CMPI
import Glibc

extension Communicator {
  /// *Collective, of ranks on one host.* Reads a number from the memory of the next rank, or of this one where it is alone: so Open MPI and MPICH
  /// send long messages within a host, and a container's rules often forbid it. Empty: it works; else the system's word for why not.
  ///
  /// The corresponding C function is `process_vm_readv`.
  public func crossMemoryError() throws -> String {
    let secret = UnsafeMutablePointer<Int>.allocate(capacity: 1)
    defer { secret.deallocate() }
    secret.pointee = Int(getpid()) ^ 0x5eed
    let next = try allGather([Int(getpid()), Int(bitPattern: secret)])[(rank + 1) % size]
    var found = 0
    let count = deeprfm_read_process(
      pid_t(next[0]), &found, UnsafeRawPointer(bitPattern: next[1]), MemoryLayout<Int>.size)
    var reason = ""
    if count < 0 {
      reason = String(cString: strerror(errno))
    } else if found != next[0] ^ 0x5eed {
      reason = "another process was read"
    }
    // Nobody lets go of its number before all have read.
    try barrier()
    return reason
  }
}
