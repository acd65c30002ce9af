import Files
import Instruments
import KernelMachine
import MPI
import Network
import Report
import Runtime

/// `deeprfm report`
struct ReportRuns: Subcommand {
  static let name = "report"
  static let summary = "curves and pictures of a run, or of several side by side"
  static let usage = "DIR [DIR ...] [--output FILE.html] [--picture FILE.svg]"
  static var optionHelp: String { ReportOptions.table.help(defaults: ReportOptions()) + "\n\n" + about }

  private static let about = """
    One run: DIR/report.html is written again. Several: report.html in the current directory; runs that differ only in the seed
    are taken together, with mean and spread. The page needs no network and no script.
    """

  let options: ReportOptions

  init(arguments: [String]) throws {
    options = try ReportOptions.parse(arguments)
  }

  func run(_ world: Communicator) throws -> ExitStatus {
    try world.together { if world.rank == 0 { try write() } }
    return .done
  }

  /// *Local.* Reads the runs and writes what was asked for.
  private func write() throws {
    var options = options
    for path in options.dropRepeated() { standardOutput("\(path): named more than once, shown once\n") }
    let tunings = options.directories.filter { RunFolder($0).holdsTuning }
    guard tunings.isEmpty else { return try write(tunings, options) }
    let isNetwork = { (path: String) in RunFolder(path).isNetwork }
    let networks = try options.directories.filter(isNetwork).map { path throws(InputError) in
      try NetworkRecord(reading: path)
    }
    let runs = try options.directories.filter { !isNetwork($0) }.map { path throws(InputError) in
      try RunRecord(reading: path)
    }
    if !networks.isEmpty { return try write(networks, beside: runs, options) }
    if let path = options.picture {
      guard let picture = Picture.svg(of: runs[0]) else {
        throw InputError("--picture: the run in \(runs[0].name) has no pictures to make it of")
      }
      try OutputFile.replace(path, with: picture)
      standardOutput("picture: \(path)\n")
    }
    try OutputFile.replace(options.page, with: Page.html(of: runs))
    for run in runs { for note in run.notes { standardOutput("\(run.name): \(note)\n") } }
    standardOutput("\(Page.finding(of: runs))\nreport: \(options.page)\n")
  }
}

extension ReportRuns {
  /// *Local.* The page of networks, and of Deep RFM runs beside them.
  private func write(_ networks: [NetworkRecord], beside runs: [RunRecord], _ options: ReportOptions) throws {
    if let path = options.picture { throw InputError("--picture \(path): there is none of a network") }
    let (html, finding): (String, String)
    if networks.count == 1, runs.isEmpty {
      let page = NetworkPage(networks[0])
      (html, finding) = (page.html, page.finding)
    } else {
      let page = NetworkComparison(networks, beside: runs)
      (html, finding) = (page.html, page.finding)
    }
    try OutputFile.replace(options.page, with: html)
    for run in networks { for note in run.notes { standardOutput("\(run.name): \(note)\n") } }
    standardOutput("\(finding)\nreport: \(options.page)\n")
  }

  /// *Local.* The page of a tuning.
  private func write(_ tunings: [String], _ options: ReportOptions) throws {
    guard tunings.count == 1, options.directories.count == 1, options.picture == nil else {
      throw InputError("\(tunings[0]) is a tuning: its page stands by itself, without other runs and without --picture")
    }
    let page = TunePage(try TuneRecord(reading: tunings[0]))
    try OutputFile.replace(options.page, with: page.html)
    standardOutput("\(page.sentence)\nreport: \(options.page)\n")
  }
}

/// The report that ends a run.
enum FinalReport {
  /// *Local: rank 0 alone.* Writes report.html into the run's directory. The run is whole without it: what goes wrong is said,
  /// and no error.
  static func write(_ path: String) {
    do {
      let html =
        RunFolder(path).holdsTuning
        ? TunePage(try TuneRecord(reading: path)).html
        : RunFolder(path).isNetwork
          ? try NetworkPage(NetworkRecord(reading: path)).html : try Page.html(of: [RunRecord(reading: path)])
      try OutputFile.replace(RunFolder(path).report, with: html)
    } catch {
      standardError("deeprfm: the run is complete, but its report could not be written: \(error)\n")
    }
  }
}
