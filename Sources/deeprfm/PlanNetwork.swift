import Instruments
import MPI
import Network
import Runtime

/// `deeprfm plan network`
struct PlanNetwork: Subcommand {
  static let name = "plan network"
  static let summary = "memory, operations, messages and seconds that a run of network would take"
  static let usage =
    "[--ranks P] [--nodes M] [--network-latency US] [--network-bandwidth GBS] [--json] [options of network]"
  static var optionHelp: String { NetworkPlanOptions.table.help(defaults: NetworkPlanOptions()) }

  let options: NetworkPlanOptions

  init(arguments: [String]) throws {
    options = try NetworkPlanOptions.parse(arguments)
  }

  func check(ranks: Int) throws { try options.validate(ranks: ranks) }

  func run(_ world: Communicator) throws -> ExitStatus {
    let threads = options.ranks == nil ? options.network.threads : nil
    return try planNetwork(options, host: Host(surveying: world, threads: threads), world: world)
  }
}
