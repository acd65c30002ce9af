import DeepRFM
import Files
import Runtime

/// A tuning as a report shows it.
public struct TuneRecord: Sendable {
  /// The folder, as it was named.
  let name: String
  let configuration: TuneConfiguration
  /// Finished combinations, best first.
  let ranked: [TuneLine]
  let grid: TuneGrid

  /// *Local.* Throws `InputError` where it cannot be read, or no combination is finished yet.
  public init(reading path: String) throws(InputError) {
    let folder = RunFolder(path)
    name = path
    configuration = try folder.readTuneConfiguration()
    grid = try TuneGrid(configuration.options)
    ranked = TuneLine.ranked(try folder.readCombinations())
    guard !ranked.isEmpty else {
      throw InputError("\(path) has not finished a combination yet: there is nothing to report")
    }
  }
}

/// The page of a tuning: its grid, and every combination.
public struct TunePage {
  private let tuning: TuneRecord

  public init(_ tuning: TuneRecord) { self.tuning = tuning }

  private var best: TuneLine { tuning.ranked[0] }
  private var options: TuneOptions { tuning.configuration.options }
  private var predictsValues: Bool { best.figure("rmse", "validation") != nil }

  public var html: String {
    let grids = self.grids
    return Page.document(
      title: "\(options.train.datasetTitle): \(tuning.grid.count) combinations", subtitle: subtitle,
      lead: "<p class=\"lead\">\(sentence)</p>\n\(Page.notes(notes))",
      [
        Page.Section(id: "grid", title: "Grid", body: gridIntroduction + grids.joined()),
        Page.Section(id: "combinations", title: "Combinations", body: table.markup),
        Page.Section(id: "settings", title: "Settings", body: settings),
      ])
  }

  private var subtitle: String {
    "\(tuning.name) · seed \(options.train.seed) · started \(tuning.configuration.startedAt)"
  }

  /// What was found, for the terminal too.
  public var sentence: String {
    guard let layer = best.selectedLayer else { return "No combination was solved." }
    let test = quality(best, "test").map { ", and of the test samples \($0)" } ?? ""
    return "The best of \(tuning.ranked.count) combinations is kernel \(TuneLine.word(best.kernel)), bandwidth "
      + "\(TuneLine.word(best.bandwidth)), ridge \(TuneLine.word(best.ridge)), layer \(layer): its \(measure) of the validation "
      + "samples is \(quality(best, "validation") ?? Figure.none)\(test)."
  }

  private var measure: String { predictsValues ? "RMSE" : "accuracy" }

  private var notes: [String] {
    let left = tuning.grid.count - tuning.ranked.count
    let failed = tuning.ranked.count { $0.failure != nil }
    return (left > 0 ? ["The tuning is not finished: \(RunRecord.count(left, "combination")) to come."] : [])
      + (failed > 0 ? ["\(RunRecord.count(failed, "combination")) could not be solved."] : [])
  }

  private func quality(_ line: TuneLine, _ split: String) -> String? {
    line.figure("accuracy", split).map(Figure.percent) ?? line.figure("rmse", split).map { Figure.scientific($0) }
  }

  // MARK: The grid

  private var gridIntroduction: Markup {
    """
    <p class="soft">The \(measure) of the validation samples by bandwidth and ridge, the better the darker; the best has a ring. Which \
    layer is meant stands under it where it is not the last. Test samples took no part in the choice.</p>
    """
  }

  /// A table for each kernel and depth.
  private var grids: [Markup] {
    let lines = tuning.ranked
    let kernels = distinct(lines.map(\.kernel))
    let depths = Set(lines.map(\.layers)).sorted()
    return kernels.flatMap { kernel in
      depths.map { depth in
        gridTable(lines.filter { $0.kernel == kernel && $0.layers == depth }, kernel, depth).markup
      }
    }
  }

  private func gridTable(_ lines: [TuneLine], _ kernel: JSON, _ depth: Int) -> Table {
    let (bandwidths, ridges) = (ordered(lines.map(\.bandwidth)), ordered(lines.map(\.ridge)))
    let caption = "\(TuneLine.word(kernel)) kernel, \(RunRecord.count(depth, "layer"))"
    return Table(
      id: "grid-\(TuneLine.word(kernel))-\(depth)", caption: caption,
      columns: [.init(title: "bandwidth \\ ridge", isText: true)] + ridges.map { .init(title: TuneLine.word($0)) },
      rows: bandwidths.map { bandwidth in
        ["\(TuneLine.word(bandwidth))"]
          + ridges.map { ridge in cell(lines.first { $0.bandwidth == bandwidth && $0.ridge == ridge }) }
      })
  }

  private func cell(_ line: TuneLine?) -> Markup {
    guard let line else { return "<span class=\"soft\">\(Figure.none)</span>" }
    guard line.failure == nil, let text = quality(line, "validation") else {
      return "<span class=\"poor\">failed</span>"
    }
    let layer: Markup = line.selectedLayer == line.layers ? "" : " <small>layer \(line.selectedLayer ?? 0)</small>"
    return "<span class=\"hit h\(level(line))\(line == best ? " top" : "")\">\(text)</span>\(layer)"
  }

  /// 0 for the worst to 9 for the best, by rank: one bad combination would make all others look alike.
  private func level(_ line: TuneLine) -> Int {
    let scores = tuning.ranked.filter { $0.failure == nil }.map(\.score)
    guard let best = scores.first, let worst = scores.last, best > worst else { return 9 }
    let below = scores.count { $0 < line.score }
    return min(9, below * 10 / scores.count)
  }

  private func distinct(_ values: [JSON]) -> [JSON] {
    values.reduce(into: []) { if !$0.contains($1) { $0.append($1) } }
  }

  /// Numbers ascend; others stand behind them.
  private func ordered(_ values: [JSON]) -> [JSON] {
    func number(_ value: JSON) -> Double {
      if case .number(let text) = value { Double(text) ?? .infinity } else { .infinity }
    }
    return distinct(values).sorted { number($0) < number($1) }
  }

  // MARK: Tables

  private var table: Table {
    Table(
      id: "table-combinations", caption: "Best first",
      columns: [.init(title: "kernel", isText: true)]
        + ["bandwidth", "ridge", "layers", "selected layer", "validation", "test", "seconds"].map { .init(title: $0) },
      rows: tuning.ranked.map { line in
        line.cells.enumerated().map { index, text in
          index == 0 && line.failure != nil ? "\(text) <small>\(line.failure ?? "")</small>" : "\(text)"
        }
      })
  }

  private var settings: Markup {
    let configuration = tuning.configuration
    let machine: [(name: String, value: String)] = [
      ("version", configuration.version), ("started", configuration.startedAt),
      ("ranks", "\(configuration.ranks)"), ("threads a rank", "\(configuration.threads)"),
      ("hosts", configuration.hosts.joined(separator: ", ")), ("BLAS kernels", configuration.blasKernels),
    ]
    let lists = ["kernel", "bandwidth", "ridge", "layers"]
    return Page.facts(
      machine + Setting.all(of: options.train).filter { !lists.contains($0.key) }.map { ($0.words, $0.value) })
  }
}
