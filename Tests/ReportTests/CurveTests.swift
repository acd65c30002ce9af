import DeepRFM
import Foundation
import Report
import Testing

/// What a reader sees is what metrics.jsonl says: values read back from tables and from drawn coordinates.
@Suite struct CurveTests {
  let run = Made.run(layers: 20, fall: 5940)

  @Test func tablesHoldTheMetrics() throws {
    let rows = Parsed(Page.html(of: [run])).table("table-collapse")
    #expect(rows.count == 20)
    for (row, layer) in zip(rows, run.layers) {
      let m = layer.metrics
      #expect(row[0] == "\(m.layer)" && row[1] == "\(m.inputWidth)")
      let wanted = [
        m.nc1.input, m.nc1.projected, m.nc1.mapped, m.nc2.input, m.nc2.projected, m.nc2.mapped, m.accuracy.train * 100,
        (m.accuracy.test ?? .nan) * 100, m.meanSquaredError.train, m.meanSquaredError.test ?? .nan,
      ]
      for (text, value) in zip(row[2...], wanted) {
        let read = try #require(Double(text.replacingOccurrences(of: "\u{202F}%", with: "")))
        #expect(abs(read - value) <= 6e-4 * abs(value), "layer \(m.layer): \(text), not \(value)")
      }
    }
    let seconds = Parsed(Page.html(of: [run])).table("table-time")
    #expect(seconds.map { $0[9] } == run.layers.map { String(format: "%.3f", $0.metrics.seconds.total) })
  }

  @Test func drawnMarksLieAtTheMetrics() throws {
    let page = Parsed(Page.html(of: [run]))
    let curves: [(chart: String, lines: [(LayerMetrics) -> Double])] = [
      ("nc1", [{ $0.nc1.input }, { $0.nc1.projected }, { $0.nc1.mapped }]),
      ("nc2", [{ $0.nc2.input }, { $0.nc2.projected }, { $0.nc2.mapped }]),
      ("residual", [{ $0.solver.residual }]),
    ]
    for (chart, lines) in curves {
      let drawn = try Chart(page, chart)
      #expect(drawn.lines.count == lines.count)
      for (line, value) in zip(drawn.lines, lines) {
        #expect(line.count == run.layers.count)
        for (mark, layer) in zip(line, run.layers) {
          #expect(abs(drawn.x(mark.x) - Double(layer.metrics.layer)) < 0.02)
          // A hundredth of a pixel is 1e-4 of a decade here.
          let read = pow(10, drawn.logY(mark.y))
          #expect(abs(read / value(layer.metrics) - 1) < 2e-3, "\(chart), layer \(layer.metrics.layer)")
          let labelled = try #require(mark.label.split(separator: " ").last.flatMap { Double($0) })
          #expect(abs(labelled / value(layer.metrics) - 1) < 6e-4)
        }
      }
    }
  }

  @Test func barsAreAsHighAsTheirSeconds() throws {
    let page = Parsed(Page.html(of: [run]))
    let chart = try Chart(page, "seconds")
    let bars = page.indices("rect", class: "f", inside: chart.svg).map { page.elements[$0] }
      .filter { $0.attributes["height"] != "12" }
    #expect(bars.count == 20 * 8)
    for (index, bar) in bars.enumerated() {
      let wanted = run.layers[index / 8].metrics.seconds.values[index % 8]
      let height = try #require(bar.attributes["height"].flatMap(Double.init))
      #expect(abs(height * chart.linearUnits - wanted) < 0.01 * wanted + 0.004)
    }
  }

  @Test func whatIsNoNumberIsAGap() throws {
    var broken = run
    broken.layers[5].metrics.nc1.input = .nan
    broken.layers[9].metrics.nc1.input = 0
    let page = Parsed(Page.html(of: [broken]))
    let chart = try Chart(page, "nc1")
    #expect(chart.lines.map(\.count) == [18, 20, 20])
    // 1 to 5, 7 to 9, 11 to 20
    #expect(chart.polylines == [3, 1, 1])
    #expect(page.table("table-collapse")[5][2] == "–")
  }
}

/// A drawn chart, read by its ticks alone.
struct Chart {
  struct Mark {
    let x, y: Double
    let label: String
  }

  let svg: Int
  /// Marks of each line.
  let lines: [[Mark]]
  /// Unbroken parts of each line.
  let polylines: [Int]
  private let xTicks: [(at: Double, value: Double)]
  private let yTicks: [(at: Double, value: Double)]

  init(_ page: Parsed, _ id: String) throws {
    let titled = try #require(page.elements.firstIndex { $0.attributes["aria-labelledby"] == "\(id)-t \(id)-d" })
    svg = titled
    func number(_ element: Parsed.Element, _ name: String) -> Double {
      element.attributes[name].flatMap(Double.init) ?? .nan
    }
    xTicks = page.indices("text", class: "tick tx", inside: titled).map { page.elements[$0] }
      .map { (number($0, "x"), Double($0.text) ?? .nan) }
    yTicks = page.indices("text", class: "tick ty", inside: titled).map { page.elements[$0] }
      .map { (number($0, "y") - 4, Self.value($0.text)) }
    var lines: [[Mark]] = []
    var polylines: [Int] = []
    for group in page.indices("g", inside: titled) {
      let marks = page.indices("path", class: "m", inside: group).map { page.elements[$0] }
      // The legend's marks have no text.
      guard marks.contains(where: { !$0.text.isEmpty }) else { continue }
      polylines.append(page.indices("polyline", class: "l", inside: group).count)
      lines.append(
        marks.map { mark in
          let numbers = (mark.attributes["transform"] ?? "").split { "( )".contains($0) }.compactMap { Double($0) }
          return Mark(x: numbers.first ?? .nan, y: numbers.last ?? .nan, label: mark.text)
        })
    }
    self.lines = lines
    self.polylines = polylines
  }

  func x(_ pixel: Double) -> Double { Self.between(xTicks, pixel) }
  func logY(_ pixel: Double) -> Double { Self.between(yTicks.map { ($0.at, log10($0.value)) }, pixel) }
  /// Units of the y axis in a pixel.
  var linearUnits: Double {
    (yTicks[1].value - yTicks[0].value) / (yTicks[0].at - yTicks[1].at)
  }

  private static func between(_ ticks: [(at: Double, value: Double)], _ pixel: Double) -> Double {
    let (a, b) = (ticks[0], ticks[ticks.count - 1])
    return a.value + (pixel - a.at) / (b.at - a.at) * (b.value - a.value)
  }

  /// 10⁻⁵, 1 or 0.5
  private static func value(_ label: String) -> Double {
    guard label.hasPrefix("10"), label.count > 2 else { return Double(label) ?? .nan }
    let lowered: [Character: Character] = [
      "⁻": "-", "⁰": "0", "¹": "1", "²": "2", "³": "3", "⁴": "4", "⁵": "5", "⁶": "6", "⁷": "7", "⁸": "8", "⁹": "9",
    ]
    let digits = String(label.dropFirst(2).compactMap { lowered[$0] })
    return Double(digits).map { pow(10, $0) } ?? Double(label) ?? .nan
  }
}
