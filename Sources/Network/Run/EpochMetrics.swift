import Files
import Glibc
import Runtime

/// What was measured of a hidden fully-connected layer, with input phi and weight W = U S V^T (NC1, NC2: the paper's).
public struct NetworkLayerMetrics: Sendable, Equatable {
  /// A measure of phi, of S V^T phi, and of the activation of W phi.
  public struct Stages: Sendable, Equatable {
    public var input = Double.nan
    public var right = Double.nan
    public var output = Double.nan

    init() {}
  }

  /// From 1.
  public var layer = 0
  public var name = ""
  public var inputWidth = 0
  /// Correlation of W^T W with the AGOP at phi, and with its root.
  public var nfa = (agop: Double.nan, root: Double.nan)
  public var nc1 = Stages()
  public var nc2 = Stages()
  /// tr S_W / tr S_T and tr S_B / tr S_T of the output.
  public var withinShare = Double.nan
  public var betweenShare = Double.nan

  public init() {}

  /// The share of this layer's fall of log NC1 that is due to S V^T; nan where there is none.
  public var rightShare: Double {
    let whole = Self.log(nc1.input) - Self.log(nc1.output)
    return whole > 0 ? (Self.log(nc1.input) - Self.log(nc1.right)) / whole : .nan
  }

  private static func log(_ value: Double) -> Double { value > 0 ? Glibc.log(value) : .nan }

  public static func == (a: Self, b: Self) -> Bool { a.json == b.json }
}

/// What an epoch left: a line of metrics.jsonl. A number that is infinite or none is written as null.
public struct EpochMetrics: Sendable, Equatable {
  /// A number of both splits.
  public struct Splits: Sendable, Equatable {
    public var train = Double.nan
    /// nil: there is no test split.
    public var test: Double?

    init() {}
  }

  /// From 0.
  public var epoch = 0
  public var samples = 0
  public var ranks = 0
  /// Training: of each batch as it was met; test: after the epoch.
  public var loss = Splits()
  /// After the epoch.
  public var accuracy = Splits()
  /// The slowest rank's, in the order of `Phase.ofEpoch`, then the total.
  public var seconds: [Double] = []
  /// Of the rank that held most.
  public var peakMemoryBytes = 0
  /// Where it was measured.
  public var layers: [NetworkLayerMetrics] = []
  /// With --measure convolutions: the same of these, whose rows are images and whose AGOP is of the patches.
  public var convolutions: [NetworkLayerMetrics] = []

  public init() {}

  /// Of the epoch, its evaluation and its measurement.
  public var totalSeconds: Double { seconds.last ?? .nan }
}

// MARK: - As JSON

extension NetworkLayerMetrics.Stages {
  fileprivate var json: JSON {
    .object([
      JSON.Member("input", JSON(input)), JSON.Member("right", JSON(right)), JSON.Member("output", JSON(output)),
    ])
  }

  fileprivate init(_ json: JSON, _ source: String) throws(InputError) {
    input = try json.real("input", source)
    right = try json.real("right", source)
    output = try json.real("output", source)
  }
}

extension NetworkLayerMetrics {
  var json: JSON {
    .object([
      JSON.Member("layer", JSON(layer)), JSON.Member("name", .string(name)),
      JSON.Member("inputWidth", JSON(inputWidth)),
      JSON.Member(
        "nfa", .object([JSON.Member("agop", JSON(nfa.agop)), JSON.Member("root", JSON(nfa.root))])),
      JSON.Member("nc1", nc1.json), JSON.Member("nc2", nc2.json), JSON.Member("withinShare", JSON(withinShare)),
      JSON.Member("betweenShare", JSON(betweenShare)),
    ])
  }

  fileprivate init(_ json: JSON, _ source: String) throws(InputError) {
    layer = try json.integer("layer", source)
    if case .string(let text)? = json["name"] { name = text }
    inputWidth = try json.integer("inputWidth", source)
    let nfa = try json.member("nfa", source)
    self.nfa = (try nfa.real("agop", source), try nfa.real("root", source))
    nc1 = try Stages(json.member("nc1", source), source)
    nc2 = try Stages(json.member("nc2", source), source)
    withinShare = try json.real("withinShare", source)
    betweenShare = try json.real("betweenShare", source)
  }
}

extension EpochMetrics.Splits {
  fileprivate var json: JSON {
    .object([JSON.Member("train", JSON(train)), JSON.Member("test", test.map { JSON($0) } ?? .null)])
  }

  fileprivate init(_ json: JSON, _ source: String) throws(InputError) {
    train = try json.real("train", source)
    test = json["test"] == .null ? nil : try json.real("test", source)
  }
}

extension EpochMetrics {
  public var json: JSON {
    let names = Phase.ofEpoch.map(\.name) + ["total"]
    var members = [
      JSON.Member("epoch", JSON(epoch)), JSON.Member("samples", JSON(samples)), JSON.Member("ranks", JSON(ranks)),
      JSON.Member("loss", loss.json), JSON.Member("accuracy", accuracy.json),
      JSON.Member("seconds", .object(zip(names, seconds).map { JSON.Member($0, JSON($1)) })),
      JSON.Member("peakMemoryBytes", JSON(peakMemoryBytes)),
    ]
    if !layers.isEmpty { members.append(JSON.Member("layers", .array(layers.map(\.json)))) }
    if !convolutions.isEmpty { members.append(JSON.Member("convolutions", .array(convolutions.map(\.json)))) }
    return .object(members)
  }

  /// Reads what `json` wrote; keys that are not known are passed over, for lines of later versions. Throws `InputError` naming what is
  /// missing or has the wrong type; `source` begins the sentence.
  public init(json: JSON, source: String) throws(InputError) {
    epoch = try json.integer("epoch", source)
    samples = try json.integer("samples", source)
    ranks = try json.integer("ranks", source)
    loss = try Splits(json.member("loss", source), source)
    accuracy = try Splits(json.member("accuracy", source), source)
    let seconds = try json.member("seconds", source)
    for name in Phase.ofEpoch.map(\.name) + ["total"] { self.seconds.append(try seconds.real(name, source)) }
    peakMemoryBytes = try json.integer("peakMemoryBytes", source)
    layers = try Self.layers(json, "layers", source)
    convolutions = try Self.layers(json, "convolutions", source)
  }

  /// Empty where it was not measured.
  private static func layers(_ json: JSON, _ key: String, _ source: String) throws(InputError) -> [NetworkLayerMetrics]
  {
    guard let list = json[key] else { return [] }
    guard case .array(let entries) = list else { throw InputError("\(source): \(key) has the wrong type") }
    var layers: [NetworkLayerMetrics] = []
    for entry in entries { layers.append(try NetworkLayerMetrics(entry, "\(source): \(key)")) }
    return layers
  }
}

extension JSON {
  fileprivate func member(_ key: String, _ source: String) throws(InputError) -> JSON {
    guard let value = self[key] else { throw InputError("\(source): \(key) is missing") }
    return value
  }

  /// Null is not a number.
  fileprivate func real(_ key: String, _ source: String) throws(InputError) -> Double {
    switch try member(key, source) {
    case .null: return .nan
    case .number(let literal):
      if let value = Double(literal) { return value }
      fallthrough
    default: throw InputError("\(source): \(key) has the wrong type")
    }
  }

  fileprivate func integer(_ key: String, _ source: String) throws(InputError) -> Int {
    guard case .number(let literal) = try member(key, source), let value = Int(literal) else {
      throw InputError("\(source): \(key) has the wrong type")
    }
    return value
  }
}
