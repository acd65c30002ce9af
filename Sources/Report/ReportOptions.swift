import Files
import Runtime

/// Everything that `deeprfm report` can be told.
public struct ReportOptions: Sendable, Equatable {
  /// Run directories; at least one.
  public var directories: [String] = []
  /// The page to write; nil: report.html, of one run in its directory, of several where the command was given.
  var output: String?
  /// An SVG to write beside the page, of the first run.
  public var picture: String?

  public init() {}

  /// The page to write.
  public var page: String {
    output ?? (directories.count == 1 ? RunFolder(directories[0]).report : "report.html")
  }
}

extension ReportOptions {
  /// *Local.* Leaves each run in once, under the first of its names; returns the others.
  public mutating func dropRepeated() -> [String] {
    var seen: Set<Folder.Identity> = []
    var repeated: [String] = []
    directories.removeAll { path in
      guard let identity = Folder.identity(path), !seen.insert(identity).inserted else { return false }
      repeated.append(path)
      return true
    }
    return repeated
  }

  public static let table = OptionTable<ReportOptions>(
    "report",
    [
      CommandOption("output", \.output, .path("FILE.html"), "the page to write"),
      CommandOption(
        "picture", \.picture, .path("FILE.svg"), "also a picture of the first run by itself, for a document"),
    ])

  /// The options that `arguments` ask for: directories are what stands between the options. Throws `InputError`.
  public static func parse(_ arguments: [String]) throws(InputError) -> ReportOptions {
    var options = ReportOptions()
    var rest: [String] = []
    var takesValue = false
    for argument in arguments {
      if takesValue || argument.hasPrefix("--") {
        rest.append(argument)
        // Every option of this command has a value.
        takesValue = !takesValue && !argument.contains("=")
      } else {
        options.directories.append(trimmed(argument))
      }
    }
    try table.apply(table.assignments(rest), to: &options)
    guard !options.directories.isEmpty else {
      throw InputError("report needs DIR, a run directory (see report --help)")
    }
    if let empty = options.directories.first(where: \.isEmpty) { throw InputError("'\(empty)' is no run directory") }
    return options
  }

  /// Without the slashes that a shell's completion adds.
  private static func trimmed(_ path: String) -> String {
    var path = path[...]
    while path.count > 1 && path.hasSuffix("/") { path.removeLast() }
    return String(path)
  }
}
