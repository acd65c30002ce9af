import Files
import Runtime

/// A scaling model's points as people and programs read them.
struct ScalingReport {
  let model: ScalingModel
  let points: [ScalingModel.Point]

  private static let columns =
    ["ranks", "nodes", "samples"] + Phase.ofLayer.map(\.name) + ["total", "efficiency"]

  private var assumptions: [String] {
    let network = model.network
    return [
      "each phase is off by the same factor as in the measured run, on \(model.base.ranks) ranks",
      "\(model.measured.solver.iterations) iterations of the solver at every size",
      "\(model.ranksPerNode) ranks on a node like this one",
      "\(Format.fixed(network.latency * 1e6, digits: 1)) us and \(Format.fixed(network.bandwidth * 1e-9, digits: 2)) GB/s between nodes,"
        + " whatever their number (--network-latency, --network-bandwidth)",
      "blocks on the ring wait only if they take longer than the work; sums over ranks take 2 log2 P messages",
      "all ranks have as many rows: tiles are not counted one by one",
    ]
  }

  private var limit: String {
    guard let limit = model.limit(points) else {
      return "no phase stops scaling up to \(points.last?.ranks ?? 0) ranks"
    }
    return "the first phase to stop scaling is \(limit.phase), at \(limit.ranks) ranks"
  }

  var json: JSON {
    .object([
      JSON.Member("scaling", .string(model.kind.rawValue)),
      JSON.Member("calibratedOnRanks", JSON(model.base.ranks)),
      JSON.Member("threads", JSON(model.base.threads)),
      JSON.Member("points", .array(points.map(point))),
      JSON.Member("firstToStop", model.limit(points).map { .string("\($0.phase)") } ?? .null),
      JSON.Member("stopsAtRanks", model.limit(points).map { JSON($0.ranks) } ?? .null),
      JSON.Member("assumptions", .array(assumptions.map(JSON.string))),
    ])
  }

  private func point(_ point: ScalingModel.Point) -> JSON {
    let phases = zip(Phase.ofLayer.map(\.name) + ["total"], point.seconds.values)
    return .object([
      JSON.Member("ranks", JSON(point.ranks)), JSON.Member("nodes", JSON(point.nodes)),
      JSON.Member("samples", JSON(point.samples)),
      JSON.Member("seconds", .object(phases.map { JSON.Member($0, JSON($1)) })),
      JSON.Member("efficiency", JSON(point.efficiency)),
    ])
  }

  /// A header, a line a number of ranks, then sentences.
  var text: String {
    let rows = points.map { point in
      ["\(point.ranks)", "\(point.nodes)", "\(point.samples)"]
        + point.seconds.values.map { Format.fixed($0, digits: 4) } + [Format.fixed(point.efficiency, digits: 3)]
    }
    let lines = ([Self.columns] + rows).map { cells in cells.map { Self.right($0, 15) }.joined() }
    return (lines + ["", limit] + assumptions.map { "  assumed: \($0)" }).joined(separator: "\n") + "\n"
  }

  private static func right(_ text: String, _ width: Int) -> String {
    String(repeating: " ", count: max(1, width - text.count)) + text
  }
}
