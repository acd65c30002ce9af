import Files
import Glibc
import LinearAlgebra
import MPI
import Runtime

/// Parse, start MPI, run the subcommand, map errors to the exit status.
@main enum Main {
  static var subcommands: [any Subcommand.Type] {
    [
      Train.self, Tune.self, NetworkCommand.self, Predict.self, MeasureCollapse.self, ReportRuns.self, Plan.self,
      PlanNetwork.self, Doctor.self, Bench.self, Debug.self,
    ]
  }

  /// The one that these arguments begin with, by as many words as there are; nil: none.
  static func subcommand(of arguments: [String]) -> (any Subcommand.Type)? {
    subcommands.filter { arguments.starts(with: $0.words) }.max { $0.words.count < $1.words.count }
  }

  /// The first words of all commands.
  private static var names: [String] { subcommands.filter { $0.words.count == 1 }.map { $0.name } }

  /// When the program began, on the monotonic clock: --time-limit counts from here.
  static let start = monotonicSeconds()

  static func main() {
    Startup.openStandardStreams()
    _ = start
    Startup.useBestKernels()
    Allocator.returnFreedMemory()
    let arguments = Array(CommandLine.arguments.dropFirst())
    if let text = informationText(arguments) {
      if Launch.rank == 0 { standardOutput(text + "\n") }
      exit(ExitStatus.done.rawValue)
    }
    // Not `get()` yet: under mpirun the ranks must first agree on who tells the user.
    let command = Result { try parse(arguments) }
    Launch.look()
    Launch.settle()
    if case .success(let command) = command { Startup.catchSignals(of: command) }
    if case .failure(let error) = command, Launch.size == 1 { exit(announce(error)) }
    exit(run(command))
  }

  /// The subcommand that the arguments ask for. Throws `InputError`.
  private static func parse(_ arguments: [String]) throws -> any Subcommand {
    guard let name = arguments.first else {
      throw InputError("no command was given: \(names.joined(separator: ", ")) (see deeprfm --help)")
    }
    guard let subcommand = Self.subcommand(of: arguments) else {
      throw unknown("command '\(name)'", name: name, candidates: names)
    }
    return try subcommand.init(arguments: Array(arguments.dropFirst(subcommand.words.count)))
  }

  /// *Collective.* Returns the exit status. One rank prints an error.
  private static func run(_ command: Result<any Subcommand, any Error>) -> Int32 {
    var hasBegun = false
    do {
      return try withMPI(telling: { _ = announce($0) }) { world in
        hasBegun = true
        defer { EndOnSignal.end() }
        Launch.meet(world)
        try Connections.check(world)
        let command = try world.together {
          let command = try command.get()
          try command.check(ranks: world.size)
          return command
        }
        return try command.run(world).rawValue
      }
    } catch {
      return hasBegun ? status(of: error) : announce(error)
    }
  }

  /// Prints the error and returns its exit status.
  private static func announce(_ error: any Error) -> Int32 {
    let said = (error as? any RankError)?.sentence ?? "\(error)"
    // MPICH's own words are lines.
    standardError("deeprfm: \(said.split(whereSeparator: \.isNewline).joined(separator: "; "))\n")
    return status(of: error)
  }

  private static func status(of error: any Error) -> Int32 {
    (error as? any RankError)?.exitStatus ?? ExitStatus.failed.rawValue
  }
}
