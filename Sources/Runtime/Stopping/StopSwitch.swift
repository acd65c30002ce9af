import Glibc
import Synchronization

/// Whether the run has been asked to stop at its next safe point, and to checkpoint. Set once, never taken back: whoever sees
/// it set on the way may leave work out, since the ranks agree on it before any result is used.
public final class StopSwitch: Sendable {
  /// Who asked.
  public enum Cause: Sendable, Equatable {
    case signal(Int32)
    case timeLimit
    /// Another rank was asked.
    case otherRank

    var words: String {
      switch self {
      case .signal(SIGTERM): "signal TERM"
      case .signal(SIGUSR1): "signal USR1"
      case .signal(SIGINT): "signal INT"
      case .signal(let number): "signal \(number)"
      case .timeLimit: "the time limit"
      case .otherRank: "another rank's signal"
      }
    }

    fileprivate var code: Int {
      switch self {
      case .signal(let number): Int(number)
      case .timeLimit: -1
      case .otherRank: -2
      }
    }

    fileprivate init?(code: Int) {
      switch code {
      case 0: return nil
      case -1: self = .timeLimit
      case -2: self = .otherRank
      default: self = .signal(Int32(code))
      }
    }
  }

  private let code = Atomic<Int>(0)
  private let seconds = Atomic<Int>(0)
  private let wantsCheckpoint = Atomic<Bool>(false)
  /// For tests: how often `isRequested` still says no; negative: for ever.
  private let patience: Atomic<Int>

  public convenience init() { self.init(afterPolls: -1) }

  /// For tests: a switch that is set when it has been looked at so often.
  public init(afterPolls polls: Int) { patience = Atomic(polls) }

  /// *Local.* Cheap: any thread may ask between any two pieces of work.
  public var isRequested: Bool {
    if code.load(ordering: .relaxed) != 0 { return true }
    guard patience.load(ordering: .relaxed) >= 0 else { return false }
    if patience.wrappingSubtract(1, ordering: .relaxed).newValue < 0 { request(.timeLimit) }
    return code.load(ordering: .relaxed) != 0
  }

  public var cause: Cause? { Cause(code: code.load(ordering: .acquiring)) }

  /// Seconds since the first request; nil: there was none.
  var age: Double? {
    guard isRequested else { return nil }
    return monotonicSeconds() - Double(seconds.load(ordering: .relaxed)) * 1e-3
  }

  /// *Local.* Only the first request counts. Safe in a signal handler.
  public func request(_ cause: Cause) {
    // The time first: whoever sees the request may ask for its age.
    if code.load(ordering: .acquiring) == 0 {
      seconds.store(Int(monotonicSeconds() * 1e3), ordering: .relaxed)
    }
    _ = code.compareExchange(expected: 0, desired: cause.code, ordering: .acquiringAndReleasing)
  }

  /// *Local.* A checkpoint is wanted soon, whatever comes next. Safe in a signal handler.
  func requestCheckpoint() { wantsCheckpoint.store(true, ordering: .relaxed) }

  var isCheckpointRequested: Bool { wantsCheckpoint.load(ordering: .relaxed) }

  /// A checkpoint has been made.
  func checkpointMade() { wantsCheckpoint.store(false, ordering: .relaxed) }
}

// MARK: - Signals

/// The switch that signals set.
private let signalled = StopSwitch()

extension StopSwitch {
  /// The process's own, set by its signals once they are caught.
  public static var process: StopSwitch { signalled }

  /// *Local.* From now on the first TERM, USR1 or INT sets the process's switch, and a second one, more than a second later, ends
  /// the process: launchers may hand on what has reached the process already.
  ///
  /// CONT asks for a checkpoint: Open MPI's mpirun sends it a second before TERM, and KILL a second after. A file that may
  /// grow no further is an error like a full disk, not an end.
  ///
  /// The corresponding C function is `sigaction`.
  public static func catchSignals() {
    // Made before a handler can need it.
    _ = signalled.isRequested
    for number in [SIGTERM, SIGUSR1, SIGINT] { handle(number) { StopSwitch.received($0) } }
    handle(SIGCONT) { _ in signalled.requestCheckpoint() }
    signal(SIGXFSZ, SIG_IGN)
  }

  private static func handle(_ number: Int32, _ handler: @escaping @convention(c) (Int32) -> Void) {
    var action = sigaction()
    action.__sigaction_handler.sa_handler = handler
    action.sa_flags = SA_RESTART
    sigemptyset(&action.sa_mask)
    sigaction(number, &action, nil)
  }

  private static func received(_ number: Int32) {
    if let age = signalled.age, age > 1 { _exit(128 + number) }
    signalled.request(.signal(number))
  }
}
