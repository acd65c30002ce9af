/// Bars of stacked parts as SVG: one a layer, or one a setting.
struct StackedBars: Sendable {
  struct Bar: Sendable {
    let label: String
    /// One a part.
    let values: [Double]
  }

  let id: String
  let title: String
  let summary: String
  let parts: [String]
  let bars: [Bar]
  let xName: String
  let yName: String
  var width = 560.0

  func svg() -> Markup {
    let legend = Legend(
      parts.enumerated().map { ($1, $0) }, palette: "p", showsMarkers: false, block: true, width: width)
    let frame = Frame(id: id, title: title, summary: summary, legendRows: legend.rowCount, width: width)
    let heights = bars.map { $0.values.reduce(0, +) }
    let y = Scale.linear(heights, fromZero: true)
    // Bar i stands at i + 1.
    let x = Scale.layers(max(1, bars.count))
    let named = Scale(
      kind: .linear, low: x.low, high: x.high,
      ticks: bars.count <= 8
        ? bars.enumerated().map { .init(value: Double($0 + 1), label: $1.label) }
        : x.ticks.map { .init(value: $0.value, label: bars[min(bars.count, Int($0.value)) - 1].label) })
    var body = frame.grid(x: named, y: y, xName: xName, yName: yName) + legend.markup
    let room = (frame.right - frame.left) / (named.high - named.low)
    let width = min(56, room * 0.72)
    for (index, bar) in bars.enumerated() {
      body += stack(bar, at: frame.x(named.position(Double(index + 1)) ?? 0) - width / 2, width, y, frame)
    }
    return frame.wrap(body)
  }

  private func stack(_ bar: Bar, at x: Double, _ width: Double, _ y: Scale, _ frame: Frame) -> Markup {
    var result: Markup = ""
    var sum = 0.0
    for (part, value) in bar.values.enumerated() where value > 0 && value.isFinite {
      let foot = frame.y(y.position(sum) ?? 0)
      sum += value
      let head = frame.y(y.position(sum) ?? 0)
      result += """
        <g class="p\(part % 8 + 1)"><rect class="f" x="\(x)" y="\(head)" width="\(width)" height="\(foot - head)">\
        <title>\(bar.label), \(parts[part]): \(Figure.fixed(value, digits: 3)) s</title></rect></g>
        """
    }
    return result
  }
}
