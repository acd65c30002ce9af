import DeepRFM
import Files

/// Runs of one setting: they differ in the seed alone, or in what does not change the result.
public struct RunGroup: Sendable {
  /// What sets it apart from the other groups of its comparison: "projection identity", "kernel laplace + features relu".
  public let label: String
  public let runs: [RunRecord]

  /// All layers that a run of the group has, ascending.
  var layers: [Int] { Set(runs.flatMap { $0.layers.map(\.metrics.layer) }).sorted() }
  var firstLayer: Int { layers.first ?? 1 }
  /// The last layer that all runs have.
  var lastLayer: Int { runs.map { $0.layers.last?.metrics.layer ?? 0 }.min() ?? 0 }

  /// Over the runs that have the layer.
  public func statistics(layer: Int, _ value: (LayerMetrics) -> Double) -> Statistics {
    Statistics(runs.compactMap { $0.layers.first { $0.metrics.layer == layer }.map { value($0.metrics) } })
  }

  /// Options that do not change what a run computes, and the seed.
  private static let passedOver: Set<String> = [
    "seed", "output", "data", "memory", "threads", "quiet", "resume", "checkpointEvery", "timeLimit",
    "allowUnconverged",
  ]

  /// Groups in the order of their first runs.
  public static func grouped(_ runs: [RunRecord]) -> [RunGroup] {
    var groups: [(settings: [Setting], runs: [RunRecord])] = []
    for run in runs {
      let own = settings(of: run.options)
      if let index = groups.firstIndex(where: { $0.settings == own }) {
        groups[index].runs.append(run)
      } else {
        groups.append((own, [run]))
      }
    }
    let differing = groups[0].settings.indices.filter { index in
      groups.contains { $0.settings[index] != groups[0].settings[index] }
    }
    return groups.map { group in
      let words = differing.map { group.settings[$0] }.map { "\($0.words) \($0.value)" }
      return RunGroup(label: words.isEmpty ? "all runs" : words.joined(separator: " + "), runs: group.runs)
    }
  }

  private static func settings(of options: TrainOptions) -> [Setting] {
    Setting.all(of: options).filter { !passedOver.contains($0.key) }
  }
}

/// An option and its value, as text.
struct Setting: Sendable, Equatable {
  /// As in config.json.
  let key: String
  let value: String

  /// "feature scale" for featureScale.
  var words: String {
    key.reduce(into: "") { text, letter in text += letter.isUppercase ? " \(letter.lowercased())" : String(letter) }
  }

  /// In the order of the help.
  static func all(of options: TrainOptions) -> [Setting] { all(in: TrainOptions.table.json(options)) }

  /// Of config.json's options.
  static func all(in options: JSON) -> [Setting] {
    guard case .object(let members) = options else { return [] }
    return members.map { member in
      switch member.value {
      case .null: Setting(key: member.key, value: "default")
      case .string(let text): Setting(key: member.key, value: text)
      case .number(let text): Setting(key: member.key, value: text.hasSuffix(".0") ? String(text.dropLast(2)) : text)
      default: Setting(key: member.key, value: member.value.line)
      }
    }
  }
}
