import DeepRFM
import Measures
import Runtime

/// The report of several runs: settings side by side, each with mean and spread over its runs.
struct Comparison {
  let runs: [RunRecord]
  let groups: [RunGroup]

  init(runs: [RunRecord]) {
    self.runs = runs
    groups = RunGroup.grouped(runs)
  }

  var html: String {
    let notes = runs.flatMap { run in (run.notes + [run.unsolved].compactMap { $0 }).map { "\(run.name): \($0)" } }
    let lead: Markup = """
      <p class="lead">\(leadSentence)</p>
      \(sentences)
      \(Page.notes(notes))
      """
    let strips = groups.enumerated().compactMap { index, group in
      group.runs.firstNonNil { Gallery.strip($0) }.map { strip -> Markup in
        "<h3>\(swatch(index))\(name(index))</h3>\n\(strip)"
      }
    }
    let pictures = strips.isEmpty ? [] : [Page.Section(id: "pictures", title: "Pictures", body: gallery(strips))]
    let hasSpectrum = runs.contains { $0.layers.contains { !$0.spectrum.isEmpty } }
    let agop =
      hasSpectrum
      ? [Page.Section(id: "agop", title: "AGOP", body: agopFigures)] : []
    return Page.document(
      title: title, subtitle: subtitle, lead: lead,
      [
        Page.Section(
          id: "settings", title: groups.count > 1 ? "Settings" : "Mean and spread",
          body: predictsValues ? valueTable : summaryTable)
      ] + (predictsValues ? [Page.Section(id: "errors", title: "Errors", body: errors)] : ofClasses(pictures)) + [
        Page.Section(id: "solver", title: "Solver", body: Page.pair([figure(.iterations), figure(.residual)]))
      ] + agop + [
        Page.Section(id: "time", title: "Time", body: time)
      ] + (predictsValues ? [] : [Page.Section(id: "numbers", title: "Numbers", body: layerTable)]) + [
        Page.Section(id: "runs", title: "Runs", body: runTable)
      ])
  }

  private func ofClasses(_ pictures: [Page.Section]) -> [Page.Section] {
    let hasTest = runs.contains { $0.layers.contains { $0.metrics.accuracy.test != nil } }
    return [Page.Section(id: "collapse", title: "Collapse", body: collapse)] + pictures + [
      Page.Section(
        id: "accuracy", title: "Accuracy",
        body: Page.pair((hasTest ? [figure(.testAccuracy)] : []) + [figure(.trainAccuracy)]))
    ]
  }

  private var datasets: String {
    runs.reduce(into: [String]()) { names, run in
      if !names.contains(run.options.datasetTitle) { names.append(run.options.datasetTitle) }
    }.joined(separator: ", ")
  }

  private var title: String {
    groups.count > 1 ? "\(datasets): \(groups.count) settings compared" : "\(datasets): \(runs.count) runs"
  }

  private var subtitle: String {
    let sizes = Set(runs.compactMap { $0.layers.first?.metrics.samples }).sorted().map(Figure.grouped)
    return "\(RunRecord.count(runs.count, "run")) · \(sizes.joined(separator: ", ")) samples · seeds "
      + Set(runs.map(\.options.seed)).sorted().map { "\($0)" }.joined(separator: ", ")
  }

  var leadSentence: String {
    if predictsValues { return valueSentence }
    guard groups.count > 1 else {
      return "Mean of \(runs.count) runs: \(Finding(groups[0]).sentence)"
    }
    return Finding.overall(groups)
  }

  private var sentences: Markup {
    guard groups.count > 1, !predictsValues else { return "" }
    return "<ul>\n\(groups.map { "<li>\(Finding($0).sentence(of: $0))</li>" as Markup }.joined())\n</ul>"
  }

  func name(_ index: Int) -> String {
    groups.count > 1 ? "\(Phases.letter(index)) · \(groups[index].label)" : groups[index].label
  }

  func swatch(_ index: Int) -> Markup {
    groups.count > 1 ? "<span class=\"swatch s\(index % 8 + 1)\" aria-hidden=\"true\"></span>" : ""
  }

  func figure(_ quantity: Quantity) -> Markup { Page.figure(Charts.chart(quantity, of: groups)) }

  private var agopFigures: Markup {
    let spectrum = Charts.spectrum(groups).map {
      [Page.figure($0, caption: "Eigenvalues over the largest, in a setting's first run.")]
    }
    let rank = Page.figure(
      Charts.chart(.effectiveRank, of: groups),
      caption: "(Σλ)² / Σλ²."
        + (predictsValues ? "" : " In full collapse the AGOP spans one direction less than there are classes."))
    return Page.pair((spectrum ?? []) + [rank])
  }

  private var summaryTable: Markup {
    let table = Table(
      id: "table-settings",
      caption: "Mean ± standard deviation over a setting's runs; NC1 and NC2 of the layer's input",
      columns: [.init(title: "setting", isText: true)]
        + [
          "runs", "NC1, first layer", "NC1, last layer", "change", "finding", "NC2, last layer", "test %, first",
          "test %, last",
          "seconds a run",
        ].map { .init(title: $0) },
      rows: groups.indices.map { index in
        let group = groups[index]
        let finding = Finding(group)
        func text(_ layer: Int, _ value: (LayerMetrics) -> Double, _ format: (Double) -> String) -> Markup {
          "\(group.statistics(layer: layer, value).text(format))"
        }
        let short: (Double) -> String = { Figure.scientific($0, digits: 1) }
        let percent: (Double) -> String = { Figure.fixed($0 * 100, digits: 2) }
        let change =
          finding.nc1Fall >= 1 ? "÷ \(Figure.factor(finding.nc1Fall))" : "× \(Figure.factor(1 / finding.nc1Fall))"
        let style = finding.verdict == .collapse ? "good" : finding.verdict == .none ? "poor" : "soft"
        let word =
          switch finding.verdict {
          case .collapse: "collapse"
          case .partial: "partial"
          case .none: "no collapse"
          case .unknown: "too few layers"
          case .undefined: "undefined"
          }
        return [
          "\(swatch(index))\(name(index))", "\(group.runs.count)",
          text(group.firstLayer, { $0.nc1.input }, short), text(group.lastLayer, { $0.nc1.input }, short),
          "\(change)", "<span class=\"\(style)\">\(word)</span>",
          text(group.lastLayer, { $0.nc2.input }, short),
          text(group.firstLayer, { $0.accuracy.test ?? .nan }, percent),
          text(group.lastLayer, { $0.accuracy.test ?? .nan }, percent),
          "\(Statistics(group.runs.map(\.seconds)).text { Figure.fixed($0, digits: 1) })",
        ]
      })
    return table.markup
  }

  private var collapse: Markup {
    """
    <p class="soft">A line is the mean over a setting's runs, the band around it the range from the smallest to the largest. The \
    scale is logarithmic.</p>
    \(Page.pair((0..<3).flatMap { [figure(Quantity.nc1[$0]), figure(Quantity.nc2[$0])] }))
    """
  }

  private func gallery(_ strips: [Markup]) -> Markup {
    """
    <p class="soft">Cosines between some training samples, sorted by class, the mean of the class means taken off: the layer's \
    input in a setting's first run. Collapse is a block a class on the diagonal and one even tone beside it.</p>
    \(Gallery.ramp)
    \(strips.joined())
    """
  }

  private var time: Markup {
    let chart = Phases.chart(groups)
    return Page.figure(
      chart.title, Page.across(chart.title, chart.svg()),
      caption: "The whole run, the slowest rank's, mean over a setting's runs. \(chart.summary)")
  }

  private var layerTable: Markup {
    let rows = groups.indices.flatMap { index -> [[Markup]] in
      let group = groups[index]
      return group.layers.map { layer in
        func cell(_ value: (LayerMetrics) -> Double, _ format: (Double) -> String) -> Markup {
          "\(group.statistics(layer: layer, value).text(format))"
        }
        return [
          "\(swatch(index))\(name(index))", "\(layer)",
          cell({ $0.nc1.input }) { Figure.scientific($0) }, cell({ $0.nc2.input }) { Figure.scientific($0) },
          cell({ $0.accuracy.test ?? .nan }, Figure.percent),
          cell({ Double($0.solver.iterations) }) { Figure.fixed($0, digits: 1) },
        ]
      }
    }
    return Table(
      id: "table-layers", caption: "Mean ± standard deviation, layer by layer",
      columns: [.init(title: "setting", isText: true)]
        + ["layer", "NC1 input", "NC2 input", "test accuracy", "iterations"].map { .init(title: $0) },
      rows: rows
    ).markup
  }

  private var runTable: Markup {
    let rows = groups.indices.flatMap { index in
      groups[index].runs.map { run -> [Markup] in
        [
          "\(run.name)", "\(swatch(index))\(name(index))", "\(String(run.options.seed))",
          "\(run.layers.last?.metrics.layer ?? 0) of \(run.options.layers)", "\(run.configuration.ranks)",
          "\(run.configuration.threads)", "\(Figure.duration(run.seconds))", "\(Figure.bytes(run.peakMemoryBytes))",
          "\(run.configuration.version)",
        ]
      }
    }
    return Table(
      id: "table-runs", caption: "The runs",
      columns: [.init(title: "directory", isText: true), .init(title: "setting", isText: true)]
        + ["seed", "layers", "ranks", "threads", "time", "peak memory", "version"].map { .init(title: $0) },
      rows: rows
    ).markup
  }
}

extension Sequence {
  /// What `transform` makes of the first element that it makes something of.
  fileprivate func firstNonNil<Result>(_ transform: (Element) -> Result?) -> Result? {
    for element in self { if let result = transform(element) { return result } }
    return nil
  }
}
