import DeepRFM

/// How often each class is taken for which, by the selected layer's predictor: of the test samples, or where there are none of those
/// held out. Of many classes the worst.
struct ConfusionSection {
  private let run: RunRecord
  private let entries: [Confusion.Entry]
  private let split: String

  /// nil: the run does not tell.
  init?(_ run: RunRecord) {
    guard let confusion = run.confusion else { return nil }
    self.run = run
    let name = confusion.test != nil ? "test" : confusion.validation != nil ? "validation" : "training"
    let shown = confusion.test ?? confusion.validation ?? confusion.train
    (entries, split) = (shown.entries, name)
    guard !entries.isEmpty else { return nil }
  }

  /// A larger table would not be read.
  private static let mostClasses = 20
  private static let mostRows = 30

  private var classes: Int { max(run.classNames.count, (entries.map { max($0.actual, $0.predicted) }.max() ?? 0) + 1) }

  private func name(_ number: Int) -> String {
    if number < 0 { return "not in training" }
    return run.classNames.indices.contains(number) ? run.classNames[number] : "\(number)"
  }

  var section: Page.Section {
    let layer = run.selectedLayer.map { ", layer \($0)" } ?? ""
    let body: Markup = """
      <p class="soft">Of the \(Figure.grouped(entries.reduce(0) { $0 + $1.count })) \(split) samples\(layer): a row a class, a column \
      what its samples are taken for. The share of a class that is right is its own accuracy; their mean is the balanced accuracy.</p>
      \(classes <= Self.mostClasses ? matrix.markup : worst)
      """
    return Page.Section(id: "classes", title: "Classes", body: body)
  }

  /// Numbers of a class's samples: all, and those that are right.
  private var byClass: [(number: Int, all: Int, right: Int)] {
    var sums: [Int: (all: Int, right: Int)] = [:]
    for entry in entries {
      let old = sums[entry.actual] ?? (0, 0)
      sums[entry.actual] = (old.all + entry.count, old.right + (entry.predicted == entry.actual ? entry.count : 0))
    }
    return sums.sorted { $0.key < $1.key }.map { ($0.key, $0.value.all, $0.value.right) }
  }

  private var matrix: Table {
    let all = 0..<classes
    let titles = all.map { name($0) } + ["samples", "accuracy"]
    return Table(
      id: "table-confusion", caption: "Classes and what they are taken for",
      columns: [.init(title: "class", isText: true)] + titles.map { .init(title: $0) },
      rows: byClass.map { row in
        let counts = Dictionary(
          entries.filter { $0.actual == row.number }.map { ($0.predicted, $0.count) }, uniquingKeysWith: +)
        let first: [Markup] = ["\(name(row.number))"]
        let cells: [Markup] = all.map { cell(counts[$0] ?? 0, of: row.all, isRight: $0 == row.number) }
        let last: [Markup] = [
          "\(Figure.grouped(row.all))", "\(Figure.percent(Double(row.right) / Double(row.all)))",
        ]
        return first + cells + last
      })
  }

  /// The darker the larger its share of the row; what is right in another colour than what is wrong.
  private func cell(_ count: Int, of all: Int, isRight: Bool) -> Markup {
    guard count > 0 else { return "<span class=\"soft\">·</span>" }
    // 0 to 9; of mistakes a tenth of the class is much already.
    let share = Double(count) / Double(all) * (isRight ? 1 : 10)
    let level = min(9, Int(share * 10))
    return "<span class=\"\(isRight ? "hit" : "miss") h\(level)\">\(count)</span>"
  }

  private var worst: Markup {
    let classes = byClass.sorted { ($0.right * $1.all, $0.number) < ($1.right * $0.all, $1.number) }.prefix(
      Self.mostRows)
    let mistakes = entries.filter { $0.actual != $0.predicted }
      .sorted { ($1.count, $0.actual, $0.predicted) < ($0.count, $1.actual, $1.predicted) }.prefix(Self.mostRows)
    let accuracies = Table(
      id: "table-classes", caption: "The classes with the lowest accuracy, of \(byClass.count)",
      columns: [.init(title: "class", isText: true)] + ["samples", "right", "accuracy"].map { .init(title: $0) },
      rows: classes.map { row in
        [
          "\(name(row.number))", "\(Figure.grouped(row.all))", "\(Figure.grouped(row.right))",
          "\(Figure.percent(Double(row.right) / Double(row.all)))",
        ]
      })
    let pairs = Table(
      id: "table-mistakes", caption: "The most frequent mistakes",
      columns: [.init(title: "class", isText: true), .init(title: "taken for", isText: true), .init(title: "samples")],
      rows: mistakes.map { ["\(name($0.actual))", "\(name($0.predicted))", "\(Figure.grouped($0.count))"] })
    return accuracies.markup + pairs.markup
  }
}
