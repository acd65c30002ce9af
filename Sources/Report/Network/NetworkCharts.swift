import Network

/// A figure that every measured layer has.
struct LayerFigure: Sendable {
  let id: String
  let title: String
  let yName: String
  let isLogarithmic: Bool
  let value: @Sendable (NetworkLayerMetrics) -> Double

  func text(_ value: Double) -> String {
    isLogarithmic ? Figure.scientific(value) : Figure.fixed(value, digits: 3)
  }

  static let nc1: [LayerFigure] = stages("nc1", "NC1") { $0.nc1 }
  static let nc2: [LayerFigure] = stages("nc2", "NC2") { $0.nc2 }
  static let root = LayerFigure(
    id: "nfa-root", title: "Correlation of WᵀW with the root of the AGOP", yName: "correlation", isLogarithmic: false
  ) { $0.nfa.root }
  static let agop = LayerFigure(
    id: "nfa-agop", title: "Correlation of WᵀW with the AGOP", yName: "correlation", isLogarithmic: false
  ) { $0.nfa.agop }
  static let right = LayerFigure(
    id: "right-share", title: "Share of each layer's fall of log NC1 that is due to S Vᵀ", yName: "share",
    isLogarithmic: false
  ) { $0.rightShare }
  static let between = LayerFigure(
    id: "between-share", title: "Share of the output's variance that lies between the classes", yName: "share",
    isLogarithmic: false
  ) { $0.betweenShare }

  /// Of φ, S Vᵀ φ and the activation of W φ.
  private static func stages(
    _ id: String, _ name: String, _ measure: @escaping @Sendable (NetworkLayerMetrics) -> NetworkLayerMetrics.Stages
  ) -> [LayerFigure] {
    [
      LayerFigure(id: id + "-input", title: "\(name) of φ", yName: name, isLogarithmic: true) { measure($0).input },
      LayerFigure(id: id + "-right", title: "\(name) of S Vᵀ φ", yName: name, isLogarithmic: true) {
        measure($0).right
      },
      LayerFigure(id: id + "-output", title: "\(name) of the activation of W φ", yName: name, isLogarithmic: true) {
        measure($0).output
      },
    ]
  }
}

/// Charts of a network over its epochs.
enum NetworkCharts {
  /// A line a layer. - Parameter range: of all charts that are to be compared; nil: this one's own.
  static func chart(_ figure: LayerFigure, of run: NetworkRecord, values: [Double]? = nil) -> LineChart {
    let count = run.finalLayers.count
    let lines = (0..<count).map { place in
      Line(
        name: "layer \(place + 1)", slot: count == 1 ? 0 : place * 6 / (count - 1),
        points: run.measured.filter { $0.layers.count == count }.map { epoch in
          let value = figure.value(epoch.layers[place])
          return Line.Point(
            x: Double(epoch.epoch), y: value, label: "epoch \(epoch.epoch), layer \(place + 1): \(figure.text(value))")
        })
    }
    let all = values ?? lines.flatMap { $0.points.map(\.y) }
    return LineChart(
      id: figure.id, title: figure.title, summary: lines.map { summary($0, figure.text) }.joined(separator: " "),
      yName: figure.yName, y: figure.isLogarithmic ? .logarithmic(all) : .linear(all, fromZero: true),
      xName: "epoch", x: epochs(run.last.epoch), lines: lines, palette: "q")
  }

  /// Loss or accuracy of both splits.
  static func chart(
    _ id: String, _ title: String, of run: NetworkRecord, isLogarithmic: Bool,
    _ splits: @escaping (EpochMetrics) -> EpochMetrics.Splits
  ) -> LineChart {
    func text(_ value: Double) -> String { isLogarithmic ? Figure.scientific(value) : Figure.percent(value) }
    let parts: [(name: String, value: (EpochMetrics) -> Double)] =
      [("training", { splits($0).train })]
      + (run.epochs.contains { splits($0).test != nil } ? [("test", { splits($0).test ?? .nan })] : [])
    let lines = parts.enumerated().map { slot, part in
      Line(
        name: part.name, slot: slot,
        points: thinned(run.epochs).map {
          Line.Point(
            x: Double($0.epoch), y: part.value($0), label: "epoch \($0.epoch), \(part.name): \(text(part.value($0)))")
        })
    }
    let values = lines.flatMap { $0.points.map(\.y) }
    return LineChart(
      id: id, title: title, summary: lines.map { summary($0, text) }.joined(separator: " "),
      yName: isLogarithmic ? "loss" : "accuracy",
      y: isLogarithmic
        ? .logarithmic(values) : .linear(values, within: 0...1) { Figure.tick($0 * 100) + "\u{202F}%" },
      xName: "epoch", x: epochs(run.last.epoch), lines: lines)
  }

  /// At most some 200 of them, the first and the last among them.
  private static func thinned(_ epochs: [EpochMetrics]) -> [EpochMetrics] { Charts.evenly(epochs, atMost: 200) }

  private static func epochs(_ last: Int) -> Scale { .linear([0, Double(max(1, last))]) }

  private static func summary(_ line: Line, _ text: (Double) -> String) -> String {
    guard let first = line.points.first(where: { $0.y.isFinite }), let last = line.points.last(where: { $0.y.isFinite })
    else { return "\(line.name): no values." }
    return "\(line.name): \(text(first.y)) in epoch \(Int(first.x)), \(text(last.y)) in epoch \(Int(last.x))."
  }
}
