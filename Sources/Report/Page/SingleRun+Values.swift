import DeepRFM

/// The report of a run that predicts values.
extension SingleRun {
  var valueHTML: String {
    let lead: Markup = """
      <p class="lead">\(Self.valueSentence(run))</p>
      \(Page.notes(run.notes))
      \(Page.tiles(valueTiles))
      """
    let spectrum = Charts.spectrum(run).map { [Page.Section(id: "agop", title: "AGOP", body: spectrumSection($0))] }
    return Page.document(
      title: "\(run.options.datasetTitle), \(RunRecord.count(run.options.layers, "layer"))", subtitle: subtitle,
      lead: lead,
      [Page.Section(id: "errors", title: "Errors", body: errors)] + predicted + columns + alignment
        + [Page.Section(id: "solver", title: "Solver", body: solver)] + (spectrum ?? []) + [
          Page.Section(id: "time", title: "Time", body: time),
          Page.Section(id: "numbers", title: "Numbers", body: LayerTables.markup(run)),
          Page.Section(id: "settings", title: "Settings", body: settings),
        ])
  }

  /// "Test RMSE is 12.1 at layer 1 and 10.4 at layer 5; the least is 10.2, at layer 4, where R² is 0.981." With validation samples: what
  /// the layer that they select has, beside the least.
  static func valueSentence(_ run: RunRecord) -> String {
    let isTested = run.layers.contains { $0.metrics.rmse.test?.isFinite == true }
    func rmse(_ layer: LayerRecord) -> Double {
      isTested ? layer.metrics.rmse.test ?? .nan : layer.metrics.rmse.train
    }
    let layers = run.layers.filter { rmse($0).isFinite }
    guard let first = layers.first, let last = layers.last, let best = layers.min(by: { rmse($0) < rmse($1) }) else {
      return "No error is known."
    }
    let r2 = isTested ? best.metrics.r2.test ?? .nan : best.metrics.r2.train
    let share = r2.isFinite ? ", where R² is \(Figure.fixed(r2, digits: 4))" : ""
    let name = isTested ? "Test RMSE" : "Training RMSE (there is no test part)"
    if first.metrics.layer == last.metrics.layer {
      return "\(name) is \(Figure.prose(rmse(first))) at layer \(first.metrics.layer)\(share)."
    }
    if let selected = selected(run), isTested {
      return "Layer \(selected.metrics.layer) is selected, by an RMSE of "
        + "\(Figure.prose(selected.metrics.rmse.validation ?? .nan)) on the validation samples; its test RMSE is "
        + "\(Figure.prose(rmse(selected))), and the least of all layers \(Figure.prose(rmse(best))), at layer \(best.metrics.layer)\(share)."
    }
    return
      "\(name) is \(Figure.prose(rmse(first))) at layer \(first.metrics.layer) and \(Figure.prose(rmse(last))) at layer "
      + "\(last.metrics.layer); the least is \(Figure.prose(rmse(best))), at layer \(best.metrics.layer)\(share)."
  }

  /// The layer that validation samples selected.
  private static func selected(_ run: RunRecord) -> LayerRecord? {
    run.hasValidation ? run.layers.first { $0.metrics.layer == run.selectedLayer } : nil
  }

  private var valueTiles: [(name: String, value: String, note: String)] {
    [
      (
        "test RMSE, last layer", Figure.prose(last.rmse.test ?? .nan), "training \(Figure.prose(last.rmse.train))"
      ),
      (
        "test R², last layer", Figure.fixed(last.r2.test ?? .nan, digits: 4),
        "training \(Figure.fixed(last.r2.train, digits: 4))"
      ),
      (
        "time", Figure.duration(run.seconds),
        "\(RunRecord.count(run.configuration.ranks, "rank")) × \(RunRecord.count(run.configuration.threads, "thread"))"
      ),
      ("peak memory a rank", Figure.bytes(run.peakMemoryBytes), "the rank that held most"),
    ]
  }

  private var isTested: Bool { run.layers.contains { $0.metrics.rmse.test != nil } }

  private var errors: Markup {
    let rmse =
      (isTested ? [("test", Quantity.testRMSE)] : []) + [("training", Quantity.trainRMSE)]
      + (run.hasValidation ? [("validation", Quantity.validationRMSE)] : [])
    let r2 =
      (isTested ? [("test", Quantity.testR2)] : []) + [("training", Quantity.trainR2)]
      + (run.hasValidation ? [("validation", Quantity.validationR2)] : [])
    var chart = Charts.chart("rmse", "RMSE of each layer's predictor", of: run, rmse)
    if run.hasValidation, let layer = run.selectedLayer { chart.mark = (Double(layer), "selected") }
    return Page.pair([
      Page.figure(
        chart,
        caption: "In the values' own units, over rows and outputs together."
          + (isTested ? "" : " This run had no test samples.")),
      Page.figure(
        Charts.chart("r2", "R² of each layer's predictor", of: run, r2),
        caption:
          "The share of the values' variance that is explained, the mean over the outputs; none where an output is constant."
      ),
    ])
  }

  /// The selected layer, else the one with the least error: its pictures say most.
  private var pictured: LayerRecord? {
    if let selected = Self.selected(run), selected.values != nil { return selected }
    return run.layers.filter { $0.values != nil }.min {
      ($0.metrics.rmse.test ?? $0.metrics.rmse.train) < ($1.metrics.rmse.test ?? $1.metrics.rmse.train)
    }
  }

  private var predicted: [Page.Section] {
    guard let pictured, let values = pictured.values else { return [] }
    let why = Self.selected(run)?.metrics.layer == pictured.metrics.layer ? "is selected" : "has the least error"
    let rows = values.targets.count / values.outputs
    let figures = (0..<values.outputs).flatMap { output -> [Markup] in
      let points = (0..<rows).map {
        (x: values.targets[$0 * values.outputs + output], y: values.predicted[$0 * values.outputs + output])
      }
      let name = values.outputs > 1 ? ", output \(output + 1)" : ""
      return [scatter(points, output, name, residuals: false), scatter(points, output, name, residuals: true)]
    }
    let body: Markup = """
      <p class="soft">\(Figure.grouped(rows)) \(isTested ? "test" : "training") rows, evenly spaced, and the predictor of layer \
      \(pictured.metrics.layer), which \(why). A dotted line: where all would lie if nothing were wrong.</p>
      \(Page.pair(figures))
      """
    return [Page.Section(id: "predicted", title: "Predicted and true", body: body)]
  }

  private func scatter(_ points: [(x: Double, y: Double)], _ output: Int, _ name: String, residuals: Bool) -> Markup {
    let title = (residuals ? "Residuals" : "Predicted against true") + name
    let shown = residuals ? points.map { (x: $0.y, y: $0.y - $0.x) } : points
    let worst = points.map { abs($0.y - $0.x) }.max() ?? .nan
    let chart = ScatterChart(
      id: (residuals ? "residuals-" : "predicted-") + "\(output)", title: title,
      summary: "\(points.count) rows; the largest error is \(Figure.prose(worst)).",
      xName: residuals ? "predicted" : "true", yName: residuals ? "predicted − true" : "predicted", points: shown,
      isDiagonal: !residuals)
    return Page.figure(title, chart.svg(), caption: "The largest error shown is \(Figure.prose(worst)).")
  }

  /// What the model looks at: the data's columns by the AGOP's diagonal.
  private var columns: [Page.Section] {
    guard let layer = run.layers.last(where: { !$0.diagonal.isEmpty }) else { return [] }
    let total = layer.diagonal.reduce(0, +)
    guard total > 0 else { return [] }
    let order = layer.diagonal.indices.sorted { (layer.diagonal[$1], $0) < (layer.diagonal[$0], $1) }
    let shown = order.prefix(Self.mostColumns).filter { layer.diagonal[$0] > 0 }
    let table = Table(
      id: "table-columns", caption: "The AGOP's largest diagonal entries, layer \(layer.metrics.layer)",
      columns: ["column", "entry / largest", "share of the trace"].map { .init(title: $0, isText: $0 == "column") },
      rows: shown.map { k in
        [
          "\(columnName(k))", "\(Figure.fixed(layer.diagonal[k] / layer.diagonal[order[0]], digits: 4))",
          "\(Figure.percent(layer.diagonal[k] / total))",
        ]
      })
    let rest = layer.diagonal.count > shown.count ? " \(shown.count) of \(layer.diagonal.count) columns are shown." : ""
    let body: Markup = """
      <p class="soft">How much the prediction moves with a column, all else as it is: the mean square of its slope, columns in units of \
      their standard deviation.\(rest)</p>
      \(table.markup)
      """
    return [Page.Section(id: "columns", title: "What the model looks at", body: body)]
  }

  private static let mostColumns = 20

  private func columnName(_ k: Int) -> String { run.columns.indices.contains(k) ? run.columns[k] : "feature \(k)" }
}
