/// A command's help, taken apart again: what the manual page and the shells' completion are made of. The option table writes that text, so they
/// say what the program does.
struct CommandHelp {
  struct Option: Equatable {
    /// With its dashes.
    let name: String
    /// "N"; "laplace|gaussian" for a choice; nil for a flag.
    let placeholder: String?
    var meaning: String

    /// What may stand after it, where that is a short list.
    var choices: [String] {
      let parts = (placeholder ?? "").split(separator: "|", omittingEmptySubsequences: false)
      // "laplace|gaussian,...": one of them, or several.
      return parts.count > 1 ? parts.map { String($0.hasSuffix(",...") ? $0.dropLast(4) : $0) } : []
    }

    /// Whether a path stands after it.
    var takesPath: Bool { ["DIR", "FILE", "PATH"].contains { placeholder?.contains($0) == true } }
  }

  /// A word or two.
  let name: String
  let summary: String
  let usage: String
  let options: [Option]
  /// What stands below the options, a line each.
  let notes: [String]

  /// Whether it is another command's form, with a word more.
  var isForm: Bool { name.contains(" ") }

  /// What may stand at once after the command: the usage's words outside of brackets, but for the options' values.
  var words: [String] {
    var (found, depth, before): ([String], Int, Substring) = ([], 0, "")
    for word in usage.split(separator: " ") {
      depth += word.count { "([".contains($0) }
      let isWord = depth == 0 && word.allSatisfy { $0.isLowercase || $0 == "|" } && word.contains(where: \.isLetter)
      if isWord, !before.hasPrefix("--") { found += word.split(separator: "|").map(String.init) }
      depth -= word.count { ")]".contains($0) }
      before = word
    }
    return found
  }

  init(_ subcommand: any Subcommand.Type) {
    self.init(
      name: subcommand.name, summary: subcommand.summary, usage: subcommand.usage, help: subcommand.optionHelp)
  }

  /// Where the table begins its explanations.
  private static let column = 28

  init(name: String, summary: String, usage: String, help: String) {
    self.name = name
    self.summary = summary
    self.usage = usage
    var options: [Option] = []
    var notes: [String] = []
    for line in help.split(separator: "\n", omittingEmptySubsequences: false) {
      if notes.isEmpty, line.hasPrefix("  --") {
        let (title, meaning) = Self.halves(line)
        let words = title.split(separator: " ", maxSplits: 1)
        options.append(
          Option(
            name: String(words[0]), placeholder: words.count > 1 ? words[1].trimmed : nil, meaning: meaning))
      } else if notes.isEmpty, line.hasPrefix("   "), let last = options.indices.last {
        options[last].meaning += (options[last].meaning.isEmpty ? "" : " ") + line.trimmed
      } else if !line.isEmpty || !notes.isEmpty {
        notes.append(String(line))
      }
    }
    self.options = options
    self.notes = notes
  }

  /// "  --name N        meaning". A title that needs the room has the line to itself.
  private static func halves(_ line: Substring) -> (title: String, meaning: String) {
    let end = line.index(line.startIndex, offsetBy: column, limitedBy: line.endIndex) ?? line.endIndex
    guard line[..<end].hasSuffix(" ") else { return (line.trimmed, "") }
    return (line[..<end].trimmed, line[end...].trimmed)
  }
}

extension StringProtocol {
  /// Without the spaces before and after.
  fileprivate var trimmed: String {
    let start = firstIndex { $0 != " " } ?? endIndex
    let end = lastIndex { $0 != " " }.map { index(after: $0) } ?? endIndex
    return start < end ? String(self[start..<end]) : ""
  }
}
