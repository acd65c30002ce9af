import Collapse
import Files
import MPI
import Report
import Runtime

/// `deeprfm collapse`
struct MeasureCollapse: Subcommand {
  static let name = "collapse"
  static let summary = "measure the collapse of anyone's features, from files or from a run"
  static let usage =
    "(--features FILE[:NAME] --labels FILE[:NAME] | --model RUN [--layer L]) [--weights FILE[:NAME]] [options]"
  static var optionHelp: String { CollapseOptions.table.help(defaults: CollapseOptions()) }

  let options: CollapseOptions

  init(arguments: [String]) throws {
    options = try CollapseOptions.parse(arguments)
  }

  func run(_ world: Communicator) throws -> ExitStatus {
    try world.together { if world.rank == 0 { try makeFolder() } }
    let result = try collapse(options, world: world)
    try world.together { if world.rank == 0 { try write(result) } }
    return .done
  }

  /// *Local.* Before the work: a place that cannot be written is known at once. Throws `InputError`.
  private func makeFolder() throws {
    guard let path = options.output else { return }
    if InputFile.exists("\(path)/config.json") {
      throw InputError("--output \(path) is a run directory, whose report would be lost: another folder is needed")
    }
    do throws(FileError) { try Folder.make(path) } catch { throw InputError("--output \(error)") }
  }

  /// *Local.* On standard output, and the page.
  private func write(_ result: CollapseResult) throws {
    standardOutput(options.json ? result.json.line + "\n" : result.table)
    guard let path = options.output, let details = result.details else { return }
    let page = CollapsePage.html(of: result.measures, test: result.test, details, name: result.name)
    try OutputFile.replace("\(path)/collapse.json", with: result.json.line + "\n")
    try OutputFile.replace("\(path)/report.html", with: page)
    if !options.json { standardOutput("report: \(path)/report.html\n") }
  }
}
