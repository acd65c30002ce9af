import Files
import KernelMachine
import LinearAlgebra
import Runtime

/// *Collective.* The average gradient outer product by one route, beside BLAS.
func benchAGOP<T: Real & TensorElement>(_ problem: BenchProblem<T>, _ limits: MachineLimits) throws -> BenchReport {
  // As in train, the kernel's tiles are in memory when the AGOP begins, unless they do not fit.
  let matrix = try problem.storesTiles() ? problem.kernelOperator() : nil
  let computation = problem.agop(matrix)
  let cost = try computation.cost(outputs: problem.layout.classCount)
  let route = cost.route(problem.options.agop)
  let coefficients = problem.randomCoefficients()
  var error: Double?
  let medians = try limits.measurement.alternate([
    try limits.gemm(T.self),
    { try limits.measurement.seconds { error = try computation.compute(coefficients, by: route).error } },
  ])
  let (gemm, seconds) = (medians[0], medians[1])
  let rate = cost.ownOperations(of: route) / seconds
  var report = problem.report()
  report.add("route", text: route.rawValue, "route")
  report.add("weights", text: matrix == nil ? "rows" : "tiles", "gradient weights from")
  report.add("seconds", value: seconds, "AGOP", .seconds)
  report.add("gflops", value: rate * 1e-9, "its rate, the route's own operations", .gigaflops)
  report.add("gemmGflops", value: gemm * 1e-9, "matrix product, all ranks at once", .gigaflops)
  report.add("fractionOfGemm", value: rate / gemm, "of the matrix product", .share)
  if let error { report.add("relativeError", value: error, "estimated relative error", .plain) }
  return report
}

extension BenchProblem {
  /// A of any solution would do: the work is the same. (own rows x classes)
  func randomCoefficients() -> Matrix<Double> {
    let random = RandomStream(seed: options.seed, layer: 1, purpose: .probe)
    let first = layout.shard(of: world.rank).lowerBound
    let a = Matrix<Double>(uninitialisedRows: rows.rowCount, columns: layout.classCount)
    a.fill { random.normal(row: first + $0, column: $1) }
    return a
  }

  /// *Collective.* Whether the kernel's tiles take less than a third of what is free on every node.
  fileprivate func storesTiles() throws -> Bool {
    let bytes = rows.rowCount * layout.sampleCount * MemoryLayout<T>.stride / 2
    return try world.minimum(3 * bytes * host.ranksOnNode < Memory.available ? 1 : 0) == 1
  }

  /// - Parameter matrix: the problem's kernel matrix, where its tiles are kept.
  func agop(_ matrix: KernelOperator<T>?) -> AGOP<T> {
    AGOP(
      of: rows, kernel, tiles: matrix,
      memory: AGOPMemory(gradients: 512 << 20, gram: .max / 2, remoteTiles: .max / 2),
      random: RandomStream(seed: options.seed, layer: 1, purpose: .sketch))
  }
}
