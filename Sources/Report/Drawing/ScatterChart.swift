/// Points in a plane, as SVG with a title and a description.
struct ScatterChart: Sendable {
  /// Unique on its page.
  let id: String
  let title: String
  /// For those who do not see it.
  let summary: String
  let xName, yName: String
  let points: [(x: Double, y: Double)]
  /// Where they would lie if all were right: y = x, or y = 0.
  let isDiagonal: Bool

  func svg() -> Markup {
    let (xs, ys) = (points.map(\.x), points.map(\.y))
    let x = Scale.linear(isDiagonal ? xs + ys : xs)
    let y = isDiagonal ? x : Scale.linear(ys, fromZero: true)
    let frame = Frame(id: id, title: title, summary: summary, legendRows: 0)
    var body = frame.grid(x: x, y: y, xName: xName, yName: yName)
    if let right = line(x, y, frame) { body += right }
    body += "<g class=\"s1 dots\">"
    for point in points {
      guard let u = x.position(point.x), let v = y.position(point.y) else { continue }
      body += "<circle cx=\"\(frame.x(u))\" cy=\"\(frame.y(v))\" r=\"2.6\"/>"
    }
    return frame.wrap(body + "</g>")
  }

  private func line(_ x: Scale, _ y: Scale, _ frame: Frame) -> Markup? {
    let ends = isDiagonal ? (x.low, x.high) : (0, 0)
    guard let first = y.position(ends.0), let last = y.position(ends.1) else { return nil }
    return """
      <line class="ref" x1="\(frame.left)" x2="\(frame.right)" y1="\(frame.y(first))" y2="\(frame.y(last))"/>
      """
  }
}
