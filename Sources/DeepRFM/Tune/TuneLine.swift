import Files
import Runtime

/// A finished combination: a line of tune.jsonl.
public struct TuneLine: Sendable, Equatable {
  /// By their keys in config.json: what the combination is.
  public let kernel, bandwidth, ridge: JSON
  public let layers: Int
  /// Whose metrics these are; nil: the combination failed.
  public let selectedLayer: Int?
  /// Of that layer's line of metrics.jsonl: what tells how good its predictor is.
  let metrics: [JSON.Member]
  /// Why there is no predictor.
  public let failure: String?
  /// What the combination took beyond those that it shares with; shared work in equal parts.
  let seconds: Double

  private static let qualities = ["accuracy", "balancedAccuracy", "meanSquaredError", "rmse", "r2"]

  init(_ options: TrainOptions, layers: Int, _ selected: LayerMetrics?, failure: String? = nil, seconds: Double) {
    let json = TrainOptions.table.json(options)
    (kernel, bandwidth, ridge) = (json["kernel"] ?? .null, json["bandwidth"] ?? .null, json["ridge"] ?? .null)
    self.layers = layers
    selectedLayer = selected?.layer
    let line = selected?.json
    metrics = Self.qualities.compactMap { key in line?[key].map { JSON.Member(key, $0) } }
    self.failure = failure
    self.seconds = seconds
  }

  public var json: JSON {
    .object(
      key + [JSON.Member("selectedLayer", selectedLayer.map { JSON($0) } ?? .null)] + metrics
        + (failure.map { [JSON.Member("failure", .string($0))] } ?? []) + [JSON.Member("seconds", JSON(seconds))])
  }

  /// What the combination is.
  private var key: [JSON.Member] {
    [
      JSON.Member("kernel", kernel), JSON.Member("bandwidth", bandwidth), JSON.Member("ridge", ridge),
      JSON.Member("layers", JSON(layers)),
    ]
  }

  /// The options that make the same predictor without layers behind it, as config.json has them.
  var selection: JSON {
    .object(key.dropLast() + [JSON.Member("layers", JSON(selectedLayer ?? layers))])
  }

  /// Throws `InputError`, which begins with `source`.
  init(json: JSON, source: String) throws(InputError) {
    guard let kernel = json["kernel"], let bandwidth = json["bandwidth"], let ridge = json["ridge"],
      let layers = json.count("layers"), let seconds = json.number("seconds")
    else { throw InputError("\(source): it is no combination of tune") }
    (self.kernel, self.bandwidth, self.ridge, self.layers) = (kernel, bandwidth, ridge, layers)
    selectedLayer = json.count("selectedLayer")
    metrics = Self.qualities.compactMap { key in json[key].map { JSON.Member(key, $0) } }
    if case .string(let text)? = json["failure"] { failure = text } else { failure = nil }
    self.seconds = seconds
  }

  /// A figure on a split; nil: it is not there.
  public func figure(_ name: String, _ split: String) -> Double? {
    metrics.first { $0.key == name }?.value.number(split)
  }

  /// What combinations are compared by, the higher the better.
  public var score: Double {
    figure("accuracy", "validation") ?? figure("rmse", "validation").map { -$0 } ?? -.infinity
  }

  private var squaredError: Double { figure("meanSquaredError", "validation") ?? .infinity }

  /// Whether it is these options', at this depth.
  func isOf(_ options: TrainOptions, layers: Int) -> Bool {
    key == TuneLine(options, layers: layers, nil, seconds: 0).key
  }

  /// Best first; of equal ones the less deep, then the one with the smaller squared error, which tells apart what takes as many samples for
  /// the right class, then the one that came first.
  public static func ranked(_ lines: [TuneLine]) -> [TuneLine] {
    lines.enumerated().sorted {
      let (a, b) = ($0.element, $1.element)
      return (-a.score, a.layers, a.squaredError, $0.offset) < (-b.score, b.layers, b.squaredError, $1.offset)
    }.map(\.element)
  }

  // MARK: For people

  private static let columns: [(title: String, width: Int)] = [
    ("kernel", 9), ("bandwidth", 11), ("ridge", 11), ("layers", 8), ("selected", 10), ("valid", 10), ("test", 10),
    ("seconds", 9),
  ]

  static let header = columns.map { padded($0.title, $0.width) }.joined()

  /// A row of the table.
  var row: String {
    zip(cells, Self.columns).map { Self.padded($0, $1.width) }.joined() + (failure.map { "  \($0)" } ?? "")
  }

  /// Its texts in order.
  public var cells: [String] {
    [
      Self.word(kernel), Self.word(bandwidth), Self.word(ridge), "\(layers)", selectedLayer.map { "\($0)" } ?? "-",
      quality("validation"), quality("test"), Format.fixed(seconds, digits: 2),
    ]
  }

  private func quality(_ split: String) -> String {
    if let accuracy = figure("accuracy", split) { return Format.percent(accuracy) }
    return figure("rmse", split).map { Format.scientific($0, digits: 3) } ?? "-"
  }

  /// 2 for 2.0, auto for none.
  public static func word(_ value: JSON) -> String {
    switch value {
    case .string(let text): text
    case .number(let text): text.hasSuffix(".0") ? String(text.dropLast(2)) : text
    case .null: "auto"
    default: value.line
    }
  }

  private static func padded(_ text: String, _ width: Int) -> String {
    String(repeating: " ", count: max(1, width - text.count)) + text
  }
}
