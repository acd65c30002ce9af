import MPI
import Network
import Runtime

/// `deeprfm network`
struct NetworkCommand: Subcommand {
  static let name = "network"
  static let summary = "train a neural network and measure its collapse and its features"
  static let usage = "[options]"
  static var optionHelp: String { NetworkOptions.table.help(defaults: NetworkOptions()) }

  static let keepsCheckpoints = true

  let options: NetworkOptions

  init(arguments: [String]) throws {
    options = try NetworkOptions.parse(arguments)
  }

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
    let status = try trainNetwork(options, host: host, world: world, stop: .process, start: Main.start)
    if world.rank == 0, status == .done, let path = options.output { FinalReport.write(path) }
    return status
  }
}
