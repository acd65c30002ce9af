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
    return try withRunFolder(options.output, resumes: options.resume, of: options.dataset, world) { output in
      var options = options
      options.output = output
      return try trainNetwork(options, host: host, world: world, stop: .process, start: Main.start)
    }
  }
}
