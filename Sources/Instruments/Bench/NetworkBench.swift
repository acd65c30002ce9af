import Files
import LinearAlgebra
import MPI
import Network
import Runtime

/// *Collective.* The products of a network's layers, each by itself through the code that trains it, and of an mlp the sweeps of its
/// measurement, beside BLAS. Every rank works alone on a batch of its own, all at once; figures are the best of the measurements, the slowest
/// rank's, and BLAS's the best of those before and behind.
///
/// Throws `InputError` where the samples are no images and the architecture wants some.
func benchNetwork<T: NetworkReal>(
  _ options: BenchOptions, _ host: Host, _ limits: MachineLimits, in type: T.Type
) throws -> BenchReport {
  let bench = try NetworkBench<T>(options, host, limits)
  return try bench.report(options, host)
}

/// A kind of layer with the best seconds of each of its products.
private struct MeasuredKind {
  let kind: LayerKind
  /// Of a product, on each rank.
  let operations: Double
  var seconds: [LayerProduct: Double] = [:]

  var json: JSON {
    let shape = kind.input
    var json = JSON.object([])
    func set(_ path: String..., to value: JSON) { json.set(value, at: path[...]) }
    set("name", to: .string(kind.name))
    set("layers", to: JSON(kind.count))
    set("input", to: .array([JSON(shape.channels), JSON(shape.height), JSON(shape.width)]))
    set("outputs", to: JSON(kind.outputs))
    set("kernel", to: JSON(kind.kernel))
    set("stride", to: JSON(kind.stride))
    set("operations", to: JSON(operations))
    for product in kind.products { set("seconds", product.rawValue, to: JSON(seconds[product] ?? .nan)) }
    return json
  }

  /// "features.3: 64 x 16 x 16 to 128, 3 x 3 taps"
  var title: String {
    let shape = kind.input
    let input = shape.pixels == 1 ? "\(shape.count)" : "\(shape.channels) x \(shape.height) x \(shape.width)"
    let taps = kind.isConvolution ? ", \(kind.kernel) x \(kind.kernel) taps" : ""
    let stride = kind.stride > 1 ? " by \(kind.stride)" : ""
    return "\(kind.name): \(input) to \(kind.outputs)\(taps)\(stride)" + (kind.count > 1 ? ", \(kind.count) alike" : "")
  }

  /// Of all ranks.
  func text(ranks: Int) -> String {
    kind.products.map { product in
      let rate = operations * Double(ranks) / (seconds[product] ?? .nan)
      return "\(product.rawValue) \(BenchReport.Unit.gigaflops.text(rate * 1e-9))"
    }.joined(separator: ", ")
  }
}

/// The steps of the bench.
private struct NetworkBench<T: NetworkReal> {
  let form: NetworkForm
  let kinds: [LayerKind]
  /// Of a batch, and of a block that is measured.
  let rows, measuredRows: Int
  let limits: MachineLimits
  /// This rank alone.
  let context: Context
  var world: Communicator { limits.world }

  /// *Collective.*
  init(_ options: BenchOptions, _ host: Host, _ limits: MachineLimits) throws {
    self.limits = limits
    context = Context(world: try limits.world.split(color: limits.world.rank, key: 0), host: host)
    form = try limits.world.together { try Self.form(options) }
    rows = options.batch ?? BenchOptions.defaultBatch
    measuredRows = min(options.samples ?? .max, NetworkMemory.evaluationRows)
    let plan: NetworkBuilder<T> = try form.build(rows: rows, threads: host.threads, isPlan: true)
    kinds = LayerKind.all(in: plan)
  }

  /// *Local.* Of random rows, or of a data set's shape.
  private static func form(_ options: BenchOptions) throws -> NetworkForm {
    var network = NetworkOptions()
    network.architecture = options.architecture ?? .mlp
    guard let dataset = options.dataset else {
      let features =
        options.dimension
        ?? (network.architecture == .mlp ? BenchOptions.defaultDimension : BenchOptions.defaultImage)
      return try network.form(
        features: features, shape: nil, classes: options.classes ?? BenchOptions.defaultClasses)
    }
    (network.dataset, network.data, network.testSamples) = (dataset, options.data, 0)
    let shape = try NetworkShape(of: network)
    return try network.form(features: shape.features, shape: shape.sampleShape, classes: shape.classCounts.count)
  }

  /// *Collective.* The least of the measurements' seconds of a call with so many operations, the slowest rank's; small work is repeated.
  private func best(operations: Double, _ body: () throws -> Void) throws -> Double {
    // As fast as no thread is: a measurement takes at least nearly the seconds that it should.
    let wanted = 1e11 * Double(context.pool.count) * limits.sizes.seconds
    let calls = max(1, min(10_000, Int(wanted / max(1, operations))))
    try body()
    var least = Double.infinity
    for _ in 0..<limits.measurement.repetitions {
      let seconds = try limits.measurement.seconds { for _ in 0..<calls { try body() } }
      least = min(least, seconds / Double(calls))
    }
    return least
  }

  /// *Collective.* The best rate of square products in operations a second, all ranks together.
  /// A few: one takes as long as many of a small layer's products.
  private func bestGemm(_ take: Measurement.Take) throws -> Double {
    var rate = 0.0
    for _ in 0..<min(3, limits.measurement.repetitions) { rate = max(rate, try take()) }
    return rate
  }

  /// *Collective.* One kind at a time: the memory of all would be the network's.
  private func products() throws -> [MeasuredKind] {
    try kinds.map { kind in
      let layer = try LayerProducts<T>(kind, rows: rows, context) { noise($0, $1) }
      var measured = MeasuredKind(kind: kind, operations: Double(rows) * kind.rowOperations)
      for product in kind.products {
        measured.seconds[product] = try best(operations: measured.operations) { try layer.run(product) }
      }
      return measured
    }
  }

  /// *Collective.* Seconds and operations of the sweeps over a block of rows; nil: of convolutions they are not measured.
  private func measuring() throws -> (seconds: Double, operations: Double)? {
    guard !kinds.contains(where: \.isConvolution) else { return nil }
    let sweeps = try MeasuringProducts<T>(form, rows: noise(measuredRows, form.input.count), context)
    return (try best(operations: sweeps.operations) { try sweeps.run() }, sweeps.operations)
  }

  /// *Collective.*
  func report(_ options: BenchOptions, _ host: Host) throws -> BenchReport {
    let take = try limits.gemm(T.self)
    let before = try bestGemm(take)
    let (found, sweeps) = (try products(), try measuring())
    let gemm = max(before, try bestGemm(take))
    var report = BenchReport()
    report.add("bench", text: options.kind.rawValue, "bench")
    report.add("architecture", text: (options.architecture ?? .mlp).rawValue, "architecture")
    report.add("dataset", text: options.dataset?.rawValue ?? "random", "data set whose shape the rows have")
    report.add("dimension", count: form.input.count, "dimension d")
    report.add("classes", count: form.classes, "classes K")
    report.add("batch", count: rows, "rows of a rank's batch")
    report.addMachine(options, host, world)
    report.add("gemmGflops", value: gemm * 1e-9, "matrix product, all ranks at once", .gigaflops)
    report.add(
      "products", "layers", parts: found.map { ($0.json, $0.title, $0.text(ranks: limits.world.size)) })
    let count = found.reduce(0) { $0 + Double($1.kind.count * $1.kind.products.count) * $1.operations }
    let seconds = found.reduce(0) { sum, measured in
      sum + Double(measured.kind.count) * measured.seconds.values.reduce(0, +)
    }
    report.add("products", operations: count, seconds: seconds, gemm, ranks: world.size)
    if let sweeps {
      report.add("measuring", "rows", count: measuredRows, "measuring, rows of a block")
      report.add("measuring", operations: sweeps.operations, seconds: sweeps.seconds, gemm, ranks: world.size)
    }
    return report
  }
}

extension BenchReport {
  /// A part's rate on all ranks: its operations and seconds on each of them.
  fileprivate mutating func add(
    _ part: String, operations: Double, seconds: Double, _ gemm: Double, ranks: Int
  ) {
    let rate = operations * Double(ranks) / seconds
    add(part, "operations", value: operations, "\(part), operations on a rank", .plain)
    add(part, "seconds", value: seconds, "\(part), seconds", .seconds)
    add(part, "gflops", value: rate * 1e-9, "\(part), its rate", .gigaflops)
    add(part, "fractionOfGemm", value: rate / gemm, "\(part), of the matrix product", .share)
  }
}
