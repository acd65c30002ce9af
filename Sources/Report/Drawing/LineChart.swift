/// A curve: points in order of x, and where there are several runs the range they span.
struct Line: Sendable {
  struct Point: Sendable {
    let x: Double
    let y: Double
    /// What a pointer that rests on it reads.
    let label: String
  }

  struct Range: Sendable {
    let x: Double
    let low: Double
    let high: Double
  }

  let name: String
  /// Which colour, marker and dash: equal slots look equal in all charts of a page.
  let slot: Int
  var points: [Point]
  var band: [Range] = []
}

/// Lines over layers, or over another axis, as SVG with a title and a description.
struct LineChart: Sendable {
  /// Unique on its page.
  let id: String
  let title: String
  /// For those who do not see it.
  let summary: String
  var yName: String
  let y: Scale
  var xName = "layer"
  let x: Scale
  let lines: [Line]
  /// A value worth comparing with, and its name.
  var reference: (value: Double, name: String)?
  /// A place on the axis worth seeing, and its name.
  var mark: (x: Double, name: String)?
  /// "s": the colours that tell settings apart; "q": those that run from the first layer to the last.
  var palette = "s"
  var showsMarkers = true
  /// Off: points alone.
  var connects = true

  private var legend: Legend {
    Legend(lines.map { ($0.name, $0.slot) }, palette: palette, showsMarkers: showsMarkers)
  }

  func svg() -> Markup {
    let frame = Frame(id: id, title: title, summary: summary, legendRows: legend.rowCount)
    return frame.wrap(body(in: frame))
  }

  /// Without the element around it.
  func body(in frame: Frame) -> Markup {
    var body = frame.grid(x: x, y: y, xName: xName, yName: yName) + legend.markup
    for line in lines { body += band(line, frame) }
    if let reference, let height = y.position(reference.value), (0...1).contains(height) {
      let at = frame.y(height)
      body += """
        <line class="ref" x1="\(frame.left)" x2="\(frame.right)" y1="\(at)" y2="\(at)"/>\
        <text class="note" x="\(frame.right - 4)" y="\(at - 5)" text-anchor="end">\(reference.name)</text>
        """
    }
    if let mark, let place = x.position(mark.x), (0...1).contains(place) {
      let (at, isRight) = (frame.x(place), place > 0.7)
      body += """
        <line class="ref" x1="\(at)" x2="\(at)" y1="\(frame.top)" y2="\(frame.bottom)"/>\
        <text class="note" x="\(at + (isRight ? -5 : 5))" y="\(frame.bottom - 6)" text-anchor="\(isRight ? "end" : "start")">\(mark.name)</text>
        """
    }
    for line in lines { body += curve(line, frame) }
    return body
  }

  private func place(_ px: Double, _ py: Double, _ frame: Frame) -> (Double, Double)? {
    guard let u = x.position(px), let v = y.position(py), (-0.001...1.001).contains(u), (-0.001...1.001).contains(v)
    else {
      return nil
    }
    return (frame.x(u), frame.y(v))
  }

  /// A gap stays a gap: each unbroken part is a polyline of its own.
  private func curve(_ line: Line, _ frame: Frame) -> Markup {
    let places = line.points.map { place($0.x, $0.y, frame) }
    var result = Markup(stringLiteral: "<g class=\"\(palette)\(line.slot % 8 + 1)\">")
    for part in places.split(whereSeparator: { $0 == nil }) where connects && part.count > 1 {
      let points = part.compactMap { $0 }.map { "\(Figure.coordinate($0.0)),\(Figure.coordinate($0.1))" }
      result += "<polyline class=\"l\" points=\"\(points.joined(separator: " "))\"/>"
    }
    // Markers of a very deep run would hide the line.
    if showsMarkers && (!connects || line.points.count <= 60) {
      for (point, place) in zip(line.points, places) {
        guard let place else { continue }
        result += """
          <path class="m" d="\(Marker.path(line.slot))" transform="translate(\(place.0) \(place.1))">\
          <title>\(point.label)</title></path>
          """
      }
    }
    return result + "</g>"
  }

  private func band(_ line: Line, _ frame: Frame) -> Markup {
    let upper = line.band.compactMap { place($0.x, $0.high, frame) }
    let lower = line.band.compactMap { place($0.x, $0.low, frame) }
    guard upper.count > 1, upper.count == lower.count else { return "" }
    let outline = (upper + lower.reversed()).map { "\(Figure.coordinate($0.0)),\(Figure.coordinate($0.1))" }
    return """
      <polygon class="b \(palette)\(line.slot % 8 + 1)" points="\(outline.joined(separator: " "))"/>
      """
  }
}

/// A chart's outer size and its plotting area, in the units of its viewBox.
struct Frame: Sendable {
  let id: String
  let title: String
  let summary: String
  let legendRows: Int
  var width = 560.0
  var plotHeight = 236.0
  let left = 62.0

  var right: Double { width - 14 }
  var top: Double { 14 + 22 * Double(legendRows) }
  var bottom: Double { top + plotHeight }
  var height: Double { bottom + 46 }

  func x(_ position: Double) -> Double { left + position * (right - left) }
  func y(_ position: Double) -> Double { bottom - position * plotHeight }

  func grid(x: Scale, y: Scale, xName: String, yName: String) -> Markup {
    let rows = y.ticks.map { tick -> Markup in
      let at = self.y(y.position(tick.value) ?? 0)
      return """
        <line class="grid" x1="\(left)" x2="\(right)" y1="\(at)" y2="\(at)"/>\
        <text class="tick ty" x="\(left - 8)" y="\(at + 4)" text-anchor="end">\(tick.label)</text>
        """
    }
    let columns = x.ticks.map { tick -> Markup in
      "<text class=\"tick tx\" x=\"\(self.x(x.position(tick.value) ?? 0))\" y=\"\(bottom + 18)\" text-anchor=\"middle\">\(tick.label)</text>"
    }
    return rows.joined() + columns.joined() + """
      <line class="axis" x1="\(left)" x2="\(right)" y1="\(bottom)" y2="\(bottom)"/>\
      <text class="name" x="\((left + right) / 2)" y="\(bottom + 38)" text-anchor="middle">\(xName)</text>
      """
      + (yName.isEmpty
        ? ""
        : """
        <text class="name" transform="translate(14 \((top + bottom) / 2)) rotate(-90)" text-anchor="middle">\(yName)</text>
        """)
  }

  func wrap(_ body: Markup) -> Markup {
    """
    <svg class="\(width > 600 ? "chart wide" : "chart")" viewBox="0 0 \(width) \(height)" role="img" aria-labelledby="\(id)-t \(id)-d" xmlns="http://www.w3.org/2000/svg">
    <title id="\(id)-t">\(title)</title><desc id="\(id)-d">\(summary)</desc>
    \(body)
    </svg>
    """
  }
}

/// Shapes that tell lines apart without colour.
enum Marker {
  private static let paths = [
    "M-3.2 0a3.2 3.2 0 1 0 6.4 0a3.2 3.2 0 1 0-6.4 0z",
    "M-2.9-2.9h5.8v5.8h-5.8z",
    "M0-4.1l4.1 4.1-4.1 4.1-4.1-4.1z",
    "M0-3.9l3.8 6.6h-7.6z",
    "M0 3.9l3.8-6.6h-7.6z",
    "M-1.2-3.8h2.4v2.6h2.6v2.4h-2.6v2.6h-2.4v-2.6h-2.6v-2.4h2.6z",
    "M-3.8-1.6h7.6v3.2h-7.6z",
    "M-1.6-3.8h3.2v7.6h-3.2z",
  ]

  static func path(_ slot: Int) -> String { paths[slot % paths.count] }
}

/// The names of a chart's lines, above its plotting area, in as many rows as they need.
struct Legend {
  let markup: Markup
  let rowCount: Int

  /// - Parameter names: with their slots.
  init(
    _ names: [(name: String, slot: Int)], palette: String, showsMarkers: Bool, block: Bool = false, width: Double = 560
  ) {
    var row = 0
    var x = 62.0
    var result: Markup = ""
    for (name, slot) in names {
      let text = Self.shortened(name)
      let room = 34 + 6.7 * Double(text.count) + 14
      if x > 62 && x + room > width - 8 { (row, x) = (row + 1, 62) }
      let y = 16 + 22 * Double(row)
      let sign: Markup =
        block
        ? "<rect class=\"f\" x=\"0\" y=\"-6\" width=\"14\" height=\"12\"/>"
        : "<polyline class=\"l\" points=\"0,0 24,0\"/>"
          + (showsMarkers ? "<path class=\"m\" d=\"\(Marker.path(slot))\" transform=\"translate(12 0)\"/>" : "")
      result += """
        <g class="\(palette)\(slot % 8 + 1)" transform="translate(\(x) \(y - 4))">\(sign)</g>\
        <text class="key" x="\(x + (block ? 20 : 31))" y="\(y)">\(text)</text>
        """
      x += room - (block ? 10 : 0)
    }
    markup = result
    rowCount = names.isEmpty ? 0 : row + 1
  }

  /// A long name ends in dots; the tables have it whole.
  private static func shortened(_ name: String) -> String {
    name.count <= 60 ? name : String(name.prefix(58)) + "…"
  }
}
