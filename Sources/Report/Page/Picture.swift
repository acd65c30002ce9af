import Measures

/// One SVG that says it all: the pictures of some layers above the curves of NC1 and NC2. For a README or a slide.
public enum Picture {
  /// nil if the run has no pictures: it is of an older version, or damaged.
  public static func svg(of run: RunRecord) -> String? {
    let layers = Charts.evenly(run.layers.filter { $0.gram != nil }, atMost: 7)
    guard !layers.isEmpty else { return nil }
    let deepest = run.layers[run.layers.count - 1].metrics.layer
    let series: [(String, Quantity)] = [("NC1", Quantity.nc1[0]), ("NC2", Quantity.nc2[0])]
    var chart = Charts.chart("curves", "NC1 and NC2 of each layer's input", of: run, series)
    chart.yName = ""
    let title = "Neural collapse of \(run.options.datasetTitle) in a \(deepest)-layer Deep RFM"
    let tile = 98.0
    let gap = layers.count > 1 ? (820 - tile * Double(layers.count)) / Double(layers.count - 1) : 0
    let tiles = layers.enumerated().map { index, layer -> Markup in
      guard let gram = layer.gram else { return "" }
      let x = 20 + Double(index) * (tile + gap)
      return """
        <image class="heat" href="\(Heatmap.url(gram.input, size: gram.size))" x="\(x)" y="48" width="\(tile)" height="\(tile)"/>
        <text x="\(x + tile / 2)" y="164" text-anchor="middle">layer \(layer.metrics.layer)</text>
        """
    }
    let frame = WideFrame(chart: chart)
    let picture: Markup = """
      <svg xmlns="http://www.w3.org/2000/svg" class="chart" viewBox="0 0 860 494" width="860" height="494" role="img">
      <title id="title">\(title)</title>
      <desc id="desc">\(chart.summary) Above, cosines between class-sorted samples: blocks appear on the diagonal.</desc>
      <style>
      \(Markup(stringLiteral: Style.colors.replacing("\n", with: "")))
      \(Markup(stringLiteral: Style.drawing))
      .chart text.head{font-weight:600;fill:var(--ink)}.heat{image-rendering:pixelated}
      @media (prefers-color-scheme:dark){.heat{filter:invert(1) hue-rotate(180deg)}}
      </style>
      <text class="head" x="20" y="32">Cosines between class-sorted samples of the layer's input</text>
      \(tiles.joined())
      <text class="head" x="20" y="206">NC1 and NC2 of the layer's input</text>
      <g transform="translate(0 210)">\(frame.markup)</g>
      </svg>

      """
    return picture.description
  }

  /// The chart drawn wider than on the page.
  private struct WideFrame {
    let chart: LineChart
    var markup: Markup {
      chart.body(in: Frame(id: chart.id, title: "", summary: "", legendRows: 1, width: 860, plotHeight: 200))
    }
  }
}
