import DeepRFM
import Measures

/// A figure that every layer has, and how it is drawn.
struct Quantity: Sendable {
  let id: String
  let title: String
  let yName: String
  let kind: Scale.Kind
  let value: @Sendable (LayerRecord) -> Double
  /// For a tooltip or a table.
  let text: @Sendable (Double) -> String

  static func logarithmic(
    _ id: String, _ title: String, _ yName: String, _ value: @escaping @Sendable (LayerRecord) -> Double
  ) -> Quantity {
    Quantity(id: id, title: title, yName: yName, kind: .logarithmic, value: value) { Figure.scientific($0) }
  }

  static let nc1: [Quantity] = [
    .logarithmic("nc1-input", "NC1 of the layer's input", "NC1") { $0.metrics.nc1.input },
    .logarithmic("nc1-projected", "NC1 after the projection", "NC1") { $0.metrics.nc1.projected },
    .logarithmic("nc1-mapped", "NC1 after the random features", "NC1") { $0.metrics.nc1.mapped },
  ]
  static let nc2: [Quantity] = [
    .logarithmic("nc2-input", "NC2 of the layer's input", "NC2") { $0.metrics.nc2.input },
    .logarithmic("nc2-projected", "NC2 after the projection", "NC2") { $0.metrics.nc2.projected },
    .logarithmic("nc2-mapped", "NC2 after the random features", "NC2") { $0.metrics.nc2.mapped },
  ]
  static let testAccuracy = Quantity(
    id: "test-accuracy", title: "Test accuracy", yName: "accuracy", kind: .linear,
    value: { $0.metrics.accuracy.test ?? .nan }, text: Figure.percent)
  static let validationAccuracy = Quantity(
    id: "validation-accuracy", title: "Validation accuracy", yName: "accuracy", kind: .linear,
    value: { $0.metrics.accuracy.validation ?? .nan }, text: Figure.percent)
  static let trainAccuracy = Quantity(
    id: "train-accuracy", title: "Training accuracy", yName: "accuracy", kind: .linear,
    value: { $0.metrics.accuracy.train }, text: Figure.percent)
  static let testRMSE = Quantity(
    id: "test-rmse", title: "Test RMSE", yName: "RMSE", kind: .linear, value: { $0.metrics.rmse.test ?? .nan },
    text: Figure.prose)
  static let validationRMSE = Quantity(
    id: "validation-rmse", title: "Validation RMSE", yName: "RMSE", kind: .linear,
    value: { $0.metrics.rmse.validation ?? .nan }, text: Figure.prose)
  static let trainRMSE = Quantity(
    id: "train-rmse", title: "Training RMSE", yName: "RMSE", kind: .linear, value: { $0.metrics.rmse.train },
    text: Figure.prose)
  static let testR2 = Quantity(
    id: "test-r2", title: "Test R²", yName: "R²", kind: .linear, value: { $0.metrics.r2.test ?? .nan },
    text: { Figure.fixed($0, digits: 4) })
  static let validationR2 = Quantity(
    id: "validation-r2", title: "Validation R²", yName: "R²", kind: .linear,
    value: { $0.metrics.r2.validation ?? .nan }, text: { Figure.fixed($0, digits: 4) })
  static let trainR2 = Quantity(
    id: "train-r2", title: "Training R²", yName: "R²", kind: .linear, value: { $0.metrics.r2.train },
    text: { Figure.fixed($0, digits: 4) })
  static let iterations = Quantity(
    id: "iterations", title: "Solver iterations", yName: "iterations", kind: .linear,
    value: { Double($0.metrics.solver.iterations) }, text: { Figure.fixed($0, digits: 0) })
  static let residual = Quantity.logarithmic("residual", "True relative residual", "largest relative residual") {
    $0.metrics.solver.residual
  }
  static let effectiveRank = Quantity(
    id: "effective-rank", title: "Effective rank of the AGOP", yName: "effective rank", kind: .linear,
    value: { $0.effectiveRank }, text: { Figure.fixed($0, digits: 2) })
}

/// Charts of figures over layers.
enum Charts {
  /// Several figures of one run.
  static func chart(
    _ id: String, _ title: String, of run: RunRecord, _ quantities: [(name: String, quantity: Quantity)],
    reference: (value: Double, name: String)? = nil
  ) -> LineChart {
    let lines = quantities.enumerated().map { slot, item in
      Line(
        name: item.name, slot: slot,
        points: run.layers.map { layer in
          let value = item.quantity.value(layer)
          return Line.Point(
            x: Double(layer.metrics.layer), y: value,
            label: "layer \(layer.metrics.layer), \(item.name): \(item.quantity.text(value))")
        })
    }
    return chart(
      id, title, lines, like: quantities[0].quantity, deepest: run.layers.last?.metrics.layer ?? 1, reference)
  }

  /// One figure of several settings: the mean over a setting's runs, and the range they span.
  static func chart(_ quantity: Quantity, of groups: [RunGroup], reference: (value: Double, name: String)? = nil)
    -> LineChart
  {
    let lines = groups.enumerated().compactMap { slot, group -> Line? in
      let statistics = group.layers.map { layer in
        (
          layer: layer,
          of: Statistics(
            group.runs.compactMap { run in run.layers.first { $0.metrics.layer == layer }.map(quantity.value) })
        )
      }
      guard statistics.contains(where: { $0.of.count > 0 }) else { return nil }
      return Line(
        name: group.label, slot: slot,
        points: statistics.map {
          Line.Point(
            x: Double($0.layer), y: $0.of.mean,
            label:
              "layer \($0.layer), \(group.label): \($0.of.text(quantity.text)), \(RunRecord.count($0.of.count, "run"))")
        },
        band: group.runs.count < 2
          ? [] : statistics.map { Line.Range(x: Double($0.layer), low: $0.of.smallest, high: $0.of.largest) })
    }
    return chart(
      quantity.id, quantity.title, lines, like: quantity, deepest: groups.compactMap(\.layers.last).max() ?? 1,
      reference)
  }

  private static func chart(
    _ id: String, _ title: String, _ lines: [Line], like quantity: Quantity, deepest: Int,
    _ reference: (value: Double, name: String)?
  ) -> LineChart {
    let values = lines.flatMap { $0.points.map(\.y) + $0.band.flatMap { [$0.low, $0.high] } }
    let isShare = quantity.yName == "accuracy"
    let y: Scale =
      quantity.kind == .logarithmic
      ? .logarithmic(values + (reference.map { [$0.value] } ?? []))
      : isShare
        ? .linear(values, within: 0...1) { Figure.tick($0 * 100) + "\u{202F}%" } : .linear(values, fromZero: true)
    return LineChart(
      id: id, title: title, summary: lines.map { summary($0, quantity) }.joined(separator: " "), yName: quantity.yName,
      y: y, x: .layers(deepest), lines: lines, reference: reference)
  }

  /// "input: 0.447 at layer 1, 7.53e-05 at layer 20."
  private static func summary(_ line: Line, _ quantity: Quantity) -> String {
    guard let first = line.points.first(where: { $0.y.isFinite }), let last = line.points.last(where: { $0.y.isFinite })
    else { return "\(line.name): no values." }
    let ends = "\(line.name): \(quantity.text(first.y)) at layer \(Int(first.x))"
    return first.x == last.x ? ends + "." : ends + ", \(quantity.text(last.y)) at layer \(Int(last.x))."
  }

  /// Eigenvalues over the largest one, for at most seven layers from the first to the last.
  static func spectrum(_ run: RunRecord) -> LineChart? {
    let layers = evenly(run.layers.filter { ($0.spectrum.first ?? 0) > 0 }, atMost: 7)
    guard !layers.isEmpty else { return nil }
    return spectra(
      "Spectrum of the AGOP",
      layers.enumerated().map { index, layer in
        // The last of the seven colours is the last layer's, however few there are.
        let slot = layers.count == 1 ? 0 : index * 6 / (layers.count - 1)
        return ("layer \(layer.metrics.layer)", slot, layer)
      }, palette: "q")
  }

  /// The same of each setting's last layer, in its first run that has one.
  static func spectrum(_ groups: [RunGroup]) -> LineChart? {
    let layers = groups.enumerated().compactMap { slot, group in
      group.runs.lazy.compactMap { $0.layers.last { ($0.spectrum.first ?? 0) > 0 } }.first.map {
        (group.label, slot, $0)
      }
    }
    return layers.isEmpty ? nil : spectra("Spectrum of the last layer's AGOP", layers, palette: "s")
  }

  private static func spectra(
    _ title: String, _ layers: [(name: String, slot: Int, layer: LayerRecord)], palette: String
  ) -> LineChart {
    let lines = layers.map { Line(name: $0.name, slot: $0.slot, points: spectrumPoints($0.layer)) }
    let widest = Double(layers.map(\.layer.spectrum.count).max() ?? 1)
    return LineChart(
      id: "spectrum", title: title,
      summary: "Eigenvalues over the largest, in falling order. "
        + layers.map { "\($0.name): effective rank \(Figure.fixed($0.layer.effectiveRank, digits: 1))." }
        .joined(separator: " "),
      yName: "eigenvalue / largest", y: .logarithmic(lines.flatMap { $0.points.map(\.y) }),
      xName: "index of the eigenvalue", x: .logarithmic([1, widest]), lines: lines, palette: palette,
      showsMarkers: false)
  }

  /// About 80 points, close where few indices are. What is below 1e-9 of the largest is rounding.
  private static func spectrumPoints(_ layer: LayerRecord) -> [Line.Point] {
    var points: [Line.Point] = []
    var index = 1
    while index <= layer.spectrum.count {
      let share = layer.spectrum[index - 1] / layer.spectrum[0]
      guard share > 1e-9 else { break }
      points.append(Line.Point(x: Double(index), y: share, label: ""))
      index = max(index + 1, Int(Double(index) * 1.07))
    }
    return points
  }

  /// At most `limit` of the elements, the first and the last among them.
  static func evenly<Element>(_ elements: [Element], atMost limit: Int) -> [Element] {
    guard elements.count > limit else { return elements }
    return (0..<limit).map { elements[$0 * (elements.count - 1) / (limit - 1)] }
  }
}

/// The phases of a layer's work.
enum Phases {
  static let names = ["kernel", "preconditioner", "solve", "agop", "root", "features", "metrics", "communication"]

  static func values(_ metrics: LayerMetrics) -> [Double] { Array(metrics.seconds.values.prefix(names.count)) }

  static func chart(_ run: RunRecord) -> StackedBars {
    StackedBars(
      id: "seconds", title: "Seconds a layer, by phase", summary: summary(of: run.layers.map(\.metrics)), parts: names,
      bars: run.layers.map { .init(label: "\($0.metrics.layer)", values: values($0.metrics)) }, xName: "layer",
      yName: "seconds", width: 1130)
  }

  /// A bar a setting: its whole run, mean over its runs.
  static func chart(_ groups: [RunGroup]) -> StackedBars {
    let bars = groups.enumerated().map { index, group in
      let totals = names.indices.map { phase in
        Statistics(group.runs.map { $0.layers.reduce(0) { $0 + values($1.metrics)[phase] } }).mean
      }
      return StackedBars.Bar(label: groups.count == 1 ? group.label : letter(index), values: totals)
    }
    return StackedBars(
      id: "seconds", title: "Seconds a run, by phase",
      summary: zip(bars, groups).map { "\($1.label): \(Figure.duration($0.values.reduce(0, +)))." }.joined(
        separator: " "),
      parts: names, bars: bars, xName: "setting", yName: "seconds", width: 1130)
  }

  /// A, B, … Z, 27, 28 …
  static func letter(_ index: Int) -> String {
    index < 26 ? String(Character(Unicode.Scalar(UInt8(65 + index)))) : "\(index + 1)"
  }

  private static func summary(of layers: [LayerMetrics]) -> String {
    let sums = names.indices.map { phase in layers.reduce(0) { $0 + values($1)[phase] } }
    let total = layers.reduce(0) { $0 + $1.seconds.total }
    let largest = sums.indices.sorted { sums[$0] > sums[$1] }.prefix(3)
    return "\(Figure.duration(total)) in all; most of it: "
      + largest.map { "\(names[$0]) \(Figure.duration(sums[$0]))" }.joined(separator: ", ") + "."
  }
}
