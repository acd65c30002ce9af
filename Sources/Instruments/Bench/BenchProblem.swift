import DeepRFM
import Files
import KernelMachine
import LinearAlgebra
import MPI
import Runtime

/// What the benches work on: class-sorted unit rows, random or a data set's as layer 1 sees them, spread over the ranks.
struct BenchProblem<T: Real & TensorElement> {
  let options: BenchOptions
  let context: Context
  let rows: Rows<T>

  /// *Collective.* Throws `InputError` where the samples cannot be read.
  init(_ options: BenchOptions, _ context: Context) throws {
    self.options = options
    self.context = context
    rows =
      options.dataset == nil
      ? try Self.randomRows(options, context) : try Self.firstLayer(options, context).rows
  }

  var layout: Layout { rows.layout }
  var host: Host { context.host }
  var world: Communicator { context.world }
  var pool: ThreadPool { context.pool }

  var kernel: Kernel { Kernel(options.kernel, bandwidth: options.bandwidth) }
  /// N, d and K as the operation counts take them.
  var n: Double { Double(layout.sampleCount) }
  var d: Double { Double(rows.width) }
  var k: Double { Double(layout.classCount) }

  private static func equalClasses(_ options: BenchOptions) -> [Int] {
    let samples = options.samples ?? BenchOptions.defaultSamples
    let classes = options.classes ?? BenchOptions.defaultClasses
    return (0..<classes).map { samples * ($0 + 1) / classes - samples * $0 / classes }
  }

  /// Independent normal entries, each row divided by its norm: any rank makes any row.
  private static func randomRows(
    _ options: BenchOptions, _ context: Context
  ) throws -> Rows<T> {
    let layout = Layout(classCounts: equalClasses(options), ranks: context.world.size)
    let width = options.dimension ?? BenchOptions.defaultDimension
    let random = RandomStream(seed: options.seed, layer: 0, purpose: .probe)
    let shard = layout.shard(of: context.world.rank)
    let own = Matrix<T>(uninitialisedRows: shard.count, columns: width)
    context.pool.forEachPart(of: shard.count) { part, _ in
      let row = Matrix<Double>(uninitialisedRows: 1, columns: width)
      for i in part {
        for k in 0..<width { row.pointer[k] = random.normal(row: shard.lowerBound + i, column: k) }
        divideByNorm(row.buffer)
        for k in 0..<width { own[i, k] = T(row.pointer[k]) }
      }
    }
    return try centredOnClassMeans(
      own, Matrix(rows: layout.classCount, columns: width), layout: layout, context: context)
  }

  private static func firstLayer(_ options: BenchOptions, _ context: Context) throws -> Samples<T> {
    var train = TrainOptions()
    train.dataset = options.dataset ?? train.dataset
    train.data = options.data
    train.samples = options.samples
    train.memory = options.memory
    train.testSamples = 0
    train.seed = options.seed
    train.quiet = true
    let training = Training<T>(train, context.host, context.world)
    var samples = try training.loadSamples()
    try training.normalise(&samples)
    return samples
  }

  /// Y: +1 at a row's own class, -1 elsewhere; (own rows x classes).
  var targets: Matrix<Double> {
    let y = Matrix<Double>(uninitialisedRows: rows.rowCount, columns: layout.classCount)
    y.view.fill(-1)
    for segment in rows.segments { for i in segment.rows { y[i, segment.centre] = 1 } }
    return y
  }

  /// *Collective.* Builds K. - Parameter plan: how many tiles it stores; nil: all of them.
  func kernelOperator(_ plan: MemoryPlan? = nil) throws -> KernelOperator<T> {
    let compression =
      options.tileTolerance > 0
      ? TileCompression(tolerance: options.tileTolerance, ridge: options.ridge, samples: layout.sampleCount) : nil
    return try KernelOperator(kernel, rows, tileBudget: plan?.tileBudget ?? .max, compression: compression)
  }

  /// The report's head: what was measured, and on what.
  func report() -> BenchReport {
    var report = BenchReport()
    report.add("bench", text: options.kind.rawValue, "bench")
    report.add("dataset", text: options.dataset?.rawValue ?? "random", "data set")
    report.add("samples", count: layout.sampleCount, "samples N")
    report.add("dimension", count: rows.width, "dimension d")
    report.add("classes", count: layout.classCount, "classes K")
    report.add("kernel", text: options.kernel.rawValue, "kernel")
    report.addMachine(options, host, world)
    return report
  }
}

extension BenchReport {
  /// Where and how it ran.
  mutating func addMachine(_ options: BenchOptions, _ host: Host, _ world: Communicator) {
    add("precision", text: options.precision.rawValue, "precision")
    add("ranks", count: world.size, "ranks")
    add("threads", count: host.threads, "threads a rank")
    add("blasKernels", text: host.coreName, "BLAS kernels")
    add("repeat", count: options.repetitions, "measurements of each figure")
  }
}
