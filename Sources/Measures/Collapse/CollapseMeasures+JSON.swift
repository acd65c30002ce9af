import Files

extension CollapseMeasures {
  /// The format of `collapse --json`; keys whose input was not given are left out.
  /// - Parameter test: the same of test rows.
  public func json(test: CollapseMeasures? = nil) -> JSON {
    var members = [
      JSON.Member("samples", JSON(samples)), JSON.Member("width", JSON(width)), JSON.Member("classes", JSON(classes)),
      JSON.Member("smallestClass", JSON(smallestClass)), JSON.Member("largestClass", JSON(largestClass)),
    ]
    for group in groups {
      members.append(JSON.Member(group.name, .object(group.entries.map { JSON.Member($0.name, JSON($0.value)) })))
    }
    if let decomposition { members.append(JSON.Member("decomposition", decomposition.json)) }
    if let test { members.append(JSON.Member("test", test.json())) }
    members.append(JSON.Member("warnings", .array(warnings.map(JSON.string))))
    return .object(members)
  }

  /// What a layer's line has of it: the measures, and warnings if there are any.
  public var shortJSON: JSON {
    var members = groups.map { group in
      JSON.Member(group.name, .object(group.entries.map { JSON.Member($0.name, JSON($0.value)) }))
    }
    if !warnings.isEmpty { members.append(JSON.Member("warnings", .array(warnings.map(JSON.string)))) }
    return .object(members)
  }

  /// Reads what `shortJSON` wrote; nil where it is something else. What is missing is not a number.
  public init?(short json: JSON) {
    guard case .object = json else { return nil }
    self.init()
    func number(_ group: String, _ name: String) -> Double {
      if case .number(let literal)? = json[[group, name]] { Double(literal) ?? .nan } else { .nan }
    }
    nc1.paper = number("nc1", "paper")
    nc1.traceQuotient = number("nc1", "traceQuotient")
    nc1.pseudoinverse = number("nc1", "pseudoinverse")
    nc1.cdnv = number("nc1", "cdnv")
    nc2.paper = number("nc2", "paper")
    nc2.frobenius = number("nc2", "frobenius")
    nc2.normVariation = number("nc2", "normVariation")
    nc2.cosineDeviation = number("nc2", "cosineDeviation")
    nc2.cosineSpread = number("nc2", "cosineSpread")
    if json["nc4"] != nil { nearestCentreAgreement = number("nc4", "nearestCentreAgreement") }
    if case .array(let sentences)? = json["warnings"] {
      warnings = sentences.compactMap { if case .string(let sentence) = $0 { sentence } else { nil } }
    }
  }

  /// A measure's name and value, as JSON and tables have them.
  public struct Group: Sendable {
    public let name: String
    public let entries: [(name: String, value: Double)]
  }

  /// nc1, nc2 and what else there is, in the order of JSON.
  public var groups: [Group] {
    var groups = [
      Group(
        name: "nc1",
        entries: Array(zip(["paper", "traceQuotient", "pseudoinverse", "cdnv"], nc1.values)).map { ($0, $1) }),
      Group(
        name: "nc2",
        entries: Array(zip(["paper", "frobenius", "normVariation", "cosineDeviation", "cosineSpread"], nc2.values)).map
        { ($0, $1) }),
    ]
    if let selfDuality { groups.append(Group(name: "nc3", entries: [("selfDuality", selfDuality)])) }
    if let nearestCentreAgreement {
      groups.append(Group(name: "nc4", entries: [("nearestCentreAgreement", nearestCentreAgreement)]))
    }
    if let correlation {
      groups.append(Group(name: "nfa", entries: [("agop", correlation.agop), ("root", correlation.root)]))
    }
    return groups
  }
}

extension CollapseMeasures.Decomposition {
  var json: JSON {
    .object([("nc1", nc1), ("nc2", nc2)].map { name, stages in JSON.Member(name, stages.json) })
  }
}

extension CollapseMeasures.Decomposition.Stages {
  /// Stages that are known, by their names.
  public var entries: [(name: String, value: Double)] {
    [("input", input), ("right", right)] + (output.map { [("output", $0)] } ?? [])
  }

  var json: JSON { .object(entries.map { JSON.Member($0.name, JSON($0.value)) }) }
}
