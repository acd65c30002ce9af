import Files

/// What every command that writes a run's folder can be told of where, how long and with what it works.
public protocol RunOptions {
  /// Bytes per rank; nil: most of what is free.
  var memory: Int? { get set }
  /// Per rank; nil: the node's cores over its ranks.
  var threads: Int? { get set }
  /// The run directory; nil: a new one under runs/.
  var output: String? { get set }
  /// Seconds.
  var checkpointEvery: Double { get set }
  var resume: Bool { get set }
  /// Seconds.
  var timeLimit: Double? { get set }
  var quiet: Bool { get set }
}

extension RunOptions {
  /// Checks what no option can check alone. Throws `InputError`.
  public func validateRun() throws(InputError) {
    if resume && output == nil {
      throw InputError("--resume needs --output DIR, the run directory to go on with")
    }
  }
}

extension CommandOption where Options: RunOptions {
  /// - Parameters:
  ///   - memory: what becomes of what does not fit, after a semicolon; may be empty.
  ///   - checkpoints: when they are written.
  ///   - configuration: whose config.json may be read.
  public static func runOptions(memory: String, checkpoints: String, configuration: String) -> [CommandOption] {
    [
      CommandOption(
        "memory", \.memory, .size, "per rank, like 20GiB\(memory) (default: most of what is free)"),
      CommandOption("threads", \.threads, .integer("T", in: 1...4096), "per rank (default: cores / ranks on the node)"),
      CommandOption("output", \.output, .path("DIR"), "the run directory (default: runs/<dataset>-<time>)"),
      CommandOption("checkpoint-every", \.checkpointEvery, .time, checkpoints),
      CommandOption(
        flag: "resume", \.resume, "go on with the run in --output, or begin it; nothing to do if it is finished"),
      CommandOption("time-limit", \.timeLimit, .time, "checkpoint and exit with 75 before it"),
      CommandOption(
        directive: "config", "FILE", "options from a \(configuration)'s config.json; those on the command line win"),
      CommandOption(flag: "quiet", \.quiet, "print nothing but errors"),
    ]
  }
}
