import DeepRFM
import Files
import KernelMachine
import LinearAlgebra
import Runtime

/// *Collective.* The average gradient outer product by one route, beside BLAS.
func benchAGOP<T: Real & TensorElement>(_ problem: BenchProblem<T>, _ limits: MachineLimits) throws -> BenchReport {
  // As in train, the kernel's tiles are in memory when the AGOP begins, unless they do not fit.
  let plan = try problem.memoryPlan(resident: limits.sizes.resident)
  let matrix = try problem.keptTiles(plan)
  let computation = problem.agop(matrix, plan)
  let cost = try computation.cost(outputs: problem.layout.classCount)
  let route = cost.route(problem.options.agop)
  let coefficients = problem.randomCoefficients()
  var (error, compression): (Double?, Compression) = (nil, Compression())
  let medians = try limits.measurement.alternate([
    try limits.gemm(T.self),
    {
      try limits.measurement.seconds {
        let result = try computation.compute(coefficients, by: route)
        (error, compression) = (result.error, result.compression)
      }
    },
  ])
  let (gemm, seconds) = (medians[0], medians[1])
  let rate = cost.ownOperations(of: route) / seconds
  var report = problem.report()
  report.add("route", text: route.rawValue, "route")
  report.add("weights", text: matrix == nil ? "rows" : "tiles", "gradient weights from")
  if let matrix { try report.addTiles(problem.options, matrix) }
  report.add("seconds", value: seconds, "AGOP", .seconds)
  report.add("gflops", value: rate * 1e-9, "its rate, the route's own operations", .gigaflops)
  report.add("gemmGflops", value: gemm * 1e-9, "matrix product, all ranks at once", .gigaflops)
  report.add("fractionOfGemm", value: rate / gemm, "of the matrix product", .share)
  if problem.options.tileTolerance > 0 {
    report.add("lowRank", value: compression.share, "weights that thin factors stand for", .share)
    report.add("lowRankError", value: compression.error, "relative error of these weights", .plain)
  }
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

  /// *Collective.* K, where its tiles stay in memory while the AGOP is made; nil: they do not. - Parameter plan: nil: without `--memory`.
  fileprivate func keptTiles(_ plan: MemoryPlan?) throws -> KernelOperator<T>? {
    guard let plan else { return try storesTiles() ? kernelOperator() : nil }
    guard plan.keepsTiles || plan.mayKeepTiles else { return nil }
    let matrix = try kernelOperator(plan)
    return try world.minimum(plan.keeps(matrix) ? 1 : 0) == 1 ? matrix : nil
  }

  /// *Collective.* Whether the kernel's tiles take less than a third of what is free on every node.
  fileprivate func storesTiles() throws -> Bool {
    let bytes = rows.rowCount * layout.sampleCount * MemoryLayout<T>.stride / 2
    return try world.minimum(3 * bytes * host.ranksOnNode < Memory.available ? 1 : 0) == 1
  }

  /// - Parameters:
  ///   - matrix: the problem's kernel matrix, where its tiles are kept.
  ///   - plan: nil: it takes the memory that it can use.
  func agop(_ matrix: KernelOperator<T>?, _ plan: MemoryPlan? = nil) -> AGOP<T> {
    var memory = AGOPMemory(gradients: 512 << 20, gram: .max / 2, remoteTiles: .max / 2)
    if let plan {
      let remote = matrix.map { plan.remoteBytes(beside: $0.storedBytes) } ?? 0
      memory = AGOPMemory(gradients: plan.chunkBytes, gram: plan.gramBytes, remoteTiles: remote)
    }
    return AGOP(
      of: rows, kernel, tiles: matrix, memory: memory,
      random: RandomStream(seed: options.seed, layer: 1, purpose: .sketch), tileTolerance: options.tileTolerance)
  }
}
