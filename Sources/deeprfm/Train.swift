import DeepRFM
import MPI

/// `deeprfm train`
struct Train: Subcommand {
  static let name = "train"
  static let summary = "train Deep RFM and write a run directory"
  static let usage = "[options]"
  static var optionHelp: String { TrainOptions.table.help(defaults: TrainOptions()) }

  let options: TrainOptions

  init(arguments: [String]) throws {
    options = try TrainOptions.parse(arguments)
    // Before MPI starts, which takes a while: a signal is to find its handler.
    StopSwitch.catchSignals()
  }

  func check(ranks: Int) throws { try options.validate(ranks: ranks) }

  func run(_ world: Communicator) throws -> ExitStatus {
    let host = try Host(surveying: world, threads: options.threads)
    return try train(options, host: host, world: world, stop: .process, start: Main.start)
  }
}
