import Files
import LinearAlgebra
import MPI
import Network
import Runtime

/// *Collective.* The products of a network's layers, each by itself through the code that trains it, and of an mlp the sweeps of its
/// measurement, beside BLAS. Every rank works alone on a batch of its own, all at once. Square products and a layer's are measured in turn:
/// a share is the median of what each turn gave, seconds are the medians of the slowest rank's.
///
/// Throws `InputError` where the samples are no images and the architecture wants some.
func benchNetwork<T: NetworkReal>(
  _ options: BenchOptions, _ host: Host, _ limits: MachineLimits, in type: T.Type
) throws -> BenchReport {
  let bench = try NetworkBench<T>(options, host, limits)
  return try bench.report(options, host)
}

/// What some work took, beside square products.
private struct Measured {
  /// On each rank.
  let operations: Double
  /// Of a call, in the order that they were made.
  var seconds: [Double] = []
  /// Of square products, the rate that the same turn had.
  var shares: [Double] = []

  var middleSeconds: Double { median(of: seconds) }
  var share: Double { median(of: shares) }
}

/// A kind of layer with what each of its products took.
private struct MeasuredKind {
  let kind: LayerKind
  let products: [LayerProduct: Measured]

  var operations: Double { products.values.first?.operations ?? 0 }

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
    for product in kind.products {
      set("seconds", product.rawValue, to: JSON(products[product]?.middleSeconds ?? .nan))
      set("fractionOfGemm", product.rawValue, to: JSON(products[product]?.share ?? .nan))
    }
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
      let rate = operations * Double(ranks) / (products[product]?.middleSeconds ?? .nan)
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
    let plan: NetworkBuilder<T> = try form.build(rows: rows, threads: host.threads, isPlan: true)
    measuredRows = min(options.samples ?? .max, plan.blockRows(ofAtMost: NetworkMemory.evaluationRows(plan)))
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

  /// *Collective.* Some work that has so many operations a call, in turn with square products, first once to warm up; small work is
  /// repeated.
  /// - Parameter gemm: takes the rate of square products in operations a second; its rates are added to `rates`.
  private func measure(
    _ work: [(operations: Double, body: () throws -> Void)], _ gemm: Measurement.Take, rates: inout [Double]
  ) throws -> [Measured] {
    // As fast as no thread is: a measurement takes at least nearly the seconds that it should.
    let wanted = 1e11 * Double(context.pool.count) * limits.sizes.seconds
    for entry in work { try entry.body() }
    var measured = work.map { Measured(operations: $0.operations) }
    for _ in 0..<limits.measurement.repetitions {
      let rate = try gemm()
      rates.append(rate)
      for (place, entry) in work.enumerated() {
        let calls = max(1, min(10_000, Int(wanted / max(1, entry.operations))))
        let seconds = try limits.measurement.seconds { for _ in 0..<calls { try entry.body() } } / Double(calls)
        measured[place].seconds.append(seconds)
        measured[place].shares.append(entry.operations * Double(world.size) / (seconds * rate))
      }
    }
    return measured
  }

  /// *Collective.* One kind at a time: the memory of all would be the network's.
  private func products(_ gemm: Measurement.Take, rates: inout [Double]) throws -> [MeasuredKind] {
    var found: [MeasuredKind] = []
    for kind in kinds {
      let layer = try LayerProducts<T>(kind, rows: rows, context) { noise($0, $1) }
      let operations = Double(rows) * kind.rowOperations
      let work = kind.products.map { product in (operations, { try layer.run(product) }) }
      let measured = try measure(work, gemm, rates: &rates)
      let products = Dictionary(uniqueKeysWithValues: zip(kind.products, measured))
      found.append(MeasuredKind(kind: kind, products: products))
    }
    return found
  }

  /// *Collective.* The sweeps over a block of rows, and their products alone; nil: of convolutions they are not measured.
  private func measuring(
    _ gemm: Measurement.Take, rates: inout [Double]
  ) throws -> (whole: Measured, products: Measured)? {
    guard !kinds.contains(where: \.isConvolution) else { return nil }
    let sweeps = try MeasuringProducts<T>(form, rows: noise(measuredRows, form.input.count), context)
    let work: [(Double, () throws -> Void)] = [
      (sweeps.operations, { try sweeps.run() }), (sweeps.operations, { try sweeps.runProducts() }),
    ]
    let measured = try measure(work, gemm, rates: &rates)
    return (measured[0], measured[1])
  }

  /// *Collective.*
  func report(_ options: BenchOptions, _ host: Host) throws -> BenchReport {
    let take = try limits.gemm(T.self)
    var rates: [Double] = []
    let found = try products(take, rates: &rates)
    let sweeps = try measuring(take, rates: &rates)
    var report = BenchReport()
    report.add("bench", text: options.kind.rawValue, "bench")
    report.add("architecture", text: (options.architecture ?? .mlp).rawValue, "architecture")
    report.add("dataset", text: options.dataset?.rawValue ?? "random", "data set whose shape the rows have")
    report.add("dimension", count: form.input.count, "dimension d")
    report.add("classes", count: form.classes, "classes K")
    report.add("batch", count: rows, "rows of a rank's batch")
    report.addMachine(options, host, world)
    report.add("gemmGflops", value: median(of: rates) * 1e-9, "matrix product, all ranks at once", .gigaflops)
    report.add(
      "products", "layers", parts: found.map { ($0.json, $0.title, $0.text(ranks: limits.world.size)) })
    let all = found.flatMap { kind in kind.products.values.map { (count: Double(kind.kind.count), measured: $0) } }
    let operations = all.reduce(0) { $0 + $1.count * $1.measured.operations }
    // What square products would have done in their time.
    let possible = all.reduce(0) { $0 + $1.count * $1.measured.operations / $1.measured.share }
    report.add(
      "products", operations: operations, seconds: all.reduce(0) { $0 + $1.count * $1.measured.middleSeconds },
      share: operations / possible, ranks: world.size)
    if let sweeps {
      let whole = sweeps.whole
      report.add("measuring", "rows", count: measuredRows, "measuring, rows of a block")
      report.add(
        "measuring", operations: whole.operations, seconds: whole.middleSeconds, share: whole.share, ranks: world.size)
      report.add(
        "measuring", "productsOfGemm", value: sweeps.products.share,
        "measuring, its products alone, of the matrix product", .share)
    }
    return report
  }
}

extension BenchReport {
  /// A part's rate on all ranks: its operations and seconds on each of them.
  fileprivate mutating func add(_ part: String, operations: Double, seconds: Double, share: Double, ranks: Int) {
    let rate = operations * Double(ranks) / seconds
    add(part, "operations", value: operations, "\(part), operations on a rank", .plain)
    add(part, "seconds", value: seconds, "\(part), seconds", .seconds)
    add(part, "gflops", value: rate * 1e-9, "\(part), its rate", .gigaflops)
    add(part, "fractionOfGemm", value: share, "\(part), of the matrix product", .share)
  }
}
