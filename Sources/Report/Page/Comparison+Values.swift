import DeepRFM

/// Several runs that predict values, side by side.
extension Comparison {
  var predictsValues: Bool { runs.allSatisfy(\.predictsValues) }

  private var isTested: Bool { runs.contains { $0.layers.contains { $0.metrics.rmse.test != nil } } }

  private func rmse(_ metrics: LayerMetrics) -> Double { isTested ? metrics.rmse.test ?? .nan : metrics.rmse.train }

  private func r2(_ metrics: LayerMetrics) -> Double { isTested ? metrics.r2.test ?? .nan : metrics.r2.train }

  /// "The least test RMSE of a last layer is 10.4, with kernel laplace."
  var valueSentence: String {
    let split = isTested ? "test" : "training"
    let ends = groups.map { (label: $0.label, mean: $0.statistics(layer: $0.lastLayer, rmse).mean) }
    guard let best = ends.filter({ $0.mean.isFinite }).min(by: { $0.mean < $1.mean }) else {
      return "No error is known."
    }
    return groups.count > 1
      ? "The least \(split) RMSE of a last layer is \(Figure.prose(best.mean)), with \(best.label)."
      : "Mean of \(runs.count) runs: the last layer's \(split) RMSE is \(Figure.prose(best.mean))."
  }

  var errors: Markup {
    """
    <p class="soft">A line is the mean over a setting's runs, the band around it the range from the smallest to the largest.</p>
    \(Page.pair((isTested ? [figure(.testRMSE), figure(.testR2)] : []) + [figure(.trainRMSE), figure(.trainR2)]))
    """
  }

  var valueTable: Markup {
    let split = isTested ? "test" : "training"
    return Table(
      id: "table-settings", caption: "Mean ± standard deviation over a setting's runs, of the \(split) rows",
      columns: [.init(title: "setting", isText: true)]
        + ["runs", "RMSE, first layer", "RMSE, last layer", "R², first layer", "R², last layer", "seconds a run"].map {
          .init(title: $0)
        },
      rows: groups.indices.map { index in
        let group = groups[index]
        func text(_ layer: Int, _ value: (LayerMetrics) -> Double, _ format: (Double) -> String) -> Markup {
          "\(group.statistics(layer: layer, value).text(format))"
        }
        let share: (Double) -> String = { Figure.fixed($0, digits: 4) }
        return [
          "\(swatch(index))\(name(index))", "\(group.runs.count)", text(group.firstLayer, rmse, Figure.prose),
          text(group.lastLayer, rmse, Figure.prose), text(group.firstLayer, r2, share),
          text(group.lastLayer, r2, share),
          "\(Statistics(group.runs.map(\.seconds)).text { Figure.fixed($0, digits: 1) })",
        ]
      }
    ).markup
  }
}
