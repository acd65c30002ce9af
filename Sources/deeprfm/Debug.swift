import Files
import Instruments
import KernelMachine
import MPI
import Runtime

/// `deeprfm debug`
struct Debug: Subcommand {
  static let name = "debug"
  static let summary = "check the numerics on a small problem, one rank, float64"
  static let usage = "[options]"
  static var optionHelp: String { DebugOptions.table.help(defaults: DebugOptions()) }

  let options: DebugOptions

  init(arguments: [String]) throws {
    options = try DebugOptions.parse(arguments)
  }

  func check(ranks: Int) throws {
    guard ranks == 1 else { throw InputError("debug runs on one rank, not on \(ranks)") }
  }

  func run(_ world: Communicator) throws -> ExitStatus { try debug(options, world: world) }
}
