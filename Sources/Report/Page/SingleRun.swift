import DeepRFM
import Measures
import Runtime

/// The report of one run.
struct SingleRun {
  let run: RunRecord

  var group: RunGroup { RunGroup(label: run.name, runs: [run]) }
  var first: LayerMetrics { run.layers[0].metrics }
  var last: LayerMetrics { run.layers[run.layers.count - 1].metrics }

  var html: String { run.predictsValues ? valueHTML : classHTML }

  private var classHTML: String {
    let finding = Finding(group)
    let lead: Markup = """
      <p class="lead">\(finding.sentence) \(accuracySentence)</p>
      \(Page.notes(run.notes))
      \(Page.tiles(tiles(finding)))
      """
    let pictures = Gallery.all(run).map { [Page.Section(id: "pictures", title: "Pictures", body: gallery($0))] } ?? []
    let spectrum = Charts.spectrum(run).map {
      [Page.Section(id: "agop", title: "AGOP", body: spectrumSection($0))]
    }
    let classes: [Page.Section] = ConfusionSection(run).map { [$0.section] } ?? []
    let first: [Page.Section] =
      [Page.Section(id: "collapse", title: "Collapse", body: collapse)] + pictures
      + [Page.Section(id: "accuracy", title: "Accuracy", body: accuracy)] + classes
    return Page.document(
      title: "\(run.options.datasetTitle), \(RunRecord.count(run.options.layers, "layer"))", subtitle: subtitle,
      lead: lead,
      first + alignment + [Page.Section(id: "solver", title: "Solver", body: solver)] + (spectrum ?? [])
        + [
          Page.Section(id: "time", title: "Time", body: time),
          Page.Section(id: "numbers", title: "Numbers", body: LayerTables.markup(run)),
          Page.Section(id: "settings", title: "Settings", body: settings),
        ])
  }

  var subtitle: String {
    let started = run.configuration.startedAt.replacing("T", with: " ").replacing("Z", with: " UTC")
    return "\(run.name) · \(Figure.grouped(last.samples)) samples · \(run.options.kernel.rawValue) kernel · "
      + "\(run.options.modelWords) · seed \(run.options.seed) · "
      + "started \(started)"
  }

  private var accuracySentence: String {
    let tested = run.layers.filter { $0.metrics.accuracy.test?.isFinite == true }
    guard let best = tested.max(by: { ($0.metrics.accuracy.test ?? 0) < ($1.metrics.accuracy.test ?? 0) }),
      let first = tested.first, let last = tested.last
    else { return "" }
    let (a, b, c) = (first.metrics, best.metrics, last.metrics)
    if run.hasValidation, let selected = run.layers.first(where: { $0.metrics.layer == run.selectedLayer })?.metrics {
      return
        "Layer \(selected.layer) is selected, by \(Figure.percent(selected.accuracy.validation ?? .nan)) of the validation "
        + "samples; its test accuracy is \(Figure.percent(selected.accuracy.test ?? .nan)), and the best of all layers "
        + "\(Figure.percent(b.accuracy.test ?? .nan)), at layer \(b.layer)."
    }
    return "Test accuracy is \(Figure.percent(a.accuracy.test ?? .nan)) at layer \(a.layer) and "
      + "\(Figure.percent(c.accuracy.test ?? .nan)) at layer \(c.layer); the best is "
      + "\(Figure.percent(b.accuracy.test ?? .nan)), at layer \(b.layer)."
  }

  private func tiles(_ finding: Finding) -> [(name: String, value: String, note: String)] {
    [
      (
        "NC1, last layer's input", Figure.prose(last.nc1.input),
        "÷ \(Figure.factor(finding.nc1Fall)) since layer \(first.layer)"
      ),
      (
        "NC2, last layer's input", Figure.prose(last.nc2.input),
        "÷ \(Figure.factor(finding.nc2Fall)) since layer \(first.layer)"
      ),
      (
        "test accuracy, last layer", Figure.percent(last.accuracy.test ?? .nan),
        "training \(Figure.percent(last.accuracy.train))"
      ),
      (
        "time", Figure.duration(run.seconds),
        "\(RunRecord.count(run.configuration.ranks, "rank")) × \(RunRecord.count(run.configuration.threads, "thread"))"
      ),
      ("peak memory a rank", Figure.bytes(run.peakMemoryBytes), "the rank that held most"),
    ]
  }

  private var collapse: Markup {
    let names = ["input", "projected", "mapped"]
    return """
      <p class="soft">Of each layer's input, of the input after the projection, and after the random features. The scale is \
      logarithmic. Rest a pointer on a mark for its value; all values are under <a href="#numbers">Numbers</a>.</p>
      \(Page.pair([
        Page.figure(
          Charts.chart("nc1", "NC1, scatter inside the classes", of: run, Array(zip(names, Quantity.nc1))),
          caption: "NC1 falls as the samples of a class draw together."),
        Page.figure(
          Charts.chart("nc2", "NC2, distance from a simplex", of: run, Array(zip(names, Quantity.nc2))),
          caption: "NC2 falls as the class means take equal angles."),
      ]))
      """
  }

  private func gallery(_ pictures: Markup) -> Markup {
    let shown = run.layers.compactMap(\.gram).first
    let classes = Set(shown?.labels ?? []).count
    let evenly = run.layers.count > 20 ? " 20 of the \(run.layers.count) layers are shown." : ""
    return """
      <p class="soft">Cosines between \(shown?.size ?? 0) training samples, sorted by class\
      \(classes > 0 ? " (\(RunRecord.count(classes, "class").replacing("classs", with: "classes")))" : ""), the mean of the class \
      means taken off. Above: the layer's input. Below: after the projection. Collapse is a block a class on the diagonal and one \
      even tone beside it.\(evenly)</p>
      \(Gallery.ramp)
      \(pictures)
      """
  }

  private var accuracy: Markup {
    let hasTest = run.layers.contains { $0.metrics.accuracy.test != nil }
    let series =
      (hasTest ? [("test", Quantity.testAccuracy)] : []) + [("training", Quantity.trainAccuracy)]
      + (run.hasValidation ? [("validation", Quantity.validationAccuracy)] : [])
    var chart = Charts.chart("accuracy-chart", "Accuracy of each layer's predictor", of: run, series)
    if run.hasValidation, let layer = run.selectedLayer { chart.mark = (Double(layer), "selected") }
    let error: [(String, Quantity)] =
      (hasTest
        ? [("test", .logarithmic("", "", "mean squared error") { $0.metrics.meanSquaredError.test ?? .nan })] : [])
      + [("training", .logarithmic("", "", "mean squared error") { $0.metrics.meanSquaredError.train })]
    return Page.pair([
      Page.figure(
        chart,
        caption: hasTest ? nil : "This run had no test samples."),
      Page.figure(Charts.chart("error-chart", "Mean squared error against targets of ±1", of: run, error)),
    ])
  }

  var solver: Markup {
    let note: Markup =
      run.unsolved.map { "\(Finding.capitalised($0))" } ?? "Every layer was solved to the tolerance."
    return Page.pair([
      Page.figure(
        Charts.chart("iterations", "Iterations", of: run, [(run.options.solver.rawValue, Quantity.iterations)]),
        caption: "Preconditioner rank \(preconditionerRanks)."),
      Page.figure(
        Charts.chart(
          "residual", "True relative residual", of: run,
          [(run.predictsValues ? "worst output" : "worst class", Quantity.residual)],
          reference: (run.options.tolerance, "tolerance")), caption: note),
    ])
  }

  private var preconditionerRanks: String {
    let ranks = run.layers.map(\.metrics.solver.preconditionerRank)
    let (low, high) = (ranks.min() ?? 0, ranks.max() ?? 0)
    return low == high ? "\(low)" : "\(low) to \(high)"
  }

  func spectrumSection(_ chart: LineChart) -> Markup {
    var rank = Charts.chart(
      "effective-rank", "Effective rank of the AGOP", of: run, [("effective rank", .effectiveRank)])
    rank.reference = collapsedRank.map { (Double($0), "classes − 1") }
    return Page.pair([
      Page.figure(chart, caption: "Eigenvalues over the layer's largest, for some of the layers."),
      Page.figure(
        rank,
        caption: "(Σλ)² / Σλ²."
          + (run.predictsValues ? "" : " In full collapse the AGOP spans one direction less than there are classes.")),
    ])
  }

  private var collapsedRank: Int? {
    let classes = Set(run.layers.compactMap(\.gram).first?.labels ?? []).count
    // More classes than the pictures show: how many is not known here.
    return (2..<PictureLimits.mostClasses).contains(classes) ? classes - 1 : nil
  }

  var time: Markup {
    let chart = Phases.chart(run)
    let routes = Set(run.layers.compactMap { $0.metrics.agop.route?.rawValue }).sorted().joined(separator: ", ")
    return Page.figure(
      chart.title, Page.across(chart.title, chart.svg()),
      caption: """
        The slowest rank's, each phase by itself; communication is what was not hidden behind work. AGOP route: \
        \(routes.isEmpty ? "none" : routes). \(chart.summary)
        """)
  }

  var settings: Markup {
    let configuration = run.configuration
    let machine: [(name: String, value: String)] = [
      ("version", configuration.version), ("started", configuration.startedAt),
      ("ranks", "\(configuration.ranks)"), ("threads a rank", "\(configuration.threads)"),
      ("hosts", configuration.hosts.joined(separator: ", ")), ("BLAS kernels", configuration.blasKernels),
    ]
    return Page.facts(machine + Setting.all(of: run.options).map { ($0.words, $0.value) })
  }
}

/// What the pictures that `train` writes are limited to.
enum PictureLimits {
  static let mostClasses = 20
}
