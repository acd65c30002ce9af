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
    var options = options
    // Here, so that the report below knows where the run is.
    var folder: DefaultFolder?
    defer { folder?.removeIfEmpty() }
    if options.output == nil && !options.resume {
      try world.together { if world.rank == 0 { folder = try DefaultFolder(for: options.dataset.rawValue) } }
      options.output = try world.broadcast(folder?.path ?? "", from: 0)
    }
    let status = try train(options, host: host, world: world, stop: .process, start: Main.start)
    if world.rank == 0, status == .done, let path = options.output { FinalReport.write(path) }
    return status
  }
}
