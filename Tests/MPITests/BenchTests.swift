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
    (sizes.gemm, sizes.readBytes, sizes.seconds) = (64, 1 << 16, 1e-4)
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
