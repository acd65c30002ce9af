import Measures
import Runtime

extension CollapseResult {
  /// For the terminal: a measure a line, warnings below.
  public var table: String {
    var lines = [
      "\(name): \(measures.samples) rows of \(measures.width), \(measures.classes) classes of \(measures.smallestClass) to"
        + " \(measures.largestClass) rows"
    ]
    if let test {
      lines.append(
        "test: \(test.samples) rows, \(test.classes) classes of \(test.smallestClass) to \(test.largestClass) rows")
    }
    let others = Dictionary((test.map(Self.entries) ?? []).map { ($0.name, $0.value) }) { first, _ in first }
    let entries = Self.entries(measures)
    let width = (entries.map(\.name.count).max() ?? 0) + 2
    lines.append("")
    if test != nil { lines.append(padded("", width) + padded("rows", Self.column) + "test rows") }
    for entry in entries {
      let other = test == nil ? "" : others[entry.name].map(Self.text) ?? ""
      let line = padded(entry.name, width) + padded(Self.text(entry.value), test == nil ? 0 : Self.column) + other
      lines.append(String(line.reversed().drop { $0 == " " }.reversed()))
    }
    let warnings = measures.warnings + (test?.warnings.map { "test rows: \($0)" } ?? [])
    if !warnings.isEmpty { lines += [""] + warnings.map { "warning: \($0)" } }
    return lines.joined(separator: "\n") + "\n"
  }

  private static let column = 16

  /// Every number by the path that it has in JSON.
  private static func entries(_ measures: CollapseMeasures) -> [(name: String, value: Double)] {
    var entries = measures.groups.flatMap { group in group.entries.map { ("\(group.name).\($0.name)", $0.value) } }
    if let stages = measures.decomposition {
      for (name, part) in [("nc1", stages.nc1), ("nc2", stages.nc2)] {
        entries += part.entries.map { ("decomposition.\(name).\($0.name)", $0.value) }
      }
    }
    return entries
  }

  private static func text(_ value: Double) -> String {
    value.isFinite ? Format.scientific(value, digits: 6) : "undefined"
  }

  private func padded(_ text: String, _ width: Int) -> String {
    text + String(repeating: " ", count: max(0, width - text.count))
  }
}
