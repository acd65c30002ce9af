import Files
import Network
import Runtime

/// A network's plan as people and programs read it.
struct NetworkPlanReport {
  let plan: NetworkRunPlan
  let network: Interconnect
  /// nil: it does not fit, or had no room to be measured.
  let rates: NetworkRates?
  /// What would make it fit.
  let remedies: [String]
  /// What was assumed rather than measured.
  let assumptions: [String]

  private typealias Phases = NetworkRunPlan.Phases

  private var whole: Phases? { rates.map { plan.allSeconds($0, network) } }
  private var total: Double? { whole.map { plan.loadingSeconds + $0.total } }

  private func epoch(measures: Bool) -> Phases? { rates.map { plan.seconds($0, network, measures: measures) } }

  // MARK: JSON

  var json: JSON {
    let exchange = plan.exchange
    let (epochs, measurements) = (Double(plan.options.epochs), Double(plan.options.measurements))
    var json = JSON.object([])
    func set(_ path: String..., to value: JSON) { json.set(value, at: path[...]) }
    set("fits", to: .bool(plan.fits))
    set("seconds", to: total.map { JSON($0) } ?? .null)
    set("secondsPerEpoch", to: epoch(measures: false).map(Self.seconds) ?? .null)
    set("secondsPerMeasuredEpoch", to: epoch(measures: true).map(Self.seconds) ?? .null)
    set("peakMemoryBytesPerRank", to: JSON(plan.peak))
    set("memory", to: memory)
    set("budgetBytes", to: JSON(plan.budget))
    set("operations", to: Self.operations(plan.allOperations, withTotal: true))
    set("operationsPerEpoch", to: Self.operations(plan.operations, withTotal: false))
    set("exchangedBytes", to: Self.bytes(exchange, epochs: epochs, measurements: measurements, withTotal: true))
    set("exchangedBytesPerEpoch", to: Self.bytes(exchange, epochs: 1, measurements: 1, withTotal: false))
    set("phases", to: whole.map(Self.seconds) ?? .null)
    set("loadingSeconds", to: JSON(plan.loadingSeconds))
    set("networkShare", to: networkShare.map { JSON($0) } ?? .null)
    set("samples", to: JSON(plan.shape.samples))
    set("testSamples", to: JSON(plan.shape.testSamples))
    set("epochs", to: JSON(plan.options.epochs))
    set("measurements", to: JSON(plan.options.measurements))
    set("stepsPerEpoch", to: JSON(exchange.steps))
    set("parameters", to: JSON(plan.cost.parameters))
    set("ranks", to: JSON(plan.ranks))
    set("nodes", to: JSON(plan.nodes))
    set("threads", to: JSON(plan.threads))
    set("network", "latencySeconds", to: JSON(plan.nodes > 1 ? network.latency : network.localLatency))
    set("network", "bytesPerSecond", to: JSON(plan.nodes > 1 ? network.bandwidth : network.localBandwidth))
    set("refusal", to: plan.refusal.map(JSON.string) ?? .null)
    set("remedies", to: .array(remedies.map(JSON.string)))
    set("assumptions", to: .array(assumptions.map(JSON.string)))
    return json
  }

  private var networkShare: Double? {
    guard let whole, let total else { return nil }
    return whole.exchange / total
  }

  private var memory: JSON {
    .object(
      [JSON.Member("program", JSON(plan.program))]
        + plan.memory.items.map { JSON.Member($0.key, JSON($0.bytes)) })
  }

  private static func object(_ numbers: [(String, Double)]) -> JSON {
    .object(numbers.map { JSON.Member($0.0, JSON($0.1)) })
  }

  private static func seconds(_ phases: Phases) -> JSON {
    object([
      ("train", phases.train), ("exchange", phases.exchange), ("evaluate", phases.evaluate),
      ("measure", phases.measure), ("total", phases.total),
    ])
  }

  /// - Parameter withTotal: false where `measure` is of a measurement, and the others of an epoch.
  private static func operations(_ phases: Phases, withTotal: Bool) -> JSON {
    object(
      [("train", phases.train), ("evaluate", phases.evaluate), ("measure", phases.measure)]
        + (withTotal ? [("total", phases.total)] : []))
  }

  /// What all ranks send in so many epochs and measurements.
  private static func bytes(
    _ exchange: NetworkExchange, epochs: Double, measurements: Double, withTotal: Bool
  ) -> JSON {
    let phases = [
      ("rows", epochs * exchange.rows), ("gradients", epochs * exchange.gradients),
      ("statistics", epochs * exchange.statistics), ("measure", measurements * exchange.measurement),
    ]
    return object(phases + (withTotal ? [("total", phases.reduce(0) { $0 + $1.1 })] : []))
  }

  // MARK: For people

  var text: String {
    var lines = [head, ""] + memoryLines + [""]
    if let refusal = plan.refusal {
      lines.append(refusal)
      lines += remedies.map { "  -> \($0)" }
    } else {
      lines += secondsLines + [operationsLine, exchangeLine]
    }
    return (lines + assumptions.map { "  assumed: \($0)" }).joined(separator: "\n") + "\n"
  }

  private var head: String {
    let (shape, options) = (plan.shape, plan.options)
    let samples = "\(options.dataset.rawValue): \(shape.samples) samples of width \(shape.features)"
    let classes = Self.many(shape.classCounts.count, "class", "es")
    let epochs = "\(Self.many(options.epochs, "epoch")) of \(Self.many(plan.exchange.steps, "step"))"
    let measurements = Self.many(options.measurements, "measurement")
    let machine = [(plan.ranks, "rank"), (plan.nodes, "node"), (plan.threads, "thread")].map { Self.many($0.0, $0.1) }
    return """
      \(samples), \(classes), \(shape.testSamples) to test
      \(options.architecture.rawValue) of \(plan.cost.parameters) parameters; \(epochs), \(measurements)
      \(machine[0]) on \(machine[1]), \(machine[2]) each
      """
  }

  private static func many(_ count: Int, _ noun: String, _ ending: String = "s") -> String {
    "\(count) \(noun)\(count == 1 ? "" : ending)"
  }

  private var memoryLines: [String] {
    let items: [(String, Int)] = [("the program", plan.program)] + plan.memory.items.map { ($0.name, $0.bytes) }
    return ["memory a rank: \(Format.bytes(plan.peak)) of \(Format.bytes(plan.budget))"]
      + items.map { "  " + Self.padded($0.0, 24) + Format.bytes($0.1) }
  }

  private var secondsLines: [String] {
    guard let rates, let whole, let total else { return [] }
    let columns = ["train", "exchange", "evaluate", "measure", "seconds"]
    func row(_ name: String, _ phases: Phases) -> String {
      let values = [phases.train, phases.exchange, phases.evaluate, phases.measure, phases.total]
      let cells = values.map { Self.right(Format.fixed($0, digits: $0 < 9.995 ? 3 : 1), 11) }
      return Self.padded(name, 26) + cells.joined()
    }
    let (run, loading) = (Format.fixed(total, digits: 1), Format.fixed(plan.loadingSeconds, digits: 1))
    return [
      String(repeating: " ", count: 26) + columns.map { Self.right($0, 11) }.joined(),
      row("an epoch", plan.seconds(rates, network, measures: false)),
      row("one with a measurement", plan.seconds(rates, network, measures: true)), row("all", whole), "",
      "whole run: \(Format.clock(total)) (\(run) s), \(loading) s of it to start and read, "
        + "\(Format.percent(whole.exchange / total)) messages",
    ]
  }

  private var operationsLine: String {
    let (epoch, whole) = (plan.operations, plan.allOperations)
    func tera(_ count: Double) -> String { Format.fixed(count * 1e-12, digits: 3) }
    return "operations, 10^12: an epoch's training \(tera(epoch.train)), evaluation \(tera(epoch.evaluate)), "
      + "a measurement \(tera(epoch.measure)); the run's \(tera(whole.total))"
  }

  private var exchangeLine: String {
    let exchange = plan.exchange
    func bytes(_ count: Double) -> String { Format.bytes(Int(min(count, 1e18))) }
    return "sent by all ranks: an epoch's rows \(bytes(exchange.rows)), gradients \(bytes(exchange.gradients)), "
      + "batch norm \(bytes(exchange.statistics)); a measurement \(bytes(exchange.measurement))"
  }

  private static func padded(_ text: String, _ width: Int) -> String {
    text + String(repeating: " ", count: max(1, width - text.count))
  }

  private static func right(_ text: String, _ width: Int) -> String {
    String(repeating: " ", count: max(1, width - text.count)) + text
  }
}
