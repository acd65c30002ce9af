import LinearAlgebra
import MPI

#if canImport(Glibc)
  import Glibc
#endif

/// What every part of a program on many ranks works with: the ranks, this rank's threads, where its time goes, its host, and whether it
/// is to stop. One for a run.
///
/// Messages under way are moved on by the pool, between two tasks of the worker that speaks MPI: whoever starts some makes them with
/// `makeRequests`, and nobody else need know of them.
public final class Context: @unchecked Sendable {
  public let world: Communicator
  public let pool: ThreadPool
  public let timer = PhaseTimer()
  public let host: Host
  public let stop: StopSwitch
  /// Those that may not be through; only the thread that speaks MPI touches them.
  private var pending: [RequestGroup] = []

  /// *Local.* With the threads that the host gives a rank.
  public init(world: Communicator, host: Host, stop: StopSwitch = StopSwitch()) {
    self.world = world
    self.host = host
    self.stop = stop
    pool = ThreadPool(count: host.threads, ownCores: host.ownsItsCores)
    if world.size > 1 { pool.betweenTasks = { [unowned self] in progress() } }
  }

  /// *Local.* A group of messages that the pool moves on until they are through.
  public func makeRequests() -> RequestGroup {
    pending.removeAll { $0.isEmpty }
    let group = RequestGroup()
    pending.append(group)
    return group
  }

  /// *Local.* Moves messages on: to be called between two pieces of long work that is no task of the pool. A failure comes to light
  /// where they are waited for.
  public func progress() {
    // One call to MPI moves all of them on.
    if let group = pending.first(where: { !$0.isEmpty }) { _ = try? group.progress() }
  }

  /// *Collective.* Runs local work on rank 0 while all others sleep, so that it may have the cores of the ranks on its host; nil on the
  /// others. If it fails, all ranks throw its error.
  public func onRankZeroAlone<R>(_ body: () throws -> R) throws -> R? {
    let outcome = world.rank == 0 ? Result { try body() } : nil
    if world.size > 1 {
      // A wait inside MPI would keep the cores busy.
      let signal = Matrix<Double>(rows: 1, columns: 1)
      let arrived = RequestGroup()
      try world.startSum(signal.buffer, in: arrived)
      while try !arrived.progress() { usleep(500) }
      try arrived.waitAll()
      withExtendedLifetime(signal) {}
    }
    return try world.together { try outcome?.get() }
  }

  /// Runs `body` with its time charged to communication.
  public func communicating<R>(_ body: () throws -> R) rethrows -> R { try timer.measure(.communication, body) }
}
