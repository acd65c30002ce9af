import DeepRFM
import Instruments
import MPI
import Runtime

/// `deeprfm plan`
struct Plan: Subcommand {
  static let name = "plan"
  static let summary = "memory, operations and seconds that a run would take"
  static let usage =
    "[--ranks P] [--nodes M] [--network-latency US] [--network-bandwidth GBS] [--json] [options of train] | --scaling strong|weak --calibrate RUN | tune [--ranks P] [--nodes M] [--json] [options of tune] | network [--ranks P] [--nodes M] [--json] [options of network]"
  static var optionHelp: String { PlanOptions.table.help(defaults: PlanOptions()) }

  let options: PlanOptions

  init(arguments: [String]) throws {
    options = try PlanOptions.parse(arguments)
  }

  func check(ranks: Int) throws { try options.validate(ranks: ranks) }

  func run(_ world: Communicator) throws -> ExitStatus {
    try plan(
      options, host: Host(surveying: world, threads: options.ranks == nil ? options.train.threads : nil), world: world)
  }
}
