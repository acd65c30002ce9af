import DeepRFM
import Instruments
import MPI
import Runtime

/// `deeprfm train`
struct Train: Subcommand {
  static let name = "train"
  static let summary = "train Deep RFM and write a run directory"
  static let usage = "[options]"
  static var optionHelp: String { TrainOptions.table.help(defaults: TrainOptions()) }

  static let keepsCheckpoints = true

  let options: TrainOptions

  init(arguments: [String]) throws {
    options = try TrainOptions.parse(arguments)
  }

  func check(ranks: Int) throws { try options.validate(ranks: ranks) }

  func run(_ world: Communicator) throws -> ExitStatus {
    let host = try Host(surveying: world, threads: options.threads)
    return try withRunFolder(options.output, resumes: options.resume, of: options.dataset, world) { output in
      var options = options
      options.output = output
      return try train(options, host: host, world: world, stop: .process, start: Main.start)
    }
  }
}
