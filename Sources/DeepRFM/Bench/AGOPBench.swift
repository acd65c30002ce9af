import LinearAlgebra
import MPI

/// *Collective.* The average gradient outer product by one route, beside BLAS.
func benchAGOP<T: Real & TensorElement>(_ problem: BenchProblem<T>, _ limits: MachineLimits) throws -> BenchReport {
  let route = problem.options.agop == .auto ? AGOPRoute.class : problem.options.agop
  let coefficients = problem.randomCoefficients()
  var error = 0.0
  let medians = try limits.measurement.alternate([
    try limits.gemm(T.self),
    { try limits.measurement.seconds { error = try problem.runAGOP(route, coefficients) } },
  ])
  let (gemm, seconds) = (medians[0], medians[1])
  let rate = problem.operations(of: route) / seconds
  var report = problem.report()
  report.add("route", text: route.rawValue, "route")
  report.add("seconds", value: seconds, "AGOP", .seconds)
  report.add("gflops", value: rate * 1e-9, "its rate, the route's own operations", .gigaflops)
  report.add("gemmGflops", value: gemm * 1e-9, "matrix product, all ranks at once", .gigaflops)
  report.add("fractionOfGemm", value: rate / gemm, "of the matrix product", .share)
  if route == .sketch { report.add("relativeError", value: error, "estimated relative error", .plain) }
  return report
}

extension BenchProblem {
  /// A of any solution would do: the work is the same. (own rows x classes)
  fileprivate func randomCoefficients() -> Matrix<Double> {
    let random = RandomStream(seed: options.seed, layer: 1, purpose: .probe)
    let first = layout.shard(of: world.rank).lowerBound
    let a = Matrix<Double>(uninitialisedRows: rows.rowCount, columns: layout.classCount)
    a.fill { random.normal(row: first + $0, column: $1) }
    return a
  }

  /// *Collective.* The sketch's estimate of its own relative error; 0 for what is exact.
  fileprivate func runAGOP(_ route: AGOPRoute, _ coefficients: Matrix<Double>) throws -> Double {
    let builder = TileBuilder<T>(
      kernel: kernel, centres: rows.centres, tileRows: layout.tileRows, lanes: team.count)
    switch route {
    case .auto, .class:
      _ = try ClassGradients(
        builder: builder, rows: rows, layout: layout, world: world, team: team, timer: timer
      ).agop(coefficients, progress: { _ in })
    case .gram:
      _ = try GramProduct(
        builder: builder, rows: rows, layout: layout, world: world, team: team, timer: timer
      ).agop(coefficients, progress: { _ in })
    case .sketch:
      let random = RandomStream(seed: options.seed, layer: 1, purpose: .sketch)
      return try GradientSketch(
        builder: builder, rows: rows, layout: layout, world: world, team: team, timer: timer, random: random
      ).estimate(coefficients, progress: { _ in }).relativeError
    }
    return 0
  }

  /// What the route's formula costs (NUMERICS, section 5).
  fileprivate func operations(of route: AGOPRoute) -> Double {
    let probes = Double(GradientSketch<T>.probes)
    return switch route {
    case .auto, .class: 2 * n * n * k * d + n * d * d * k
    case .gram: n * n * n + 2 * n * n * d
    case .sketch: (2 + 2 * probes) * n * n * d + probes * n * d * d
    }
  }
}
