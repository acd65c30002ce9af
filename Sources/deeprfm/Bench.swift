import Instruments
import MPI
import Runtime

/// `deeprfm bench`
struct Bench: Subcommand {
  static let name = "bench"
  static let summary = "rates of the program's parts beside this machine's own limits"
  static let usage = "machine|kernel|solve|agop|network [options]"
  static var optionHelp: String { BenchOptions.table.help(defaults: BenchOptions(.machine)) }

  let options: BenchOptions

  init(arguments: [String]) throws {
    options = try BenchOptions.parse(arguments)
  }

  func check(ranks: Int) throws { try options.validate(ranks: ranks) }

  func run(_ world: Communicator) throws -> ExitStatus {
    try bench(options, host: Host(surveying: world, threads: options.threads), world: world)
    return .done
  }
}
