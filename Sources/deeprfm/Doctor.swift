import Instruments
import MPI
import Runtime

/// `deeprfm doctor`
struct Doctor: Subcommand {
  static let name = "doctor"
  static let summary = "look for what would slow or stop a run: on this host, under mpirun on all"
  static let usage = "[options]"
  static var optionHelp: String { DoctorOptions.table.help(defaults: DoctorOptions()) }

  let options: DoctorOptions

  init(arguments: [String]) throws {
    options = try DoctorOptions.parse(arguments)
  }

  func run(_ world: Communicator) throws -> ExitStatus {
    try doctor(options, kernelsForced: Startup.kernelsAreForced, world: world)
  }
}
