import Files

/// The options of one command, in the order of its help.
public struct OptionTable<Options: Sendable>: Sendable {
  let command: String
  public let options: [CommandOption<Options>]

  /// An option and the text that was given for it.
  public typealias Assignment = (option: CommandOption<Options>, text: String)

  public init(_ command: String, _ options: [CommandOption<Options>]) {
    self.command = command
    self.options = options
  }

  /// Splits arguments into options and their texts: `--name value`, `--name=value`, `--flag`.
  ///
  /// Throws `InputError`: unknown option (with the nearest known name), value missing, stray argument.
  public func assignments(_ arguments: [String]) throws(InputError) -> [Assignment] {
    var assignments: [Assignment] = []
    var rest = arguments[...]
    while let argument = rest.popFirst() {
      guard argument.hasPrefix("--"), argument != "--" else {
        throw InputError(
          "unexpected argument '\(argument)': \(command) takes options only (see --help)")
      }
      let parts = argument.dropFirst(2).split(
        separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      let name = parts.first.map(String.init) ?? ""
      guard let option = options.first(where: { $0.name == name }) else {
        throw unknown(
          "option '--\(name)'", name: name, candidates: options.map(\.name), dashes: "--")
      }
      if parts.count == 2 {
        assignments.append((option, String(parts[1])))
      } else if option.placeholder == nil {
        assignments.append((option, "true"))
      } else if let value = rest.first, !value.hasPrefix("--") {
        assignments.append((option, value))
        rest.removeFirst()
      } else {
        throw InputError("--\(name) needs a value")
      }
    }
    return assignments
  }

  /// Sets what the command line says. An option given twice keeps its last value. Throws `InputError`.
  public func apply(_ assignments: [Assignment], to options: inout Options) throws(InputError) {
    for (option, text) in assignments { try option.set(&options, text, "--\(option.name)") }
  }

  /// Sets what a file's JSON object of options says; null leaves an option as it is. Throws `InputError`.
  public func apply(
    _ object: JSON, from file: String, leaving ignored: Set<String> = [], to options: inout Options
  ) throws(InputError) {
    guard case .object(let members) = object else {
      throw InputError("\(file): the options must be a JSON object")
    }
    for member in members where !ignored.contains(member.key) {
      guard let option = self.options.first(where: { $0.key == member.key && $0.json != nil })
      else {
        let keys = self.options.filter { $0.json != nil }.map(\.key)
        throw unknown("option \"\(member.key)\"", name: member.key, candidates: keys, dashes: "", source: "\(file): ")
      }
      let label = "\(file): \"\(member.key)\""
      switch member.value {
      case .null: continue
      case .bool(let value): try option.set(&options, "\(value)", label)
      case .number(let text), .string(let text): try option.set(&options, text, label)
      case .array, .object: throw InputError("\(label) must be one value, not a list")
      }
    }
  }

  /// Every recorded option by its key, in order.
  public func json(_ options: Options) -> JSON {
    .object(
      self.options.compactMap { option in
        option.json.map { JSON.Member(option.key, $0(options)) }
      })
  }

  /// One entry an option: its name, its meaning, and its value in `defaults` if it has one.
  public func help(defaults: Options) -> String {
    let titles = options.map { option in
      "  --" + option.name + (option.placeholder.map { " " + $0 } ?? "")
    }
    let column = 28
    return zip(options, titles).map { option, title in
      let text = option.help + (defaultNote(option, defaults).map { " [\($0)]" } ?? "")
      let lines = wrapped(text, width: 96 - column)
      let indent = String(repeating: " ", count: column)
      // A long title has a line of its own.
      let fits = title.count < column - 1
      let first = fits ? title + indent.dropFirst(title.count) : title + "\n" + indent
      return first + lines.joined(separator: "\n" + indent)
    }.joined(separator: "\n")
  }

  private func defaultNote(_ option: CommandOption<Options>, _ defaults: Options) -> String? {
    switch option.json?(defaults) {
    case .number(let text):
      let value = text.hasSuffix(".0") ? String(text.dropLast(2)) : text
      guard option.placeholder == "TIME", let seconds = Int(value) else { return value }
      return seconds % 60 == 0 ? "\(seconds / 60)m" : "\(seconds)s"
    case .string(let text) where !text.isEmpty: return text
    default: return nil
    }
  }
}

/// An error for a name that nothing has, with the nearest one that something has.
///
/// `dashes` stand before the suggestion, as before an option on the command line; `source` before it all, as the file's name does.
public func unknown(
  _ subject: String, name: String, candidates: [String], dashes: String = "", source: String = ""
) -> InputError {
  let nearest =
    candidates
    .map { (name: $0, distance: editDistance(name.lowercased(), $0.lowercased())) }
    .min { $0.distance < $1.distance }
  guard let nearest, nearest.distance <= max(2, nearest.name.count / 3) else {
    return InputError("\(source)unknown \(subject) (see --help)")
  }
  return InputError("\(source)unknown \(subject): did you mean '\(dashes)\(nearest.name)'?")
}

/// Insertions, deletions and replacements that make `a` into `b` (Levenshtein; Wagner and Fischer's table by rows).
func editDistance(_ a: String, _ b: String) -> Int {
  let b = Array(b)
  var row = Array(0...b.count)
  for (i, x) in a.enumerated() {
    var diagonal = row[0]
    row[0] = i + 1
    for (j, y) in b.enumerated() {
      let replaced = diagonal + (x == y ? 0 : 1)
      diagonal = row[j + 1]
      row[j + 1] = min(replaced, row[j] + 1, diagonal + 1)
    }
  }
  return row[b.count]
}

/// `text` in lines of at most `width` characters, broken between words.
private func wrapped(_ text: String, width: Int) -> [String] {
  var lines = [""]
  for word in text.split(separator: " ") {
    let last = lines[lines.count - 1]
    if last.isEmpty {
      lines[lines.count - 1] = String(word)
    } else if last.count + 1 + word.count <= width {
      lines[lines.count - 1] = last + " " + word
    } else {
      lines.append(String(word))
    }
  }
  return lines
}
