import Glibc

/// The parts of a layer's time, in the order of metrics.jsonl.
public enum Phase: Int, CaseIterable, Sendable {
  case kernel, preconditioner, solve, agop, root, features, metrics
  /// What was not hidden behind work.
  case communication
}

/// Seconds since some fixed moment, never set back (clock_gettime, CLOCK_MONOTONIC).
public func monotonicSeconds() -> Double {
  var time = timespec()
  clock_gettime(CLOCK_MONOTONIC, &time)
  return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
}

/// *Local.* Where a rank's time goes.
///
/// Phases nest: a wait for a message inside the solve is communication and no longer solve, so the phases
/// never count a second twice and their sum is at most the total. For one thread: the rank's own.
public final class PhaseTimer {
  private let clock: () -> Double
  private var running: [Phase] = []
  private var elapsed = [Double](repeating: 0, count: Phase.allCases.count)
  private var began: Double
  /// When the innermost phase was last charged.
  private var mark: Double

  public init(clock: @escaping () -> Double = monotonicSeconds) {
    self.clock = clock
    began = clock()
    mark = began
  }

  /// Runs `body` and charges its time to `phase`, less that of the phases measured inside it.
  public func measure<Result: ~Copyable, Failure>(
    _ phase: Phase, _ body: () throws(Failure) -> Result
  ) throws(Failure) -> Result {
    charge()
    running.append(phase)
    defer {
      charge()
      running.removeLast()
    }
    return try body()
  }

  /// Seconds of each phase, in their order, and the total, since the timer was made or restarted; running phases included.
  public var values: [Double] {
    charge()
    return elapsed + [mark - began]
  }

  /// Sets every phase and the total to zero: a new layer begins.
  public func restart() {
    elapsed = elapsed.map { _ in 0 }
    began = clock()
    mark = began
  }

  /// Adds what an earlier run of the same layer took, as `values` gave it.
  func add(_ earlier: [Double]) {
    for (phase, seconds) in zip(elapsed.indices, earlier) { elapsed[phase] += seconds }
    if earlier.count > elapsed.count { began -= earlier[elapsed.count] }
  }

  private func charge() {
    let now = clock()
    if let phase = running.last { elapsed[phase.rawValue] += now - mark }
    mark = now
  }
}
