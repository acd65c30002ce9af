import Runtime

/// `deeprfm --man`: the manual page, for man(7)'s macros.
enum ManPage {
  static func text(of subcommands: [any Subcommand.Type]) -> String {
    let commands = subcommands.map { CommandHelp($0) }
    return """
      .TH DEEPRFM 1 "" "deeprfm \(version)" "User Commands"
      .SH NAME
      deeprfm \\- Deep Recursive Feature Machines over MPI
      .SH SYNOPSIS
      \(synopsis(commands))
      .HP
      \\fBdeeprfm\\-run\\fR [\\fB\\-n\\fR \\fIP\\fR] [\\fB\\-\\-hostfile\\fR \\fIF\\fR]
      [\\fB\\-\\-threads\\fR \\fIT\\fR] \\fICOMMAND\\fR ...
      .SH DESCRIPTION
      A Deep RFM trains a deep network without gradient descent: each layer solves one kernel ridge regression, takes
      the average gradient outer product of the predictor it found, multiplies the data by its square root, and
      passes them through a random feature map to the next layer. Started by itself
      .B deeprfm
      is one rank; under
      .BR mpirun (1)
      it uses every rank.
      .B deeprfm\\-run
      starts mpirun with threads and binding that suit the machine, and hands signals on so that a run stops in order.
      .SH COMMANDS
      \(commands.map(section).joined(separator: "\n"))
      \(ending)
      """
  }

  private static func synopsis(_ commands: [CommandHelp]) -> String {
    commands.map { ".HP\n\\fBdeeprfm \(escaped($0.name))\\fR \(escaped($0.usage))" }.joined(separator: "\n")
  }

  private static func section(_ command: CommandHelp) -> String {
    let options = command.options.map { option in
      let value = option.placeholder.map { " \\fI\(escaped($0))\\fR" } ?? ""
      let meaning = option.meaning.isEmpty ? option.name : option.meaning
      return ".TP\n\\fB\(escaped(option.name))\\fR\(value)\n\(line(meaning))"
    }
    let summary = command.summary.prefix(1).uppercased() + command.summary.dropFirst() + "."
    let head = ".SS \(escaped(command.name))\n\(line(summary))"
    let notes = command.notes.isEmpty ? [] : [".PP\n.nf\n" + command.notes.map(line).joined(separator: "\n") + "\n.fi"]
    return ([head] + options + notes).joined(separator: "\n")
  }

  private static let ending = """
    .SH EXIT STATUS
    .TP
    0
    done
    .TP
    1
    failed: the message names what and where
    .TP
    2
    bad usage or bad input: one sentence, nothing written
    .TP
    75
    stopped early on purpose, with a checkpoint: the same command with \\-\\-resume goes on
    .SH ENVIRONMENT
    .TP
    .B OPENBLAS_NUM_THREADS, OPENBLAS_CORETYPE
    OpenBLAS's threads and kernels; deeprfm chooses the kernels itself where this is not set
    .TP
    .B DEEPRFM_PATIENCE
    seconds that a rank may be silent before the run is ended (60)
    .TP
    .B DEEPRFM_CONNECT
    seconds that ranks have to reach each other at the start (45); 0: for ever
    .SH EXAMPLES
    .nf
    deeprfm\\-run \\-n 2 train
    deeprfm\\-run \\-n 2 train \\-\\-dataset mnist \\-\\-data DIR \\-\\-layers 20 \\-\\-output runs/mnist \\-\\-resume
    deeprfm\\-run \\-n 4 \\-\\-hostfile hosts doctor
    .fi
    .SH SEE ALSO
    .BR mpirun (1)
    """

  /// A line of text: none that begins with a point or an apostrophe is a request.
  private static func line(_ text: String) -> String {
    let text = escaped(text)
    return text.hasPrefix(".") || text.hasPrefix("'") ? "\\&" + text : text
  }

  private static func escaped(_ text: String) -> String {
    var result = ""
    for character in text {
      switch character {
      case "\\": result += "\\e"
      case "-": result += "\\-"
      default: result.append(character)
      }
    }
    return result
  }
}
