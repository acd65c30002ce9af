import DeepRFM
import Files
import Instruments
import KernelMachine
import LinearAlgebra
import Runtime
import Testing

/// Every figure is there and finite, on a problem that takes no time.
@Suite struct BenchTests {
  private func run(_ kind: BenchKind, _ change: (inout BenchOptions) -> Void = { _ in }) throws -> BenchReport {
    let world = try TestWorld.all
    var options = BenchOptions(kind)
    (options.samples, options.dimension, options.classes) = (90, 12, 3)
    (options.repetitions, options.threads) = (1, 2)
    change(&options)
    var sizes = ProbeSizes()
    (sizes.gemm, sizes.readBytes, sizes.seconds, sizes.resident) = (64, 1 << 16, 1e-4, 0)
    return try benchReport(options, host: Host(surveying: world, threads: 2), world: world, sizes: sizes)
  }

  private func expectFigures(_ report: BenchReport, _ names: [String]) {
    for name in names {
      guard case .number(let text)? = report.json[name.split(separator: ".").map(String.init)] else {
        Issue.record("\(name) is missing in \(report.json.line)")
        continue
      }
      #expect(Double(text)?.isFinite == true, "\(name) is \(text)")
    }
    #expect(!report.json.line.contains("null"), "\(report.json.line)")
    #expect(report.table.split(separator: "\n").count >= names.count)
  }

  private func number(_ report: BenchReport, _ path: String...) throws -> Double {
    guard case .number(let text)? = report.json[path] else { return .nan }
    return try #require(Double(text))
  }

  @Test(arguments: [Precision.float32, .float64]) func machine(precision: Precision) throws {
    let report = try run(.machine) { $0.precision = precision }
    var names = [
      "gemmGflops", "sgemm.gflops", "dgemm.gflops", "dgemm.fractionOfGemm", "tileGemm.fractionOfGemm",
      "readGigabytesPerSecond", "read.oneRank.fractionOfRead", "tileProduct.fractionOfRead",
    ]
    if try TestWorld.all.size > 1 {
      names += ["network.latencyMicroseconds", "network.gigabytesPerSecond", "network.fractionOfRead"]
    }
    expectFigures(report, names)
  }

  @Test(arguments: [Precision.float32, .float64]) func kernel(precision: Precision) throws {
    expectFigures(
      try run(.kernel) { $0.precision = precision },
      ["samples", "dimension", "classes", "ranks", "threads", "seconds", "gflops", "gemmGflops", "fractionOfGemm"])
  }

  @Test(arguments: [Precision.float32, .float64]) func solve(precision: Precision) throws {
    let report = try run(.solve) { $0.precision = precision }
    expectFigures(
      report,
      [
        "gigabytesPerSecond", "readGigabytesPerSecond", "fractionOfRead", "product.seconds", "product.fractionOfLimit",
        "product.timesGemm", "seconds", "phases.kernel", "phases.preconditioner", "phases.iterations",
        "preconditionerRank", "iterations", "residual",
      ])
    #expect(report.json["outcome"] == .string("converged"))
    #expect(report.json["tiles"] == nil && report.json["recompute"] == nil)
  }

  /// Off the diagonal a tile is used twice: where all are recomputed they are all of K, N^2 entries.
  @Test func tileCounts() throws {
    let problem = try Problem<Float>(
      noise(90, 12, seed: 3), classCounts: [30, 30, 30], world: TestWorld.all, tileRows: 16)
    let kernel = Kernel(.laplace, bandwidth: 2)
    let none = try problem.kernelMatrix(kernel, tileBudget: 0).tileCounts()
    #expect(none.stored == 0 && none.lowRank == 0 && none.recomputed > 0)
    let entries: Int = 90 * 90
    #expect(none.used == entries && none.made > entries / 2 && none.made < entries)
    let all = try problem.kernelMatrix(kernel).tileCounts()
    #expect(all.stored == none.recomputed && all.recomputed == 0 && all.made == 0 && all.used == 0)
  }

  /// The first budget within which a rank stores some of its tiles and recomputes others; of the rows only their number matters.
  private func memoryForSomeTiles(samples: Int) throws -> Int {
    let problem = try Problem<Float>(
      Matrix(rows: samples, columns: 12), classCounts: [samples / 3, samples / 3, samples / 3],
      world: TestWorld.all, tileRows: 512, threads: 2)
    let load = try Workload(problem.rows, outputWidth: 12, outputs: 3)
    let budgets = stride(from: 16 << 20, to: 512 << 20, by: 1 << 20)
    let found = budgets.first { (budget: Int) -> Bool in
      let share = MemoryPlan(estimating: load, budget: budget, resident: 0, wantedRank: 0).storedShare
      return share > 0.3 && share < 0.75
    }
    return try #require(found)
  }

  /// Ranks of different threads plan the same, by the most: of what they exchange no part may differ.
  @Test func workloadOfUnequalThreads() throws {
    let world = try TestWorld.all
    let problem = try Problem<Float>(
      Matrix(rows: 90, columns: 12), classCounts: [30, 30, 30], world: world, tileRows: 16,
      threads: world.rank == 0 ? 1 : 3)
    let load = try Workload(problem.rows, outputWidth: 12, outputs: 3)
    #expect(load.threads == (world.size > 1 ? 3 : 1))
  }

  @Test func recomputedTiles() throws {
    let memory = try memoryForSomeTiles(samples: 3600)
    let report = try run(.solve) {
      (options: inout BenchOptions) in
      (options.samples, options.preconditionerRank, options.ridge) = (3600, 0, 10)
      options.memory = memory
    }
    expectFigures(
      report,
      [
        "tiles.stored", "tiles.lowRank", "tiles.recomputed", "tiles.storedShare", "recompute.gflops",
        "recompute.gemmGflops", "recompute.fractionOfGemm", "product.seconds", "iterations",
      ])
    let (stored, recomputed) = (try number(report, "tiles", "stored"), try number(report, "tiles", "recomputed"))
    let share = try number(report, "tiles", "storedShare")
    #expect(stored > 0 && recomputed > 0)
    #expect(share > 0 && share < 1)
    // Were nothing stored: no more than all entries of K made, and each used once.
    let (rate, seconds) = (try number(report, "recompute", "gflops"), try number(report, "product", "seconds"))
    let operations: Double = rate * 1e9 * seconds
    let all: Double = 2 * 3600 * 3600 * (12 + 3)
    #expect(operations > 0 && operations < all)
    #expect(report.json["outcome"] == .string("converged"))
  }

  @Test func tilesThatFitAreStored() throws {
    let report = try run(.solve) { $0.memory = 1 << 30 }
    let (stored, recomputed) = (try number(report, "tiles", "stored"), try number(report, "tiles", "recomputed"))
    #expect(stored > 0 && recomputed == 0 && report.json["recompute"] == nil)
  }

  /// Random rows of two classes are nearly at one distance: with a large ridge that is enough for factors.
  @Test func lowRankTiles() throws {
    let report = try run(.solve) {
      (options: inout BenchOptions) in
      (options.samples, options.dimension, options.classes) = (800, 64, 4)
      (options.ridge, options.tolerance, options.tileTolerance) = (10, 1e-3, 0.3)
    }
    expectFigures(report, ["tiles.stored", "tiles.storedShare", "tiles.lowRankShare", "tiles.lowRankError"])
    let (factors, recomputed) = (try number(report, "tiles", "lowRank"), try number(report, "tiles", "recomputed"))
    let (share, error) = (
      try number(report, "tiles", "lowRankShare"), try number(report, "tiles", "lowRankError")
    )
    #expect(factors > 0 && recomputed == 0)
    #expect(share > 0 && error > 0 && error <= 0.1)
    #expect(report.json["outcome"] == .string("converged"))
  }

  /// What a refusal names as needed is enough.
  @Test(arguments: [BenchKind.solve, .agop]) func tooLittleMemory(kind: BenchKind) throws {
    let error = try #require(throws: InputError.self) { _ = try run(kind) { $0.memory = 1 << 20 } }
    let sentence = error.description
    #expect(sentence.contains("--memory 1 MiB is too little: bench \(kind.rawValue) needs"), "\(sentence)")
    let words = sentence.split(separator: " ").map(String.init)
    let place = try #require(words.firstIndex(of: "needs"))
    let enough = try #require(Quantity.bytes(words[place + 1]))
    expectFigures(try run(kind) { $0.memory = enough }, ["seconds"])
  }

  @Test func peers() throws {
    guard try TestWorld.all.size == 1 else { return }
    let report = try run(.solve) { $0.peers = true }
    expectFigures(
      report,
      [
        "peers.cholesky.seconds", "peers.cholesky.ratio", "peers.cholesky.residual",
        "peers.plainConjugateGradient.seconds", "peers.plainConjugateGradient.ratio",
        "peers.plainConjugateGradient.iterations",
      ])
    guard case .number(let text)? = report.json[["peers", "cholesky", "residual"]] else { return }
    #expect(Double(text) ?? 1 < 1e-4)
  }

  @Test(arguments: [AGOPRoute.class, .gram, .sketch]) func agop(route: AGOPRoute) throws {
    let report = try run(.agop) { $0.agop = route }
    expectFigures(report, ["seconds", "gflops", "gemmGflops", "fractionOfGemm"])
    #expect(report.json["route"] == .string(route.rawValue))
  }

  @Test(arguments: [AGOPRoute.class, .gram]) func agopWithinMemory(route: AGOPRoute) throws {
    let report = try run(.agop) { ($0.agop, $0.memory, $0.tileTolerance) = (route, 1 << 30, 0.3) }
    expectFigures(report, ["seconds", "gflops", "tiles.stored", "tiles.lowRankShare", "lowRank", "lowRankError"])
    #expect(report.json["route"] == .string(route.rawValue) && report.json["weights"] == .string("tiles"))
  }

  /// Operations as counted by hand: a batch of 16 rows through 12 -> 512, five layers of 512 -> 512 less one, 512 -> 3.
  @Test(arguments: [Precision.float32, .float64]) func mlp(precision: Precision) throws {
    let report = try run(.network) {
      ($0.precision, $0.batch, $0.samples) = (precision, 16, 24)
    }
    expectFigures(
      report,
      [
        "gemmGflops", "products.seconds", "products.gflops", "products.fractionOfGemm", "measuring.seconds",
        "measuring.gflops", "measuring.fractionOfGemm", "measuring.productsOfGemm",
      ])
    let products = 2 * 16 * (2 * 12 * 512 + 3 * (4 * 512 * 512 + 512 * 3))
    #expect(report.json[["products", "operations"]] == JSON(Double(products)))
    // Of each of 3 outputs, over 24 rows: back through five layers, and five triangles of 512 x 512.
    let sweeps = 24 * 3 * (2 * (4 * 512 * 512 + 512 * 3) + 5 * 512 * 513)
    #expect(report.json[["measuring", "operations"]] == JSON(Double(sweeps)))
    guard case .array(let layers)? = report.json[["products", "layers"]] else {
      Issue.record("no layers in \(report.json.line)")
      return
    }
    #expect(layers.count == 3 && layers[1]["layers"] == JSON(4) && layers[0][["seconds", "inputs"]] == nil)
    for layer in layers {
      #expect(layer[["seconds", "weights"]].map { $0 != .null } == true)
      #expect(layer[["fractionOfGemm", "weights"]].map { $0 != .null } == true)
    }
  }

  /// Images of 3 x 8 x 8: the six convolutions are all different.
  @Test func convolutions() throws {
    let report = try run(.network) {
      (options: inout BenchOptions) in
      (options.architecture, options.dimension, options.batch) = (.vgg11, 192, 3)
    }
    expectFigures(report, ["gemmGflops", "products.seconds", "products.gflops", "products.fractionOfGemm"])
    let weights: [Int] = [64 * 27 * 64, 128 * 576 * 16, 256 * 1152 * 4, 256 * 2304 * 4, 512 * 2304, 512 * 4608]
    // Of images of one pixel one tap of nine is met.
    let met = zip(weights, [1, 1, 1, 1, 9, 9]).map { $0 / $1 }
    let operations = 2 * 3 * (3 * met.reduce(0, +) - met[0])
    #expect(report.json[["products", "operations"]] == JSON(Double(operations)))
    #expect(report.json["measuring"] == nil)
  }

  @Test func dataset() throws {
    let report = try run(.kernel) {
      (options: inout BenchOptions) in
      (options.dataset, options.dimension, options.classes) = (.digits, nil, nil)
    }
    #expect(report.json["dimension"] == .number("64") && report.json["samples"] == .number("90"))
  }
}
