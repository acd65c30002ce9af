import Files
import Glibc
import Synchronization

/// The end of a command that keeps no checkpoint when a signal asks for it: one sentence, exit status 1, nothing half-written left.
public enum EndOnSignal {
  /// How long another rank is given to speak first, and the launcher to end this one.
  private static let courtesy = 5.0
  private static let isOver = Atomic<Bool>(false)

  /// *Local.* The command has ended by itself, or knows why it will: a launcher that ends the ranks then is no news.
  public static func end() { isOver.store(true, ordering: .relaxed) }

  /// *Local.* From now on TERM, INT and USR1 end this process so. `rank` is the launcher's: 0 speaks at once, the others where they
  /// alone were told.
  ///
  /// The corresponding C functions are `sigaction` and `pthread_create`.
  public static func begin(_ command: String, rank: Int) {
    StopSwitch.catchSignals()
    let watch = Watch(command: command, rank: rank)
    var thread = pthread_t()
    let code = pthread_create(
      &thread, nil,
      { raw in
        if let raw { Unmanaged<Watch>.fromOpaque(raw).takeRetainedValue().wait() }
        return nil
      }, Unmanaged.passRetained(watch).toOpaque())
    if code == 0 { pthread_detach(thread) }
  }

  private final class Watch: Sendable {
    let command: String
    let rank: Int

    init(command: String, rank: Int) {
      self.command = command
      self.rank = rank
    }

    /// A handler may do next to nothing: what there is to do is done here.
    func wait() -> Never {
      while !StopSwitch.process.isRequested || isOver.load(ordering: .relaxed) { usleep(50_000) }
      OutputFile.removeUnfinished()
      if rank > 0 { usleep(UInt32(courtesy * 1e6)) }
      let cause = StopSwitch.process.cause?.words ?? "a signal"
      standardError("deeprfm: \(command) was stopped by \(cause): nothing of it is kept\n")
      _exit(ExitStatus.failed.rawValue)
    }
  }
}
