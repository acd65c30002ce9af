import DeepRFM
import Files
import Glibc
import KernelMachine
import LinearAlgebra
import MPI
import Runtime
import Solve

/// A layer's widths and the AGOP's way there.
public struct WidthToProbe: Hashable, Sendable {
  public let input, output: Int
  public let route: AGOPRoute
  /// Its weights come from the kernel's tiles.
  let takesTiles: Bool

  /// How much of what rates depend on is as there: the route before the tiles before the output's width.
  func likeness(_ other: WidthToProbe) -> Int {
    (route == other.route ? 4 : 0) + (takesTiles == other.takesTiles ? 2 : 0) + (output == other.output ? 1 : 0)
  }
}

/// Takes the rates of `MachineRates` with the program's own code on small random problems: a few seconds. Every rank works
/// alone, all at once, so that they share the node's memory as in a run.
final class RateProbe<T: Real & TensorElement> {
  private let world: Communicator
  /// This rank alone, with the threads of all ranks of the run that it stands for.
  private let context: Context
  private let measurement: Measurement
  private let shape: ProblemShape
  private let options: TrainOptions
  /// Threads of a rank of the run to be.
  private let threads: Int
  private var pool: ThreadPool { context.pool }
  /// Ranks of the run that this process stands for.
  private var share: Double { Double(pool.count) / Double(threads) }

  /// *Collective.* - Parameters:
  ///   - threads: of a rank of the run.
  ///   - standsFor: ranks of the run that would be beside each other where this process runs.
  init(
    _ options: TrainOptions, _ shape: ProblemShape, host: Host, world: Communicator, threads: Int, standsFor ranks: Int
  ) throws {
    self.world = world
    self.options = options
    self.shape = shape
    self.threads = threads
    context = Context(
      world: try world.split(color: world.rank, key: 0),
      host: host.with(threads: max(1, min(host.boundCores.count, threads * ranks))))
    measurement = Measurement(world: world, repetitions: 3)
  }

  /// *Collective.*
  /// - Parameters:
  ///   - widths: of the layers' inputs and outputs, with the AGOP's route there.
  ///   - tileBytes: what a node's ranks store of the kernel: memory is slower than the cache.
  func rates(_ widths: [WidthToProbe], tileBytes: Int) throws -> MachineRates {
    var rates = MachineRates()
    rates.product = try product(T.self)
    rates.doubleProduct = try product(Double.self)
    rates.smallEigen = try eigen(order: 400)
    rates.largeEigen = try eigen(order: 640)
    try addVectors(&rates)
    try addTiles(&rates, bytes: tileBytes)
    for width in widths { rates.widths[width] = try rate(width, rates) }
    return rates
  }

  /// Median seconds, the first and cold time left out.
  private func seconds(_ body: () throws -> Void) throws -> Double {
    try body()
    return median(of: try (0..<measurement.repetitions).map { _ in try measurement.seconds(body) })
  }

  // MARK: Whatever the width

  /// Seconds an operation of a large product.
  private func product<S: Scalar>(_ type: S.Type) throws -> Double {
    let n = 2048
    let (a, b, c) = (noise(n, n) as Matrix<S>, noise(n, n) as Matrix<S>, Matrix<S>(rows: n, columns: n))
    let taken = try seconds { pool.multiply(a.view, b.view, into: c.view) }
    return taken * share / (2 * Double(n * n * n))
  }

  /// Seconds of dsyevd for each n^3. One rank of a node takes it, with the threads of all while they wait.
  private func eigen(order n: Int) throws -> Double {
    let half: Matrix<Double> = noise(n, n)
    let matrix = Matrix<Double>(rows: n, columns: n)
    addGram(of: half.view, beta: 0, intoLower: matrix.view)
    BLAS.setThreads(ThreadPool.lapackThreads(order: n, of: pool.count))
    defer { BLAS.setThreads(1) }
    return try seconds { _ = try SymmetricEigen(of: matrix) } / Double(n * n * n)
  }

  private func addVectors(_ rates: inout MachineRates) throws {
    let rows = max(256, min(8192, shape.samples))
    let columns = ColumnBlock(pool: pool)
    // As many as the solver takes at a time.
    let group = ColumnGroups.largest(of: shape.outputs)
    let x = Matrix<Double>(rows: rows, columns: group)
    let many = [Matrix<Double>(rows: rows, columns: 8 * group).view]
    let taken = try seconds {
      let parts = columns.products(many, x)
      columns.combine(many, parts, alpha: -1, beta: 1, into: x.view)
    }
    rates.vectorByte = taken * share / Double(2 * 8 * x.count * 8)
    let rank = max(16, min(512, shape.samples / 10))
    let factor = TallFactor<T>(rows: rows, columns: rank, pool: pool)
    let zeros = Matrix<Double>(rows: rows, columns: rank)
    factor.set(0..<rows, zeros.view)
    let inner = Matrix<Double>(rows: rank, columns: group)
    let both = try seconds {
      factor.multiplyTransposed(x, into: inner.view)
      factor.addProduct(inner.view, to: x)
    }
    rates.factorElement = both * share / Double(2 * rows * rank) * Double(shape.outputs) / Double(group)
  }

  /// Products with K: a matrix as large as the run's, or where that may not stay in a cache beside the rest, larger than any.
  private func addTiles(_ rates: inout MachineRates, bytes: Int) throws {
    let size = bytes < 8 << 20 ? bytes : 96 << 20
    let elements = Double(size / MemoryLayout<T>.stride)
    let samples = max(64, Int((2 * elements).squareRoot()))
    let problem = try problem(samples: samples, width: 32)
    let matrix = try problem.kernelOperator()
    let x = problem.targets
    let y = Matrix<Double>(rows: x.rows, columns: x.columns)
    let n = Double(samples)
    let pairs = n * (n + min(n, Double(problem.layout.tileRows))) / 2
    rates.tileElement = try seconds { try matrix.apply(x, into: y, in: T.self) } * share / pairs * outputRatio
    rates.exactTileElement =
      try seconds { try matrix.apply(x, into: y, in: Double.self) } * share / pairs * outputRatio
  }

  private func problem(samples: Int, width: Int) throws -> BenchProblem<T> {
    var bench = BenchOptions(.kernel)
    bench.samples = samples
    bench.dimension = width
    bench.classes = min(Self.outputs(shape.outputs), samples)
    bench.kernel = options.kernel
    bench.bandwidth = options.bandwidth ?? bench.bandwidth
    bench.precision = options.precision
    return try BenchProblem<T>(bench, context)
  }

  /// Outputs of a probe's problem: of many, as many as have the products' full speed.
  private static func outputs(_ outputs: Int) -> Int { min(outputs, 64) }

  /// What is done once for each output takes so many times what the probe took.
  private var outputRatio: Double { Double(shape.outputs) / Double(Self.outputs(shape.outputs)) }

  // MARK: At a width

  /// Rows of the probe: enough for the products' full speed, few enough for a part of a second.
  private func rows(at width: Int) -> Int {
    let pairs = 2.5e10 / Double(width + 1000) / max(1, Double(Self.outputs(shape.outputs)) / 10)
    return max(min(shape.samples, 64), min(shape.samples, 3200, Int(pairs.squareRoot())))
  }

  private func rate(_ wanted: WidthToProbe, _ rates: MachineRates) throws -> WidthRates {
    let n = rows(at: wanted.input)
    let problem = try problem(samples: n, width: wanted.input)
    let (rows, size) = (Double(n), Double(n) * Double(n))
    var width = WidthRates()
    var matrix: KernelOperator<T>?
    let pairs = rows * (rows + min(rows, Double(problem.layout.tileRows))) / 2
    width.tilePair = try seconds { matrix = try problem.kernelOperator() } * share / pairs
    if let matrix, options.solver != .cholesky { width.pivotPair = try pivotPair(matrix, problem, rates) }
    try addGradients(&width, problem, wanted, matrix, rates)
    width.normalisedRow = try seconds { try normalise(problem) } * share / rows
    try addTest(&width, problem, rows, size)
    try addMap(&width, problem, wanted.output)
    return width
  }

  /// What is left of making a preconditioner when products and eigenvalues are taken away.
  private func pivotPair(
    _ matrix: KernelOperator<T>, _ problem: BenchProblem<T>, _ rates: MachineRates
  ) throws -> Double {
    let rank = max(1, min(256, matrix.rows.layout.sampleCount / 4))
    let random = RandomStream(seed: 0, layer: 1, purpose: .pivots)
    var found = rank
    let taken = try seconds {
      found = try NystromPreconditioner(of: matrix, ridge: 1e-9, limit: rank, random: random).rank
    }
    let (n, r) = (Double(matrix.rows.layout.sampleCount), Double(max(1, found)))
    let products = 4 * n * r * r * rates.doubleProduct / share + rates.eigen(order: r)
    let width = Double(problem.rows.width)
    // Not less than the products that its columns take.
    return max((taken - products) * share / (n * r), 2 * width * rates.product)
  }

  private func addGradients(
    _ width: inout WidthRates, _ problem: BenchProblem<T>, _ wanted: WidthToProbe, _ matrix: KernelOperator<T>?,
    _ rates: MachineRates
  ) throws {
    let (n, d, k) = (problem.n, problem.d, problem.k)
    let (route, tiles) = (wanted.route, wanted.takesTiles ? matrix : nil)
    let computation = problem.agop(tiles)
    let a = problem.randomCoefficients()
    let taken = try seconds { _ = try computation.compute(a, by: route) } * share
    let square = n * d * d * rates.product
    switch route {
    case .auto, .class: width.gradientPair = max(0, taken - k * square) / (n * n) * outputRatio
    case .sketch: width.gradientPair = max(0, taken - 2 * square) / (n * n)
    case .gram:
      let panel = wanted.takesTiles ? 0 : n * n / 2 * width.tilePair
      let cube = n * n * n * rates.product
      let least = n * n * d * rates.product
      // The rows of H are long: their product may be faster than a square one, never a pair's cost negative.
      let ratio = min(1, taken / (cube + panel + least + 2 * square))
      width.gramProduct = ratio * rates.product
      width.gramPair = max(taken - ratio * (cube + panel + 2 * square), ratio * least) / (n * n / 2)
    }
  }

  private func normalise(_ problem: BenchProblem<T>) throws {
    let unit = problem.rows.normalised()
    _ = try centredOnClassMeans(
      unit.deviations, unit.centres, layout: problem.layout, context: context)
  }

  private func addTest(_ width: inout WidthRates, _ problem: BenchProblem<T>, _ rows: Double, _ size: Double) throws {
    guard shape.testSamples > 0 else { return }
    let test = GroupedRows(problem.rows.storage, layout: problem.layout, context: context)
    var grouped = test
    width.regroupedRow =
      try seconds {
        grouped = test.regrouped(to: problem.rows)
      } * share / rows
    let predictor = Predictor(kernel: problem.kernel, rows: problem.rows)
    let a = problem.randomCoefficients()
    width.predictorPair = try seconds { _ = try predictor.outputs(at: grouped, a) } * share / size
  }

  /// Two sizes: what is there for every row, and what there is but once.
  private func addMap(_ width: inout WidthRates, _ problem: BenchProblem<T>, _ output: Int) throws {
    let projection: Matrix<T> = noise(problem.rows.width, problem.rows.width)
    let features = FeatureMap<T>(
      drawing: options.features, projection: projection, width: output, scale: options.featureScale, seed: 0, layer: 1)
    func map(_ rows: Rows<T>) {
      if options.model == .rfm { _ = rows.projected(by: projection) } else { _ = rows.mapped(by: features) }
    }
    let few = Layout(classCounts: problem.layout.classCounts.map { min($0, 64) }, ranks: 1)
    let part = Rows(
      problem.rows.storage, rowCount: few.sampleCount, centres: problem.rows.centres, segments: few.segments(of: 0),
      layout: few, context: context)
    let less = try seconds { map(part) }
    let more = try seconds { map(problem.rows) }
    let rows = Double(problem.rows.rowCount - part.rowCount)
    let perRow = rows > 0 ? max(0, more - less) / rows : more / problem.n
    width.mappedRow = perRow * share
    // Every rank does this part whole, with its own threads.
    width.mapping = max(0, less - perRow * Double(part.rowCount))
  }
}
