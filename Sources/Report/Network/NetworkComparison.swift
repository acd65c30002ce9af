import DeepRFM
import Network
import Runtime

/// The report of several networks, and of Deep RFM runs beside them: NC by layer, correlation against scale and against collapse.
public struct NetworkComparison {
  let networks: [NetworkRecord]
  let machines: [RunRecord]
  private let groups: [Group]
  /// The networks that are spoken of: those that fit their samples, if any does. What was not learned tells of the initial weights.
  private let told: [NetworkRecord]
  /// Deep RFM runs of one setting.
  private let machineGroups: [RunGroup]

  /// Networks of one setting: they differ in the seed alone.
  struct Group {
    let label: String
    let runs: [NetworkRecord]

    var root: Statistics { NetworkComparison.root(of: runs) }
    var nc1: Statistics { NetworkComparison.nc1(of: runs) }
    var share: Statistics { Statistics(runs.map(\.rightShare)) }
  }

  /// Networks of one initial scale.
  private struct ScaleRuns {
    let scale: Double
    let runs: [NetworkRecord]

    var root: Statistics { NetworkComparison.root(of: runs) }
    var nc1: Statistics { NetworkComparison.nc1(of: runs) }
  }

  /// Correlations with the root over runs and layers.
  private static func root(of runs: [NetworkRecord]) -> Statistics { Statistics(runs.flatMap(\.rootCorrelations)) }

  /// Of the last hidden outputs.
  private static func nc1(of runs: [NetworkRecord]) -> Statistics {
    Statistics(runs.compactMap { $0.finalLayers.last?.nc1.output })
  }

  /// - Parameters:
  ///   - networks: at least one.
  ///   - machines: Deep RFM runs.
  public init(_ networks: [NetworkRecord], beside machines: [RunRecord] = []) {
    (self.networks, self.machines) = (networks, machines)
    groups = Self.grouped(networks)
    let fitting = networks.filter(Self.fits)
    told = fitting.isEmpty ? networks : fitting
    machineGroups = machines.isEmpty ? [] : RunGroup.grouped(machines)
  }

  /// Training accuracy from which a network fits its samples.
  private static var fitting: Double { 0.99 }

  private static func fits(_ run: NetworkRecord) -> Bool { run.last.accuracy.train >= fitting }

  private static let passedOver: Set<String> = [
    "seed", "output", "data", "memory", "threads", "quiet", "resume", "checkpointEvery", "timeLimit",
  ]

  /// In the order of their first runs.
  private static func grouped(_ runs: [NetworkRecord]) -> [Group] {
    var groups: [(settings: [Setting], runs: [NetworkRecord])] = []
    for run in runs {
      let own = Setting.all(of: run.options).filter { !passedOver.contains($0.key) }
      if let index = groups.firstIndex(where: { $0.settings == own }) {
        groups[index].runs.append(run)
      } else {
        groups.append((own, [run]))
      }
    }
    let differing = groups[0].settings.indices.filter { index in
      groups.contains { $0.settings[index] != groups[0].settings[index] }
    }
    return groups.map { group in
      let words = differing.map { "\(group.settings[$0].words) \(group.settings[$0].value)" }
      return Group(label: words.isEmpty ? "all runs" : words.joined(separator: " + "), runs: group.runs)
    }
  }

  public var html: String {
    let lead: Markup = """
      <p class="lead">\(finding)</p>
      \(Page.notes(networks.flatMap { run in run.notes.map { "\(run.name): \($0)" } }))
      """
    var sections = [
      Page.Section(id: "layers", title: "Collapse by layer", body: byLayer),
      Page.Section(id: "ansatz", title: "Feature ansatz and collapse", body: ansatz),
      Page.Section(id: "numbers", title: "Numbers", body: numbers),
    ]
    if scales(of: networks).count > 1 {
      sections.insert(Page.Section(id: "scale", title: "Initial scale", body: scale), at: 1)
    }
    return Page.document(
      title: machines.isEmpty ? "Networks" : "Networks and Deep RFM",
      subtitle:
        "\(RunRecord.count(networks.count, "network"))\(machines.isEmpty ? "" : ", \(RunRecord.count(machines.count, "Deep RFM run"))")",
      lead: lead, sections)
  }

  /// What was found, in a sentence or two.
  public var finding: String {
    let correlations = told.flatMap(\.rootCorrelations)
    let undefined = correlations.count { !$0.isFinite }
    let all = Statistics(correlations)
    let share = Statistics(told.map(\.rightShare))
    let several = RunRecord.count(told.count, "network")
    var text = fit
    text +=
      all.count > 0
      ? "WᵀW correlates with the root of the AGOP by \(all.text { Figure.fixed($0, digits: 2) }) over \(several) and their layers"
      : "The correlation of WᵀW with the root of the AGOP is undefined in all layers of \(several)"
    if undefined > 0, all.count > 0 {
      text += " (of \(correlations.count) correlations \(undefined) \(undefined == 1 ? "is" : "are") undefined)"
    }
    text += "."
    if share.count > 0 {
      text +=
        " Of the fall of log NC1 over a network's layers \(share.text { Figure.fixed(100 * $0, digits: 0) })\u{202F}% is due to the right singular structure S Vᵀ."
    }
    let points = points(of: told)
    if let rank = Self.rankCorrelation(points) {
      text +=
        " Over all layers and runs the correlation with the root and log NC1 of the layer's output have the rank correlation "
        + "\(Figure.fixed(rank, digits: 2)): where the ansatz holds better the classes are "
        + (abs(rank) < 0.3 ? "neither more nor less collapsed." : rank < 0 ? "more collapsed." : "less collapsed.")
      let depths = Set(points.map(\.layer)).compactMap { layer in
        Self.rankCorrelation(points.filter { $0.layer == layer })
      }
      text +=
        depths.isEmpty
        ? " Depth has its part in that: NC1 changes from layer to layer."
        : " Of layers at the same depth it is \(Statistics(depths).text { Figure.fixed($0, digits: 2) }), over the depths."
    }
    return text + scaleFinding
  }

  /// Empty where all networks fit.
  private var fit: String {
    let bound = "training accuracy below \(Figure.fixed(100 * Self.fitting, digits: 0))\u{202F}%"
    let others = networks.count { !Self.fits($0) }
    if others == 0 { return "" }
    if others == networks.count { return "No network fits its samples (\(bound)). " }
    let settings = groups.filter { !$0.runs.allSatisfy(Self.fits) }.map { group in
      "\(group.label) (\(group.runs.count { !Self.fits($0) }) of \(group.runs.count))"
    }
    let which = groups.count > 1 ? ": \(settings.joined(separator: ", "))" : ""
    return
      "\(others) of \(RunRecord.count(networks.count, "network")) \(others == 1 ? "does" : "do") not fit (\(bound))\(which). What follows is of the others. "
  }

  private var scaleFinding: String {
    let scales = scales(of: told)
    let known = scales.filter { $0.root.count > 0 }.sorted { $0.root.mean < $1.root.mean }
    guard known.count > 1, let least = known.first, let most = known.last else { return "" }
    func text(_ runs: ScaleRuns) -> String {
      "\(Figure.tick(runs.scale)) (\(Figure.fixed(runs.root.mean, digits: 2)))"
    }
    var text = " The correlation is largest at the initial scale \(text(most)) and smallest at \(text(least))"
    if let best = scales.filter({ $0.nc1.count > 0 }).min(by: { $0.nc1.mean < $1.nc1.mean }) {
      text +=
        "; NC1 of the last hidden output is smallest at \(Figure.tick(best.scale)) (\(Figure.scientific(best.nc1.mean)))"
    }
    return text + "."
  }

  // MARK: Points

  private struct Point {
    let root, nc1: Double
    let layer: Int
  }

  /// A point a layer and run: correlation with the root, NC1 of the output.
  private func points(of networks: [NetworkRecord]) -> [Point] {
    networks.flatMap { run in
      run.finalLayers.map { Point(root: $0.nfa.root, nc1: $0.nc1.output, layer: $0.layer) }
    }.filter { $0.root.isFinite && $0.nc1.isFinite && $0.nc1 > 0 }
  }

  /// Spearman's, of the points; nil where there are too few to say.
  private static func rankCorrelation(_ points: [Point]) -> Double? {
    guard points.count >= 8 else { return nil }
    let (a, b) = (ranks(points.map(\.root)), ranks(points.map(\.nc1)))
    let mean = Double(points.count - 1) / 2
    var (ab, aa, bb) = (0.0, 0.0, 0.0)
    for (x, y) in zip(a, b) {
      ab += (x - mean) * (y - mean)
      aa += (x - mean) * (x - mean)
      bb += (y - mean) * (y - mean)
    }
    return aa > 0 && bb > 0 ? ab / (aa * bb).squareRoot() : nil
  }

  /// Equal values share their mean rank.
  private static func ranks(_ values: [Double]) -> [Double] {
    values.map { value in
      let below = values.count { $0 < value }
      return Double(below) + Double(values.count { $0 == value } - 1) / 2
    }
  }

  /// The initial scales that occur, ascending, with their runs' correlations.
  private func scales(of networks: [NetworkRecord]) -> [ScaleRuns] {
    Set(networks.map(\.options.initScale)).sorted().map { scale in
      let runs = networks.filter { $0.options.initScale == scale }
      return ScaleRuns(scale: scale, runs: runs)
    }
  }

  // MARK: Sections

  private var byLayer: Markup {
    let charts = [("nc1", "NC1 of each layer's input"), ("nc2", "NC2 of each layer's input")].map { id, title in
      let isFirst = id == "nc1"
      var lines: [Line] = groups.enumerated().map { slot, group in
        line(
          group.label, slot,
          group.runs.map { run in
            run.finalLayers.map { isFirst ? $0.nc1.input : $0.nc2.input }
              + (run.finalLayers.last.map { [isFirst ? $0.nc1.output : $0.nc2.output] } ?? [])
          })
      }
      lines += machineGroups.enumerated().map { place, group in
        line(
          machineGroups.count == 1 ? "Deep RFM" : "Deep RFM, \(group.label)", groups.count + place,
          group.runs.map { run in
            run.layers.map { isFirst ? $0.metrics.nc1.input : $0.metrics.nc2.input }
          })
      }
      let deepest = lines.map(\.points.count).max() ?? 1
      return LineChart(
        id: id + "-layers", title: title, summary: "A line a setting, the mean of its runs.",
        yName: isFirst ? "NC1" : "NC2", y: .logarithmic(lines.flatMap { $0.points.map(\.y) }), x: .layers(deepest),
        lines: lines)
    }
    return """
      <p class="soft">After training. The last point of a network is its last hidden layer's output.</p>
      \(Page.pair(charts.map { Page.figure($0) }))
      """
  }

  /// The mean over runs, as far as they go.
  private func line(_ name: String, _ slot: Int, _ runs: [[Double]]) -> Line {
    let depth = runs.map(\.count).max() ?? 0
    return Line(
      name: name, slot: slot,
      points: (0..<depth).map { place in
        let mean = Statistics(runs.compactMap { place < $0.count ? $0[place] : nil }).mean
        return Line.Point(
          x: Double(place + 1), y: mean, label: "\(name), layer \(place + 1): \(Figure.scientific(mean))")
      })
  }

  private var ansatz: Markup {
    let lines = groups.enumerated().map { slot, group in
      Line(
        name: group.label, slot: slot,
        points: group.runs.flatMap { run in
          run.finalLayers.map {
            Line.Point(
              x: $0.nfa.root, y: $0.nc1.output,
              label:
                "\(run.name), layer \($0.layer): \(Figure.fixed($0.nfa.root, digits: 3)), \(Figure.scientific($0.nc1.output))"
            )
          }
        })
    }
    var chart = LineChart(
      id: "nc1-root", title: "NC1 of the layer's output against its correlation with the root",
      summary: "A point a layer and run.", yName: "NC1", y: .logarithmic(points(of: networks).map(\.nc1)),
      xName: "correlation of WᵀW with the root of the AGOP", x: .linear(points(of: networks).map(\.root)), lines: lines)
    chart.connects = false
    return Page.pair([Page.figure(chart, caption: "Every layer and run a point.")])
  }

  private var scale: Markup {
    let scales = scales(of: networks)
    let byRun = scales.flatMap { entry in
      entry.runs.flatMap { run in
        run.finalLayers.map {
          Line.Point(
            x: entry.scale, y: $0.nfa.root,
            label: "\(run.name), layer \($0.layer): \(Figure.fixed($0.nfa.root, digits: 3))")
        }
      }
    }
    var chart = LineChart(
      id: "root-scale", title: "Correlation with the root against the initial scale",
      summary: scales.map { "\(Figure.tick($0.scale)): \($0.root.text { Figure.fixed($0, digits: 2) })." }.joined(
        separator: " "),
      yName: "correlation", y: .linear(byRun.map(\.y)), xName: "initial scale",
      x: .logarithmic(scales.map(\.scale)), lines: [Line(name: "a layer of a run", slot: 0, points: byRun)])
    chart.connects = false
    return Page.pair([Page.figure(chart, caption: "Every layer and run a point.")])
  }

  private var numbers: Markup {
    let rows = groups.map { group -> [Markup] in
      let last = group.runs.map(\.last)
      return [
        "\(group.label)", "\(group.runs.count)",
        "\(Statistics(last.map(\.accuracy.train)).text(Figure.percent))",
        "\(Statistics(last.map { $0.accuracy.test ?? .nan }).text(Figure.percent))",
        "\(group.nc1.text { Figure.scientific($0) })", "\(group.root.text { Figure.fixed($0, digits: 3) })",
        "\(group.share.text(Figure.percent))",
      ]
    }
    let columns = [
      "setting", "runs", "training accuracy", "test accuracy", "NC1, last hidden output",
      "correlation with the root", "share of S Vᵀ",
    ]
    return Table(
      id: "network-table", caption: "After the last epoch, mean ± deviation",
      columns: columns.enumerated().map { Table.Column(title: $1, isText: $0 == 0) }, rows: rows
    ).markup
  }
}
