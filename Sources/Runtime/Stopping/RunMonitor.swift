import Glibc
import MPI
import Synchronization

/// A thread of a training rank that sees to it that nothing is waited for in vain: it asks for a stop before the time limit, ends a
/// rank that has not come to a safe point soon enough, and ends all where a rank no longer answers. The last checkpoint stands then.
public final class RunMonitor: Sendable {
  private let stop: StopSwitch
  /// Seconds on the monotonic clock; infinite: none.
  private let limit: Double
  private let rank: Int
  private let heartbeat: Heartbeat?
  private let saving = Atomic<Bool>(false)
  private let isOver = Atomic<Bool>(false)

  /// Seconds from the request to stop until a rank is ended: within the 30 that launchers commonly leave.
  private static let deadline = 26.0
  /// Before the time limit this is left for the way to a safe point and the checkpoint, or a fifth of a short limit.
  private static let margin = 30.0

  /// *Collective.* Starts to watch.
  /// - Parameters:
  ///   - timeLimit: seconds from `start`, on the monotonic clock; nil: none.
  ///   - patience: seconds that a rank may be silent; 0: for ever.
  public init(
    stop: StopSwitch, timeLimit: Double?, start: Double, _ world: Communicator, hostName: String,
    patience: Int = RunMonitor.patience
  ) throws {
    self.stop = stop
    rank = world.rank
    heartbeat = try Heartbeat(world, hostName: hostName, stop: stop, patience: patience)
    limit = timeLimit.map { start + $0 - min(Self.margin, $0 / 5) } ?? .infinity
    var thread = pthread_t()
    let code = pthread_create(
      &thread, nil,
      { raw in
        guard let raw else { return nil }
        Unmanaged<RunMonitor>.fromOpaque(raw).takeRetainedValue().watch()
        return nil
      }, Unmanaged.passRetained(self).toOpaque())
    if code == 0 { pthread_detach(thread) }
  }

  /// A checkpoint is being written: it may be finished.
  public var isSaving: Bool {
    get { saving.load(ordering: .relaxed) }
    set { saving.store(newValue, ordering: .relaxed) }
  }

  /// *Local.* The run has ended by itself.
  public func end() { isOver.store(true, ordering: .relaxed) }

  /// DEEPRFM_PATIENCE in the environment, or a minute.
  public static var patience: Int {
    getenv("DEEPRFM_PATIENCE").flatMap { Int(String(cString: $0)) }.map { max(0, min($0, 86_400)) } ?? 60
  }

  private func watch() {
    heartbeat?.connect()
    defer { heartbeat?.leave() }
    var ticks = 0
    while !isOver.load(ordering: .relaxed) {
      usleep(200_000)
      ticks += 1
      if ticks % 5 == 0, let sentence = heartbeat?.beat() {
        standardError("deeprfm: \(sentence)\n")
        _exit(1)
      }
      if monotonicSeconds() >= limit { stop.request(.timeLimit) }
      guard let age = stop.age, !isSaving, !isOver.load(ordering: .relaxed) else { continue }
      // One rank speaks, and before the launcher ends it for the others' sake.
      if age > Self.deadline + (rank == 0 ? 0 : 1) {
        if rank == 0 {
          let cause = stop.cause?.words ?? "a signal"
          standardError("deeprfm: stopped by \(cause) before a safe point was reached: the last checkpoint stands\n")
        }
        _exit(75)
      }
    }
  }
}
