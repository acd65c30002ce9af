import DeepRFM
import Files
import Runtime

/// A plan as people and programs read it.
struct PlanReport {
  /// nil: of one run.
  let grid: TuneGrid?
  let plan: RunPlan
  let network: Network
  /// One a layer; empty: it does not fit, and nothing was measured.
  let seconds: [LayerMetrics.Seconds]
  /// What was assumed rather than measured.
  let assumptions: [String]

  private static let phases = [
    "kernel", "preconditioner", "solve", "agop", "root", "features", "metrics", "communication",
  ]

  private var whole: LayerMetrics.Seconds { Self.sum(seconds) }
  private var total: Double { plan.loadingSeconds + whole.total }

  /// Of the whole tuning.
  private var tuneSeconds: Double? { grid.map { $0.seconds(seconds, loading: plan.loadingSeconds) } }

  private static func sum(_ layers: [LayerMetrics.Seconds]) -> LayerMetrics.Seconds {
    var sums = LayerMetrics.Seconds().values
    for layer in layers { for (k, value) in layer.values.enumerated() { sums[k] += value } }
    return LayerMetrics.Seconds(values: sums)
  }

  // MARK: JSON

  var json: JSON {
    let (shape, largest) = (plan.shape, plan.largest)
    var json = JSON.object([])
    func set(_ path: String..., to value: JSON) { json.set(value, at: path[...]) }
    set("fits", to: .bool(plan.fits))
    set("seconds", to: seconds.isEmpty ? .null : JSON(tuneSeconds ?? total))
    if let grid {
      set("combinations", to: JSON(grid.count))
      set("secondsOfOneRun", to: seconds.isEmpty ? .null : JSON(total))
    }
    set("secondsPerLayer", to: .array(seconds.map { JSON($0.total) }))
    set("peakMemoryBytesPerRank", to: JSON(plan.peak))
    set("memory", to: Self.object(largest.plan.items))
    set("stages", to: Self.object(largest.plan.stages))
    set("budgetBytes", to: JSON(plan.budget))
    set("operations", to: Self.object(Self.sum(plan.layers.map(\.operations))))
    set("phases", to: seconds.isEmpty ? .null : Self.object(whole))
    set("loadingSeconds", to: JSON(plan.loadingSeconds))
    set("networkShare", to: seconds.isEmpty ? .null : JSON(whole[.communication] / total))
    set("layers", to: .array(plan.layers.indices.map(layer)))
    set("samples", to: JSON(shape.samples))
    set("testSamples", to: JSON(shape.testSamples))
    set("ranks", to: JSON(plan.ranks))
    set("nodes", to: JSON(plan.nodes))
    set("threads", to: JSON(plan.threads))
    set("network", "latencySeconds", to: JSON(plan.nodes > 1 ? network.latency : network.localLatency))
    set("network", "bytesPerSecond", to: JSON(plan.nodes > 1 ? network.bandwidth : network.localBandwidth))
    set("refusal", to: plan.refusal.map(JSON.string) ?? .null)
    set("remedies", to: .array(plan.remedies.map(JSON.string)))
    set("assumptions", to: .array(assumptions.map(JSON.string)))
    return json
  }

  private func layer(_ index: Int) -> JSON {
    let layer = plan.layers[index]
    return .object([
      JSON.Member("inputWidth", JSON(layer.load.width)), JSON.Member("outputWidth", JSON(layer.load.outputWidth)),
      JSON.Member("route", .string(layer.plan.route.rawValue)), JSON.Member("iterations", JSON(layer.iterations)),
      JSON.Member("preconditionerRank", JSON(layer.plan.preconditionerRank)),
      JSON.Member("storedShare", JSON(layer.plan.storedShare)),
      JSON.Member("peakMemoryBytes", JSON(layer.plan.peak)),
      JSON.Member("operations", JSON(layer.operations.total)),
      JSON.Member("seconds", seconds.isEmpty ? .null : Self.object(seconds[index])),
    ])
  }

  private static func object(_ items: [MemoryPlan.Item]) -> JSON {
    .object(items.map { JSON.Member(camelCase($0.name), JSON($0.bytes)) })
  }

  private static func object(_ values: LayerMetrics.Seconds) -> JSON {
    .object(zip(phases + ["total"], values.values).map { JSON.Member($0, JSON($1)) })
  }

  private static func camelCase(_ name: String) -> String {
    let words = name.split(separator: " ")
    return words[0] + words[1...].map { $0.prefix(1).uppercased() + $0.dropFirst() }.joined()
  }

  // MARK: For people

  var text: String {
    var lines = [head, ""] + memory + [""]
    if let refusal = plan.refusal {
      lines.append(refusal)
      lines += plan.remedies.map { "  -> \($0)" }
    } else {
      lines += table + [""] + summary
    }
    return (lines + assumptions.map { "  assumed: \($0)" }).joined(separator: "\n") + "\n"
  }

  private var head: String {
    let (shape, options) = (plan.shape, plan.options)
    func many(_ count: Int, _ noun: String) -> String { "\(count) \(noun)\(count == 1 ? "" : "s")" }
    return
      "\(options.dataset.rawValue): \(shape.samples) samples of width \(shape.width), \(shape.predictsValues ? many(shape.outputs, "output") : "\(shape.outputs) classes"), "
      + "\(shape.testSamples) to test; \(many(options.layers, "layer"))\n"
      + "\(many(plan.ranks, "rank")) on \(many(plan.nodes, "node")), \(many(plan.threads, "thread")) each"
  }

  private var memory: [String] {
    let largest = plan.largest.plan
    let items = largest.items.filter { $0.bytes >> 20 > 0 }.map {
      "  " + Self.padded($0.name, 22) + Format.bytes($0.bytes)
    }
    let stage = largest.stages.max { $0.bytes < $1.bytes }?.name ?? ""
    return [largest.summary] + items + ["not all at once: most is held in the stage '\(stage)'"]
  }

  private static let columns = [
    "layer", "width", "route", "CG", "kernel", "precond", "solve", "agop", "root", "features", "metrics", "messages",
    "seconds",
  ]

  /// Layers that are alike in all but the iterations are one line only if these are the same too.
  private var table: [String] {
    let header = Self.columns.map { Self.right($0, 9) }.joined()
    return [header]
      + plan.layers.indices.map { index in
        let layer = plan.layers[index]
        let cells = ["\(index + 1)", "\(layer.load.width)", layer.plan.route.rawValue, "\(layer.iterations)"]
        return (cells + seconds[index].values.map { Format.fixed($0, digits: $0 < 9.995 ? 2 : 1) })
          .map { Self.right($0, 9) }.joined()
      }
  }

  private var summary: [String] {
    let operations = Self.sum(plan.layers.map(\.operations))
    let share = zip(Self.phases, operations.values).filter { $0.1 > 0 }.map {
      "\($0.0) \(Format.fixed($0.1 * 1e-12, digits: 2))"
    }
    let tuning = tuneSeconds.map {
      "all \(grid?.count ?? 0) combinations: \(Format.clock($0)) (\(Format.fixed($0, digits: 1)) s), with the times of the first kernel"
    }
    let run = [
      "whole run: \(Format.clock(total)) (\(Format.fixed(total, digits: 1)) s), \(Format.fixed(plan.loadingSeconds, digits: 1)) s of it to"
        + " start and read, \(Format.percent(whole[.communication] / total)) messages",
      "operations, 10^12: " + share.joined(separator: ", "),
    ]
    return tuning.map { [$0] + run } ?? run
  }

  private static func padded(_ text: String, _ width: Int) -> String {
    text + String(repeating: " ", count: max(1, width - text.count))
  }

  private static func right(_ text: String, _ width: Int) -> String {
    String(repeating: " ", count: max(1, width - text.count)) + text
  }
}
