import DeepRFM

/// What the runs of a setting show, in words that follow from the figures.
public struct Finding: Sendable, Equatable {
  public enum Verdict: Sendable {
    case collapse, partial, none, unknown
  }

  /// NC1 of the first layer's input over that of the last one's, means over the runs.
  public let nc1Fall: Double
  public let nc2Fall: Double
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
    nc1Fall = nc1.first / nc1.last
    nc2Fall = nc2.first / nc2.last
    runs = group.runs.count
    switch nc1Fall {
    case _ where !nc1Fall.isFinite || first >= last: verdict = .unknown
    case Self.collapseFactor...: verdict = .collapse
    case Self.noFactor...: verdict = .partial
    default: verdict = .none
    }
  }

  public static func == (a: Finding, b: Finding) -> Bool {
    a.nc1Fall == b.nc1Fall && a.nc2Fall == b.nc2Fall && a.verdict == b.verdict
  }

  /// "NC1 of the layer's input falls by a factor of 5,940, from 0.447 at layer 1 to 7.53 × 10⁻⁵ at layer 20"
  var nc1Clause: String {
    guard verdict != .unknown else {
      return "NC1 of the layer's input is \(Figure.prose(nc1.first)) at layer \(first)"
    }
    let ends = "from \(Figure.prose(nc1.first)) at layer \(first) to \(Figure.prose(nc1.last)) at layer \(last)"
    return nc1Fall >= 1
      ? "NC1 of the layer's input falls by a factor of \(Figure.factor(nc1Fall)), \(ends)"
      : "NC1 of the layer's input rises by a factor of \(Figure.factor(1 / nc1Fall)), \(ends)"
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
    }
  }

  /// For a run, or runs of one setting.
  var sentence: String { "\(nc1Clause): \(verdictWords).\(nc2Clause)" }

  /// For a setting beside others: "projection agop: the classes collapse, …".
  func sentence(of group: RunGroup) -> String {
    let seeds = runs > 1 ? " (mean of \(runs) runs)" : ""
    return "With \(group.label)\(seeds) \(nc1Clause): \(verdictWords)."
  }

  /// One sentence for a whole comparison: who collapses and who does not.
  public static func overall(_ groups: [RunGroup]) -> String {
    let findings = groups.map { ($0.label, Finding($0)) }
    func names(_ verdict: Verdict) -> String? {
      let labels = findings.filter { $0.1.verdict == verdict }.map(\.0)
      guard let last = labels.last else { return nil }
      return labels.count == 1 ? last : labels.dropLast().joined(separator: "; ") + " and " + last
    }
    var clauses: [String] = []
    if let collapsed = names(.collapse) { clauses.append("The classes collapse with \(collapsed)") }
    if let partial = names(.partial) { clauses.append("they draw together, short of collapse, with \(partial)") }
    if let none = names(.none) { clauses.append("there is no collapse with \(none)") }
    if let unknown = names(.unknown) { clauses.append("there are too few layers to tell with \(unknown)") }
    let text = clauses.joined(separator: "; ")
    return text.prefix(1).uppercased() + text.dropFirst() + "."
  }
}
