import DeepRFM
import Measures
import Runtime

/// What the runs of a setting show, in words that follow from the figures.
public struct Finding: Sendable, Equatable {
  public enum Verdict: Sendable {
    case collapse, partial, none
    /// There is one layer only.
    case unknown
    /// NC1 is not defined: with one class there is nothing that the classes could be apart from.
    case undefined
  }

  /// NC1 of the first layer's input over that of the last one's, means over the runs.
  public let nc1Fall: Double
  let nc2Fall: Double
  public let verdict: Verdict
  let first: Int
  let last: Int
  private let nc1: (first: Double, last: Double)
  private let nc2: (first: Double, last: Double)
  private let runs: Int

  /// A fall of NC1 by this factor is called collapse, and one below the other none. In the paper's experiments it is
  /// thousands with the AGOP and about 1 without.
  static let collapseFactor = 20.0
  static let noFactor = 3.0

  public init(_ group: RunGroup) {
    (first, last) = (group.firstLayer, group.lastLayer)
    let ends = (first, last)
    func pair(_ value: (LayerMetrics) -> Double) -> (first: Double, last: Double) {
      (group.statistics(layer: ends.0, value).mean, group.statistics(layer: ends.1, value).mean)
    }
    nc1 = pair { $0.nc1.input }
    nc2 = pair { $0.nc2.input }
    nc1Fall = Self.fall(nc1)
    nc2Fall = Self.fall(nc2)
    runs = group.runs.count
    switch nc1Fall {
    case _ where nc1Fall.isNaN: verdict = .undefined
    case _ where first >= last: verdict = .unknown
    case Self.collapseFactor...: verdict = .collapse
    case Self.noFactor...: verdict = .partial
    default: verdict = .none
    }
  }

  /// 1 where both are 0: nothing has changed.
  private static func fall(_ ends: (first: Double, last: Double)) -> Double {
    ends.first == ends.last ? 1 : ends.first / ends.last
  }

  public static func == (a: Finding, b: Finding) -> Bool {
    a.nc1Fall == b.nc1Fall && a.nc2Fall == b.nc2Fall && a.verdict == b.verdict
  }

  /// "NC1 of the layer's input falls by a factor of 5,940, from 0.447 at layer 1 to 7.53 × 10⁻⁵ at layer 20"
  var nc1Clause: String {
    if verdict == .undefined { return undefinedClause }
    guard verdict != .unknown else {
      return "NC1 of the layer's input is \(Figure.prose(nc1.first)) at layer \(first)"
    }
    if nc1Fall == .infinity {
      return "NC1 of the layer's input falls from \(Figure.prose(nc1.first)) at layer \(first) to 0 at layer \(last)"
    }
    let ends = "from \(Figure.prose(nc1.first)) at layer \(first) to \(Figure.prose(nc1.last)) at layer \(last)"
    return nc1Fall >= 1
      ? "NC1 of the layer's input falls by a factor of \(Figure.factor(nc1Fall)), \(ends)"
      : "NC1 of the layer's input rises by a factor of \(Figure.factor(1 / nc1Fall)), \(ends)"
  }

  private var undefinedClause: String {
    let places = [(first, nc1.first), (last, nc1.last)].filter { !$0.1.isFinite }.map(\.0)
    let words = first == last ? "layer \(first)" : places.map { "layer \($0)" }.joined(separator: " and at ")
    return "NC1 of the layer's input is undefined at \(words)"
  }

  var nc2Clause: String {
    guard nc2Fall.isFinite, first < last else { return "" }
    return nc2Fall >= 1
      ? " NC2 falls by a factor of \(Figure.factor(nc2Fall)), to \(Figure.prose(nc2.last))."
      : " NC2 rises by a factor of \(Figure.factor(1 / nc2Fall)), to \(Figure.prose(nc2.last))."
  }

  var verdictWords: String {
    switch verdict {
    case .collapse: "the classes collapse"
    case .partial: "the classes draw together, short of collapse"
    case .none: "no collapse"
    case .unknown: "too few layers to tell"
    case .undefined: "nothing can be said of collapse"
    }
  }

  /// For a run, or runs of one setting.
  var sentence: String { "\(nc1Clause): \(verdictWords).\(nc2Clause)" }

  /// For a setting beside others: "projection agop: the classes collapse, …".
  func sentence(of group: RunGroup) -> String {
    let seeds = runs > 1 ? " (mean of \(runs) runs)" : ""
    return "With \(group.label)\(seeds) \(nc1Clause): \(verdictWords)."
  }

  /// One sentence for a whole comparison: who collapses and who does not; where all do the same, who does most and least.
  public static func overall(_ groups: [RunGroup]) -> String {
    let findings = groups.map { (label: $0.label, finding: Finding($0)) }
    let verdicts: [(Verdict, String)] = [
      (.collapse, "the classes collapse"), (.partial, "the classes draw together, short of collapse,"),
      (.none, "there is no collapse"), (.unknown, "there are too few layers to tell"),
      (.undefined, "NC1 is undefined, and nothing can be said,"),
    ]
    var clauses: [String] = []
    for (verdict, words) in verdicts {
      let labels = findings.filter { $0.finding.verdict == verdict }.map(\.label)
      if labels.count == groups.count && groups.count > 1 {
        let falls = verdict == .collapse || verdict == .partial
        return capitalised(words) + " in all \(groups.count) settings" + (falls ? range(findings) : ".")
      }
      if !labels.isEmpty { clauses.append("\(words) with \(list(labels))") }
    }
    return capitalised(clauses.joined(separator: "; ")) + "."
  }

  /// ": from the first layer to the last NC1 falls most with A (÷ …) and least with B (÷ …)."
  private static func range(_ findings: [(label: String, finding: Finding)]) -> String {
    let falling = findings.filter { $0.finding.nc1Fall.isFinite && $0.finding.verdict != .unknown }
    guard let most = falling.max(by: { $0.finding.nc1Fall < $1.finding.nc1Fall }),
      let least = falling.min(by: { $0.finding.nc1Fall < $1.finding.nc1Fall }), most.label != least.label
    else { return "." }
    return
      ": from the first layer to the last NC1 falls most with \(most.label) (÷ \(Figure.factor(most.finding.nc1Fall))) and "
      + "least with \(least.label) (÷ \(Figure.factor(least.finding.nc1Fall)))."
  }

  private static func list(_ labels: [String]) -> String {
    guard labels.count > 1 else { return labels.first ?? "" }
    // Labels of several options have commas of their own.
    return labels.dropLast().joined(separator: "; ") + " and " + labels[labels.count - 1]
  }

  static func capitalised(_ text: String) -> String { text.prefix(1).uppercased() + text.dropFirst() }
}
