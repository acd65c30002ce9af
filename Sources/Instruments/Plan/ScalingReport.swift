import Files
import Runtime

/// A scaling model's points as people and programs read them.
struct ScalingReport {
  let model: ScalingModel
  let points: [ScalingModel.Point]
  /// The first layer's, whose rows are the data's: as wide as they are; nil: the model is of that layer.
  var first: (model: ScalingModel, points: [ScalingModel.Point])?

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

  private static func limit(_ model: ScalingModel, _ points: [ScalingModel.Point]) -> String {
    let root =
      model.ranksOfLargeRoot(points).map {
        "; from \($0) ranks on the root, which one node takes, is over half of the layer: one over all nodes would pay"
      } ?? ""
    guard let limit = model.limit(points) else {
      return "layer \(model.layer): no phase stops scaling up to \(points.last?.ranks ?? 0) ranks\(root)"
    }
    let (phase, ranks) = (limit.phase.name, limit.ranks)
    return "layer \(model.layer): the first phase to stop scaling is \(phase), at \(ranks) ranks\(root)"
  }

  var json: JSON {
    .object(
      [
        JSON.Member("scaling", .string(model.kind.rawValue)),
        JSON.Member("calibratedOnRanks", JSON(model.base.ranks)),
        JSON.Member("threads", JSON(model.base.threads)),
      ] + members(model, points) + [
        JSON.Member("firstLayer", first.map { .object(members($0.model, $0.points)) } ?? .null),
        JSON.Member("assumptions", .array(assumptions.map(JSON.string))),
      ])
  }

  private func members(_ model: ScalingModel, _ points: [ScalingModel.Point]) -> [JSON.Member] {
    [
      JSON.Member("layer", JSON(model.layer)),
      JSON.Member("points", .array(points.map(point))),
      JSON.Member("firstToStop", model.limit(points).map { .string($0.phase.name) } ?? .null),
      JSON.Member("stopsAtRanks", model.limit(points).map { JSON($0.ranks) } ?? .null),
      JSON.Member("largeRootAtRanks", model.ranksOfLargeRoot(points).map { JSON($0) } ?? .null),
    ]
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

  /// A header, a line a number of ranks, then sentences; the first layer's after the other's.
  var text: String {
    var lines = Self.table(points) + ["", Self.limit(model, points)]
    if let first {
      lines += [Self.limit(first.model, first.points), "", "layer 1"] + Self.table(first.points) + [""]
    }
    return (lines + assumptions.map { "  assumed: \($0)" }).joined(separator: "\n") + "\n"
  }

  private static func table(_ points: [ScalingModel.Point]) -> [String] {
    let rows = points.map { point in
      ["\(point.ranks)", "\(point.nodes)", "\(point.samples)"]
        + point.seconds.values.map { Format.fixed($0, digits: 4) } + [Format.fixed(point.efficiency, digits: 3)]
    }
    return ([columns] + rows).map { cells in cells.map { right($0, 15) }.joined() }
  }

  private static func right(_ text: String, _ width: Int) -> String {
    String(repeating: " ", count: max(1, width - text.count)) + text
  }
}
