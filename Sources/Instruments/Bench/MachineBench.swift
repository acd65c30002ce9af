import Files
import Runtime

/// *Collective.* The machine's own limits.
func benchMachine<T: Real & TensorElement>(
  _ options: BenchOptions, _ host: Host, _ limits: MachineLimits, in type: T.Type
) throws -> BenchReport {
  let dimension = options.dimension ?? BenchOptions.defaultDimension
  let classes = options.classes ?? BenchOptions.defaultClasses
  let medians = try limits.measurement.alternate([
    try limits.gemm(Float.self), try limits.gemm(Double.self),
    try limits.tileGemm(T.self, rows: 512, columns: 512, inner: dimension),
    try limits.read(), try limits.readAlone(),
    try limits.tileProduct(T.self, T.self, vectors: classes),
  ])
  let (sgemm, dgemm, tile, read, alone, product) = (
    medians[0], medians[1], medians[2], medians[3], medians[4], medians[5]
  )
  let gemm = T.precision == .float32 ? sgemm : dgemm
  var report = BenchReport()
  report.add("bench", text: options.kind.rawValue, "bench")
  report.add("dimension", count: dimension, "dimension d")
  report.add("classes", count: classes, "classes K")
  report.addMachine(options, host, limits.world)
  report.add("gemmGflops", value: gemm * 1e-9, "matrix product, all ranks at once", .gigaflops)
  report.add("sgemm", "gflops", value: sgemm * 1e-9, "float32, square", .gigaflops)
  report.add("sgemm", "fractionOfGemm", value: sgemm / gemm, "float32, of the matrix product", .share)
  report.add("dgemm", "gflops", value: dgemm * 1e-9, "float64, square", .gigaflops)
  report.add("dgemm", "fractionOfGemm", value: dgemm / gemm, "float64, of the matrix product", .share)
  report.add("tileGemm", "gflops", value: tile * 1e-9, "tiles of 512 x 512 x d, one a thread", .gigaflops)
  report.add("tileGemm", "fractionOfGemm", value: tile / gemm, "tiles, of the matrix product", .share)
  report.add("readGigabytesPerSecond", value: read * 1e-9, "memory read, all ranks at once", .gigabytes)
  report.add("read", "oneRank", "gigabytesPerSecond", value: alone * 1e-9, "memory read, rank 0 alone", .gigabytes)
  report.add("read", "oneRank", "fractionOfRead", value: alone / read, "rank 0 alone, of all ranks", .share)
  let operations = product * 4 * Double(classes) / Double(MemoryLayout<T>.stride)
  report.add(
    "tileProduct", "gigabytesPerSecond", value: product * 1e-9, "product with a tile in the cache",
    .gigabytes)
  report.add("tileProduct", "gflops", value: operations * 1e-9, "tile product, its rate", .gigaflops)
  report.add("tileProduct", "fractionOfGemm", value: operations / gemm, "tile product, of the matrix product", .share)
  report.add("tileProduct", "fractionOfRead", value: product / read, "tile product, of memory read", .share)
  if limits.world.size > 1 { try report.addNetwork(limits, read: alone) }
  return report
}

extension BenchReport {
  /// *Collective.* Messages between each rank and the next round the ring: the worst pair counts.
  fileprivate mutating func addNetwork(_ limits: MachineLimits, read: Double) throws {
    let network = try NetworkProbe(measuring: limits.world, repetitions: limits.measurement.repetitions)
    add("network", "latencyMicroseconds", value: network.latency * 1e6, "latency, the slowest pair", .microseconds)
    add(
      "network", "gigabytesPerSecond", value: network.bandwidth * 1e-9, "messages of 16 MiB, the slowest pair",
      .gigabytes)
    add("network", "fractionOfRead", value: network.bandwidth / read, "messages, of memory read by one rank", .share)
  }
}
