import Files
import MPI

/// How the command ends.
public enum ExitStatus: Int32, Sendable {
  case done = 0
  case failed = 1
  /// Bad usage or bad input: nothing was written.
  case badInput = 2
  /// On purpose, with a checkpoint: the same command with --resume goes on.
  case stoppedEarly = 75
}

extension InputError: RankError {
  public var exitStatus: Int32 { ExitStatus.badInput.rawValue }
  public var sentence: String { description }
}

extension FileError: RankError {
  public var exitStatus: Int32 { ExitStatus.failed.rawValue }
  public var sentence: String { description }
}
