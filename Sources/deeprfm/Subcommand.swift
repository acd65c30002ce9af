import MPI
import Runtime

/// A command of `deeprfm`: its name, its help, its options once parsed, and its work.
protocol Subcommand {
  /// A word; or two, the first another command's, of which this is a form with options of its own.
  static var name: String { get }
  /// One line of `deeprfm --help`.
  static var summary: String { get }
  /// What stands above the options in `deeprfm <name> --help`.
  static var usage: String { get }
  /// The options, a line or more each.
  static var optionHelp: String { get }

  /// Whether a signal finds it with something to go on from.
  static var keepsCheckpoints: Bool { get }

  /// Throws `InputError`.
  init(arguments: [String]) throws
  /// *Local.* Throws `InputError` if the options do not suit the number of ranks.
  func check(ranks: Int) throws
  /// *Collective.* Does the work.
  func run(_ world: Communicator) throws -> ExitStatus
}

extension Subcommand {
  static var keepsCheckpoints: Bool { false }

  static var words: [String] { name.split(separator: " ").map(String.init) }

  func check(ranks: Int) throws {}
}
