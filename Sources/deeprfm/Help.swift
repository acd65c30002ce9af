import MPI
import Runtime

extension Main {
  /// What --help or --version asks for; nil if neither is there.
  static func informationText(_ arguments: [String]) -> String? {
    let asksHelp = arguments.contains("--help") || arguments.contains("-h")
    if let subcommand = Self.subcommand(of: arguments) {
      return asksHelp ? help(of: subcommand) : nil
    }
    if asksHelp { return help }
    switch arguments.first {
    case "--version": return "deeprfm \(version)"
    case "--man": return ManPage.text(of: subcommands)
    case "--completion":
      let shell = arguments.dropFirst().first.flatMap { Completion(rawValue: $0) }
      return shell?.script(for: subcommands.map { CommandHelp($0) })
    default: return nil
    }
  }

  private static var help: String {
    let lines = subcommands.map { subcommand in
      "  " + subcommand.name + String(repeating: " ", count: max(2, 14 - subcommand.name.count))
        + subcommand.summary
    }
    return """
      Deep Recursive Feature Machines over MPI.

      usage: deeprfm COMMAND [options]        under mpirun it uses every rank

      \(lines.joined(separator: "\n"))

        deeprfm COMMAND --help        the command's options
        deeprfm --version             \(version)
        deeprfm --man, --completion bash|zsh    the manual page, and what these shells complete

      exit status: 0 done, 1 failed, 2 bad usage or bad input, 75 stopped early with a checkpoint
      """
  }

  private static func help(of subcommand: any Subcommand.Type) -> String {
    """
    \(subcommand.summary)

    usage: deeprfm \(subcommand.name) \(subcommand.usage)

    \(subcommand.optionHelp)
    """
  }
}
