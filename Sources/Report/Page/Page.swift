import DeepRFM
import Measures
import Runtime

/// A report: one HTML file that needs no network and no script.
public enum Page {
  /// One run's report, or a comparison of several. There must be a run.
  public static func html(of runs: [RunRecord]) -> String {
    precondition(!runs.isEmpty)
    return runs.count == 1 ? SingleRun(run: runs[0]).html : Comparison(runs: runs).html
  }

  /// What was found, in the words of the page: a sentence or two.
  public static func finding(of runs: [RunRecord]) -> String {
    precondition(!runs.isEmpty)
    if runs.count == 1, runs[0].predictsValues { return SingleRun.valueSentence(runs[0]) }
    return runs.count == 1
      ? Finding(RunGroup(label: runs[0].name, runs: runs)).sentence : Comparison(runs: runs).leadSentence
  }

  /// A part of the page with its heading.
  struct Section {
    let id: String
    let title: String
    let body: Markup

    var markup: Markup {
      "<section aria-labelledby=\"\(id)\">\n<h2 id=\"\(id)\">\(title)</h2>\n\(body)\n</section>"
    }
  }

  static func document(title: String, subtitle: String, lead: Markup, _ sections: [Section]) -> String {
    let links = sections.map { "<li><a href=\"#\($0.id)\">\($0.title)</a></li>" as Markup }
    let page: Markup = """
      <!DOCTYPE html>
      <html lang="en">
      <head>
      <meta charset="utf-8">
      <meta name="viewport" content="width=device-width, initial-scale=1">
      <meta name="color-scheme" content="light dark">
      <meta name="generator" content="deeprfm \(version)">
      <title>\(title)</title>
      <style>
      \(Markup(stringLiteral: Style.page))
      </style>
      </head>
      <body>
      <header>
      <h1>\(title)</h1>
      <p class="sub">\(subtitle)</p>
      \(lead)
      <nav aria-label="Contents"><ul>
      \(links.joined())
      </ul></nav>
      </header>
      <main>
      \(sections.map(\.markup).joined())
      </main>
      <footer>
      <p>Written by deeprfm \(version). The method: D. Beaglehole, P. Súkeník, M. Mondelli, M. Belkin, <cite>Average gradient \
      outer product as a mechanism for deep neural collapse</cite>, <a href="https://arxiv.org/abs/2402.13728">arXiv \
      2402.13728</a>. NC1 is tr(S<sub>W</sub>) / (K tr(S<sub>B</sub>)), the scatter of a sample inside its class over that of the K class \
      means, as in the paper's code; NC2 \
      the mean squared difference of the class means' cosines from a simplex's. Both are 0 in full collapse.</p>
      </footer>
      </body>
      </html>

      """
    return page.description
  }

  static func figure(_ title: String, _ drawing: Markup, caption: Markup? = nil) -> Markup {
    let below = caption.map { "\n<figcaption>\($0)</figcaption>" as Markup } ?? ""
    return "<figure>\n<h3>\(title)</h3>\n\(drawing)\(below)\n</figure>"
  }

  static func figure(_ chart: LineChart, caption: Markup? = nil) -> Markup {
    figure(chart.title, chart.svg(), caption: caption)
  }

  /// A drawing as wide as the page, which a narrow screen scrolls.
  static func across(_ title: String, _ drawing: Markup) -> Markup {
    "<div class=\"across\" role=\"group\" aria-label=\"\(title)\" tabindex=\"0\">\(drawing)</div>"
  }

  static func pair(_ figures: [Markup]) -> Markup { "<div class=\"pair\">\n\(figures.joined())\n</div>" }

  static func notes(_ notes: [String]) -> Markup {
    guard !notes.isEmpty else { return "" }
    return "<div class=\"note\" role=\"note\">\n\(notes.map { "<p>\($0)</p>" as Markup }.joined())\n</div>"
  }

  static func tiles(_ tiles: [(name: String, value: String, note: String)]) -> Markup {
    let items = tiles.map { "<li>\($0.name) <b>\($0.value)</b> <small>\($0.note)</small></li>" as Markup }
    return "<ul class=\"tiles\">\n\(items.joined())\n</ul>"
  }

  static func facts(_ facts: [(name: String, value: String)]) -> Markup {
    let items = facts.map { "<li>\($0.name) <b>\($0.value)</b></li>" as Markup }
    return "<ul class=\"facts\">\n\(items.joined())\n</ul>"
  }
}

extension TrainOptions {
  /// The data set as it is written.
  var datasetTitle: String {
    switch dataset {
    case .digits: "Digits"
    case .mnist: "MNIST"
    case .idx: "IDX data"
    case .cifar10: "CIFAR-10"
    case .cifar100: "CIFAR-100"
    case .svhn: "SVHN"
    case .npy: "NPY data"
    case .libsvm: "LIBSVM data"
    case .csv: "a table"
    case .synthetic: "Synthetic data"
    }
  }
}
