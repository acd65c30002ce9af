import Measures

/// The page of `collapse --output`: one HTML file that needs no network and no script.
public enum CollapsePage {
  /// - Parameters:
  ///   - name: what was measured: a file or a run.
  ///   - test: the measures of test rows.
  public static func html(
    of measures: CollapseMeasures, test: CollapseMeasures?, _ details: CollapseDetails, name: String
  ) -> String {
    let sections = [
      Page.Section(id: "measures", title: "Measures", body: table(measures, test).markup + decomposition(measures)),
      Page.Section(id: "means", title: "Class means", body: means(details)),
      Page.Section(id: "classes", title: "Classes", body: classes(details).markup),
      Page.Section(id: "pairs", title: "Nearest pairs of classes", body: pairs(details).markup),
      Page.Section(id: "spectra", title: "Spectra", body: spectra(details)),
    ]
    let tiles = Page.tiles([
      ("NC1 (paper)", Figure.scientific(measures.nc1.paper), "tr S_W / (K tr S_B)"),
      ("NC1 (pseudoinverse)", Figure.scientific(measures.nc1.pseudoinverse), "tr(S_W S_B⁺) / K"),
      ("NC2 (paper)", Figure.scientific(measures.nc2.paper), "mean squared difference from a simplex's cosines"),
    ])
    let notes = measures.warnings + (test?.warnings.map { "test rows: " + $0 } ?? [])
    return Page.document(
      title: "Collapse of \(name)",
      subtitle:
        "\(Figure.grouped(measures.samples)) rows of \(Figure.grouped(measures.width)), \(measures.classes) classes of"
        + " \(Figure.grouped(measures.smallestClass)) to \(Figure.grouped(measures.largestClass)) rows",
      lead: tiles + Page.notes(notes), sections)
  }

  private static func table(_ measures: CollapseMeasures, _ test: CollapseMeasures?) -> Table {
    let tested = (test?.groups ?? []).flatMap { group in group.entries.map { ("\(group.name).\($0.name)", $0.value) } }
    let others = Dictionary(tested) { first, _ in first }
    let columns: [Table.Column] = [.init(title: "measure", isText: true), .init(title: "rows")]
    return Table(
      id: "table-measures", caption: "Every measure; a dash is undefined",
      columns: columns + (test == nil ? [] : [.init(title: "test rows")]),
      rows: measures.groups.flatMap { group in
        group.entries.map { entry -> [Markup] in
          let name = "\(group.name).\(entry.name)"
          let cells: [Markup] = ["\(name)", "\(Figure.scientific(entry.value, digits: 6))"]
          return test == nil ? cells : cells + ["\(Figure.scientific(others[name] ?? .nan, digits: 6))"]
        }
      })
  }

  private static func decomposition(_ measures: CollapseMeasures) -> Markup {
    guard let stages = measures.decomposition else { return "" }
    let others = Dictionary(stages.nc2.entries.map { ($0.name, $0.value) }) { first, _ in first }
    let names = ["input": "the rows", "right": "S Vᵀ of the rows", "output": "the activation of W of the rows"]
    return Table(
      id: "table-decomposition", caption: "What the layer W = U S Vᵀ makes of them",
      columns: [.init(title: "of", isText: true), .init(title: "NC1"), .init(title: "NC2")],
      rows: stages.nc1.entries.map { entry -> [Markup] in
        [
          "\(names[entry.name] ?? entry.name)", "\(Figure.scientific(entry.value, digits: 6))",
          "\(Figure.scientific(others[entry.name] ?? .nan, digits: 6))",
        ]
      }
    ).markup
  }

  private static func means(_ details: CollapseDetails) -> Markup {
    let size = details.shown
    guard size > 1 else { return "<p>A single class has no other to be compared with.</p>" }
    let picture: Markup = """
      <ul class="gallery" style="grid-template-columns:minmax(96px,360px)"><li>\
      <img src="\(Heatmap.url(details.cosines, size: size))" alt="Cosines between the means of \(size) classes" \
      width="\(size)" height="\(size)"></li></ul>
      """
    let all = details.names.count
    let cut = size < all ? " The first \(size) of \(all) classes." : ""
    let wanted = Figure.prose(-1 / Double(all - 1))
    return Page.figure(
      "Cosines between the class means", picture + Gallery.ramp,
      caption:
        "Means less their mean, in the order of the classes.\(cut) In a simplex every cosine off the diagonal is \(wanted)."
    )
  }

  /// Rows of the table at most.
  private static let mostRows = 200

  private static func classes(_ details: CollapseDetails) -> Table {
    let (shown, all) = (min(mostRows, details.names.count), details.names.count)
    return Table(
      id: "table-classes", caption: shown < all ? "The first \(shown) of \(all) classes" : "Every class",
      columns: [
        .init(title: "class", isText: true), .init(title: "rows"), .init(title: "|m − m_G|"),
        .init(title: "scatter: mean |x − m|²"), .init(title: "scatter / |m − m_G|²"),
      ],
      rows: (0..<shown).map { c -> [Markup] in
        let (norm, variance) = (details.norms[c], details.variances[c])
        return [
          "\(details.names[c])", "\(Figure.grouped(details.counts[c]))", "\(Figure.scientific(norm))",
          "\(Figure.scientific(variance))", "\(Figure.scientific(variance / (norm * norm)))",
        ]
      })
  }

  private static func pairs(_ details: CollapseDetails) -> Table {
    Table(
      id: "table-pairs", caption: "Classes and the class nearest to them, the nearest pairs first",
      columns: [
        .init(title: "classes", isText: true), .init(title: "distance of their means"),
        .init(title: "variance over squared distance"),
      ],
      rows: details.nearest.map { pair -> [Markup] in
        [
          "\(details.names[pair.first]) and \(details.names[pair.second])", "\(Figure.scientific(pair.distance))",
          "\(Figure.scientific(pair.variance))",
        ]
      })
  }

  private static func spectra(_ details: CollapseDetails) -> Markup {
    let parts = [("S_W, inside the classes", details.within), ("S_B, between them", details.between)]
    let lines = parts.enumerated().map { slot, part -> Line in
      let (name, values) = part
      // What is below rounding is not drawn.
      let shown = values.enumerated().filter { $0.element > 1e-15 * (values.first ?? 0) }
      return Line(
        name: name, slot: slot,
        points: shown.map { place, value in
          Line.Point(x: Double(place + 1), y: value, label: "\(name), \(place + 1): \(Figure.scientific(value))")
        })
    }
    let all = lines.flatMap(\.points)
    guard all.count > 1 else { return "<p>There is no spectrum to draw.</p>" }
    let chart = LineChart(
      id: "spectra-chart", title: "Eigenvalues of the scatter matrices, largest first",
      summary: "Eigenvalues of S_W and of S_B, on logarithmic axes", yName: "eigenvalue",
      y: Scale.logarithmic(all.map(\.y)), xName: "number", x: Scale.logarithmic(all.map(\.x)), lines: lines,
      showsMarkers: false)
    let missing =
      details.within.isEmpty ? " S_W is left out: the rows are wider than \(CollapseDetails.widest)." : ""
    return Page.pair([Page.figure(chart, caption: "S_B has at most K − 1 eigenvalues that are not 0.\(missing)")])
  }
}
