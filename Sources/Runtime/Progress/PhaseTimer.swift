/// A part of a run's time, by its name in the metrics: whoever has one makes a key of its own.
public struct Phase: Hashable, Sendable {
  public let name: String

  public init(_ name: String) { self.name = name }

  /// Waiting for messages: what was not hidden behind work.
  public static let communication = Phase("communication")
}

/// *Local.* Where a rank's time goes.
///
/// Phases nest: a wait for a message inside the solve is communication and no longer solve, so the phases
/// never count a second twice and their sum is at most the total. For one thread: the rank's own.
public final class PhaseTimer {
  private let clock: () -> Double
  private var running: [Phase] = []
  private var elapsed: [Phase: Double] = [:]
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

  /// Seconds of a phase since the timer was made or restarted, up to now.
  subscript(phase: Phase) -> Double {
    charge()
    return elapsed[phase] ?? 0
  }

  /// Seconds since the timer was made or restarted.
  var total: Double {
    charge()
    return mark - began
  }

  /// Seconds of each of some phases, in their order, and the total.
  public func values(of phases: [Phase]) -> [Double] { phases.map { self[$0] } + [total] }

  /// Sets every phase and the total to zero: a new layer begins.
  public func restart() {
    elapsed = [:]
    began = clock()
    mark = began
  }

  /// Adds what an earlier part of the same work took, as `values(of:)` gave it.
  public func add(_ earlier: [Double], of phases: [Phase]) {
    for (phase, seconds) in zip(phases, earlier) { elapsed[phase, default: 0] += seconds }
    if earlier.count > phases.count { began -= earlier[phases.count] }
  }

  private func charge() {
    let now = clock()
    if let phase = running.last { elapsed[phase, default: 0] += now - mark }
    mark = now
  }
}
