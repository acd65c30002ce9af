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

  @Test func dataset() throws {
    let report = try run(.kernel) {
      (options: inout BenchOptions) in
      (options.dataset, options.dimension, options.classes) = (.digits, nil, nil)
    }
    #expect(report.json["dimension"] == .number("64") && report.json["samples"] == .number("90"))
  }
}
