import Files
import KernelMachine
import Runtime

/// *Collective.* Building the kernel operator, beside BLAS: square products, and products of a tile's shape.
func benchKernel<T: Real & TensorElement>(_ problem: BenchProblem<T>, _ limits: MachineLimits) throws -> BenchReport {
  let tileRows = problem.layout.tileRows
  var storedBytes = 0
  let medians = try limits.measurement.alternate([
    try limits.gemm(T.self),
    try limits.tileGemm(T.self, rows: tileRows, columns: tileRows, inner: problem.rows.width),
    {
      var matrix: KernelOperator<T>?
      let seconds = try limits.measurement.seconds { matrix = try problem.kernelOperator() }
      storedBytes = matrix?.storedBytes ?? 0
      return seconds
    },
  ])
  let (gemm, tileGemm, seconds) = (medians[0], medians[1], medians[2])
  // 2 N^2 d operations for all of K, which is symmetric.
  let rate = problem.n * problem.n * problem.d / seconds
  var report = problem.report()
  report.add("seconds", value: seconds, "building K", .seconds)
  report.add("gflops", value: rate * 1e-9, "its rate, N^2 d operations", .gigaflops)
  report.add("gemmGflops", value: gemm * 1e-9, "matrix product, all ranks at once", .gigaflops)
  report.add("fractionOfGemm", value: rate / gemm, "of the matrix product", .share)
  report.add("tileGemmGflops", value: tileGemm * 1e-9, "matrix product of a tile's shape", .gigaflops)
  report.add("fractionOfTileGemm", value: rate / tileGemm, "of that", .share)
  report.add("storedBytes", count: try problem.world.sum(storedBytes), "bytes stored, all ranks")
  return report
}
