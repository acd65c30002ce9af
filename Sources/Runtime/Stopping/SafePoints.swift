import MPI

/// The run was stopped on purpose, on all ranks at the same point, with a checkpoint: exit status 75.
public struct StoppedEarly: RankError, Equatable {
  let cause: StopSwitch.Cause

  public init(cause: StopSwitch.Cause) {
    self.cause = cause
  }

  public var exitStatus: Int32 { ExitStatus.stoppedEarly.rawValue }
  public var sentence: String { "stopped by \(cause.words)" }
}

/// What a rank would have done at a safe point, and after agreeing what all do: the largest wish.
public enum Wish: Int, Sendable, Comparable {
  case nothing, checkpoint, stop

  public static func < (a: Wish, b: Wish) -> Bool { a.rawValue < b.rawValue }

  /// As a term of a sum over ranks that is made anyway; fewer than 2^20 ranks.
  public var term: Double {
    switch self {
    case .nothing: 0
    case .checkpoint: 1
    case .stop: 0x1p20
    }
  }

  /// The largest wish in a sum of terms.
  public init(sum: Double) { self = sum >= 0x1p20 ? .stop : sum > 0 ? .checkpoint : .nothing }
}

/// When a checkpoint is due, by time, and whether the run is to stop. One for a run.
public final class Pace {
  public let stop: StopSwitch
  private let interval: Double
  private let clock: () -> Double
  private var last: Double

  /// - Parameter interval: seconds between two checkpoints.
  public init(stop: StopSwitch, interval: Double, clock: @escaping () -> Double = monotonicSeconds) {
    self.stop = stop
    self.interval = interval
    self.clock = clock
    last = clock()
  }

  /// *Local.*
  public var wish: Wish {
    if stop.isRequested { return .stop }
    return stop.isCheckpointRequested || clock() - last >= interval ? .checkpoint : .nothing
  }

  /// *Local.* A checkpoint has been made, or is not needed.
  public func restart() {
    last = clock()
    stop.checkpointMade()
  }
}

/// The places inside a long computation at which it can be saved and stopped: what the computation needs to know of the run.
///
/// A rank asks `wish`, the ranks agree by a sum or maximum that they make anyway or for this, and all call `reached`.
public struct SafePoints<State> {
  let pace: Pace
  /// *Collective.* Writes a checkpoint.
  private let save: (State) throws -> Void

  public init(pace: Pace, save: @escaping (State) throws -> Void) {
    self.pace = pace
    self.save = save
  }

  /// No checkpoints, and nobody stops: for tests, benches and checks.
  public static var none: SafePoints {
    SafePoints(pace: Pace(stop: StopSwitch(), interval: .infinity)) { _ in }
  }

  /// The same places for a part of the computation, whose state gives the whole one's.
  public func of<Part>(_ whole: @escaping (Part) -> State) -> SafePoints<Part> {
    let save = save
    return SafePoints<Part>(pace: pace) { try save(whole($0)) }
  }

  /// *Local.* Any thread may ask between any two pieces of work.
  public var stop: StopSwitch { pace.stop }

  /// *Local.*
  public var wish: Wish { pace.wish }

  /// *Collective.* All ranks are here with what they agreed on. Throws `StoppedEarly` where that was to stop.
  public func reached(_ agreed: Wish, _ state: @autoclosure () -> State) throws {
    guard agreed > .nothing else { return }
    try save(state())
    pace.restart()
    if agreed == .stop { throw StoppedEarly(cause: stop.cause ?? .otherRank) }
  }
}

extension Communicator {
  /// *Collective.* The largest wish of all ranks, and whether any of them left work out.
  public func agree(_ wish: Wish, unfinished: Bool = false) throws -> (wish: Wish, unfinished: Bool) {
    var both = [wish.rawValue, unfinished ? 1 : 0]
    try maximum(&both)
    return (Wish(rawValue: both[0]) ?? .stop, both[1] > 0)
  }
}
