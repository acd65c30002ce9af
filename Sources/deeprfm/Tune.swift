import DeepRFM
import Files
import MPI
import Report
import Runtime

/// `deeprfm tune`
struct Tune: Subcommand {
  static let name = "tune"
  static let summary = "train every combination of some options' values and compare them by samples held out"
  static let usage =
    "--validation F [--kernel LIST] [--bandwidth LIST] [--ridge LIST] [--layers LIST] [--refit] [options of train]"
  static var optionHelp: String { TuneOptions.table.help(defaults: TuneOptions()) }

  static let keepsCheckpoints = true

  let options: TuneOptions

  init(arguments: [String]) throws {
    options = try TuneOptions.parse(arguments)
  }

  func check(ranks: Int) throws { try options.train.validate(ranks: ranks) }

  func run(_ world: Communicator) throws -> ExitStatus {
    let host = try Host(surveying: world, threads: options.train.threads)
    var options = options
    // Here, so that the report below knows where the folder is.
    var folder: DefaultFolder?
    defer { folder?.removeIfEmpty() }
    if options.train.output == nil {
      try world.together {
        if world.rank == 0 { folder = try DefaultFolder(for: options.train.dataset.rawValue + "-tune") }
      }
      options.train.output = try world.broadcast(folder?.path ?? "", from: 0)
    }
    let status = try tune(options, host: host, world: world, stop: .process, start: Main.start)
    if world.rank == 0, status == .done, let path = options.train.output {
      FinalReport.write(path)
      if options.refit { FinalReport.write(RunFolder(path).refit) }
    }
    return status
  }
}
