import Datasets
import Instruments
import KernelMachine
import LinearAlgebra
import MPI
import Measures
import Runtime
import Solve

/// The layer loop taken apart, on the samples of a golden file.
struct GoldenPipeline<T: Real> {
  let golden: Golden.Tiny
  let context: Context
  var world: Communicator { context.world }
  var pool: ThreadPool { context.pool }
  let layout: Layout
  let order: [Int]
  let mean, scale: [Double]
  private(set) var rows: Rows<T>
  private(set) var test: GroupedRows<T>

  private var kernel: Kernel {
    Kernel(golden.options.kernel == "laplace" ? .laplace : .gaussian, bandwidth: golden.options.bandwidth)
  }

  /// *Collective.* Sorts, cuts and standardises.
  init(_ golden: Golden.Tiny, world: Communicator) throws {
    self.golden = golden
    context = Context(world: world, host: Host(threads: TestWorld.threads(of: world)))
    let labels = golden.input.trainY
    order = labels.indices.sorted { (labels[$0], $0) < (labels[$1], $1) }
    let counts = (0..<golden.options.classes).map { c in labels.count { $0 == c } }
    layout = Layout(classCounts: counts, ranks: world.size, tileRows: 2)
    let x = golden.input.trainX
    let own = Self.matrix(order[layout.shard(of: world.rank)].map { x[$0] }, columns: x[0].count)
    let standardisation = try Standardisation(of: own, world: world)
    (mean, scale) = (standardisation.mean, standardisation.scale)
    standardisation.apply(to: own)
    let tests = golden.input.testX
    // Rank 0 has no test sample where there are others.
    let share = world.size == 1 ? tests : world.rank == 0 ? [] : world.rank == 1 ? tests : []
    let testRows = Self.matrix(share, columns: x[0].count)
    standardisation.apply(to: testRows)
    let origin = Matrix<Double>(rows: counts.count, columns: x[0].count)
    rows = try centredOnClassMeans(own, origin, layout: layout, context: context)
    test = GroupedRows(testRows, layout: layout, context: context)
  }

  private static func matrix(_ rows: [[Double]], columns: Int) -> Matrix<T> {
    Matrix<Double>(rows: rows.count, columns: columns, rows.flatMap { $0 }).converted()
  }

  /// *Collective.*
  mutating func normalise() throws {
    let unit = rows.normalised()
    rows = try centredOnClassMeans(
      unit.deviations, unit.centres, layout: layout, context: context)
    test = test.normalised().regrouped(to: rows)
  }

  /// *Collective.*
  func kernelMatrix() throws -> KernelOperator<T> {
    try KernelOperator(kernel, rows)
  }

  /// *Collective.*
  func solve(_ method: SolverMethod, tolerance: Double) throws -> Matrix<Double> {
    let solver = RidgeSolver(
      method: method, ridge: golden.options.ridge, tolerance: tolerance, maxIterations: 1000,
      preconditionerRank: 6)
    let k = try kernelMatrix()
    let random = RandomStream(seed: 0, layer: 1, purpose: .pivots)
    let preconditioner = try solver.makePreconditioner(of: k, random: random) { _ in }
    let y = Matrix<Double>(rows: rows.rowCount, columns: layout.classCount)
    y.view.fill(-1)
    for segment in rows.segments { for i in segment.rows { y[i, segment.centre] = 1 } }
    return try solver.solve(k, y, preconditioner: preconditioner) { _ in }.coefficients
  }

  /// *Collective.* f at the test samples, on every rank, in the file's order.
  func predictTest(_ a: Matrix<Double>) throws -> Matrix<Double> {
    let predictor = Predictor(kernel: kernel, rows: rows)
    return try whole(predictor.outputs(at: test, a))
  }

  /// *Collective.*
  func agop(_ a: Matrix<Double>) throws -> Matrix<Double> {
    try AGOP(of: rows, kernel).compute(a, by: .class).matrix
  }

  func map(_ root: Matrix<Double>, layer: Int) -> FeatureMap<T> {
    FeatureMap(
      drawing: golden.options.features == "relu" ? .relu : .cosine, projection: root.converted(),
      width: golden.options.width, scale: golden.options.featureScale, seed: golden.options.seed,
      layer: layer)
  }

  /// *Collective.* The rows become the next layer's; NC1 and NC2 of input, projected and mapped rows.
  mutating func apply(_ map: FeatureMap<T>) throws -> (nc1: [Double], nc2: [Double]) {
    let before = rows
    let mapped = rows.mapped(by: map)
    rows = try centredOnClassMeans(
      mapped.deviations, mapped.centres, layout: layout, context: context)
    test = test.mapped(by: map)
    var scatters = [before.scatter, mapped.projectedScatter, rows.scatter]
    try world.sum(&scatters)
    let means = [before.centres, mapped.projectedMeans, rows.centres]
    return (
      zip(scatters, means).map { nc1(scatter: $0, means: $1, layout: layout) },
      means.map { nc2(means: $0, layout: layout) }
    )
  }

  /// *Collective.* X, on every rank.
  func wholeRows() throws -> Matrix<Double> {
    try whole(rows.assembled())
  }

  /// *Collective.* All ranks' rows, on every rank.
  func whole(_ own: Matrix<Double>) throws -> Matrix<Double> {
    let all = try world.allGather(Array(own.buffer)).flatMap { $0 }
    return Matrix(rows: all.count / own.columns, columns: own.columns, all)
  }
}
