import Datasets
import DeepRFM
import Files
import KernelMachine
import LinearAlgebra
import MPI
import Runtime
import Solve
import Testing

/// A kernel matrix that Cholesky cannot factor, though conjugate gradient solves with it: a wide gaussian of points in space has fifty
/// eigenvalues above the rounding of its float32 tiles, a ridge far below that rounding leaves some of the others negative, and values that are
/// linear in the rows lie along the large ones.
@Suite(.serialized) struct SolverFallbackTests {
  private static let (count, outputs) = (200, 66)

  /// *Collective.* On each rank alone, or on all together. - Parameter change: of the options.
  private func training(
    onAll: Bool = false, _ change: (inout TrainOptions) -> Void = { _ in }
  ) throws -> (training: Training<Float>, samples: Samples<Float>) {
    let all = try TestWorld.all
    let world = onAll ? all : try all.split(color: all.rank, key: 0)
    var options = TrainOptions()
    (options.kernel, options.normalise) = (.gaussian, .none)
    options.bandwidth = 4
    (options.ridge, options.tolerance, options.preconditioner) = (1e-10, 1e-2, .none)
    (options.quiet, options.layers) = (true, 1)
    change(&options)
    let random = RandomStream(seed: 5, layer: 0, purpose: .probe)
    let rows = (0..<Self.count).map { i in (0..<3).map { random.uniform(row: i, column: $0) } }
    let labels = rows.map { row in
      Label.row(
        (0..<Self.outputs).map { c in
          row.indices.reduce(0.0) { $0 + random.normal(row: 1000 + c, column: $1) * row[$1] }
        })
    }
    let shard = try TrainingShard<Float>(
      MadeSamples(rows: rows, labels: labels), grouping: RowGrouping(byDirection: false, count: 1), world: world)
    let training = Training<Float>(options, try Host(surveying: world, threads: 1), world)
    let samples = Samples<Float>(
      layout: shard.layout, order: shard.order, standardisation: shard.standardisation, targets: shard.targets,
      rows: try centredOnClassMeans(
        shard.rows, Matrix(rows: shard.layout.classCount, columns: 3), layout: shard.layout, context: training.context),
      values: shard.values)
    return (training, samples)
  }

  private func solver(
    onAll: Bool = false, _ change: (inout TrainOptions) -> Void = { _ in }
  ) throws -> (fit: Fit, metrics: LayerMetrics.Solver) {
    let (training, samples) = try training(onAll: onAll, change)
    var kept: KernelOperator<Float>?
    let fit = try training.fit(try training.layer(1, samples), samples, &kept)
    return (fit, try training.measure(1, samples, fit).solver)
  }

  @Test func autoGoesOnWithConjugateGradient() throws {
    let (fit, solver) = try solver()
    #expect(solver.method == .cg && solver.converged && solver.iterations > 0 && solver.residual <= 1e-2)
    // And its bits are those of a run that asked for it.
    let (asked, _) = try self.solver { $0.solver = .cg }
    #expect(fit.coefficients.values == asked.coefficients.values)
  }

  @Test func choleskyThatWasAskedForEndsWithItsError() throws {
    let error = #expect(throws: SolveError.self) { try solver { $0.solver = .cholesky } }
    #expect(error?.sentence.contains("positive definite") == true)
  }

  /// The iteration that takes over has the preconditioner that it would have had. Whether it converges with it is not asked.
  @Test func theFallbackIsPreconditioned() throws {
    func solver(_ method: SolverMethod) throws -> (fit: Fit, metrics: LayerMetrics.Solver) {
      try self.solver {
        ($0.solver, $0.preconditioner) = (method, .nystrom)
        ($0.maxIterations, $0.allowUnconverged) = (3, true)
        $0.preconditionerRank = 20
        $0.tileTolerance = 0
      }
    }
    let (fit, metrics) = try solver(.auto)
    let (asked, expected) = try solver(.cg)
    #expect(metrics.method == .cg && metrics.preconditionerRank > 0)
    #expect(metrics.preconditionerRank == expected.preconditionerRank)
    #expect(fit.coefficients.values == asked.coefficients.values)
  }

  /// No solution has such a residual: what K's factor gives is left for the iteration, which is the one that ends the run.
  @Test func autoGoesOnWhereCholeskyMissesTheTolerance() throws {
    let error = #expect(throws: SolveError.self) {
      try solver { ($0.ridge, $0.tolerance, $0.maxIterations) = (1e-3, 1e-300, 1) }
    }
    #expect(error?.sentence.contains("reached --max-iterations") == true)
  }

  /// The same where a missed tolerance is allowed: the factor's solution is taken, which is as good as any.
  @Test func autoKeepsWhatCholeskyGivesWhereThatIsAllowed() throws {
    func solver(_ method: SolverMethod) throws -> (fit: Fit, metrics: LayerMetrics.Solver) {
      try self.solver {
        ($0.ridge, $0.tolerance, $0.maxIterations) = (1e-3, 1e-300, 1)
        ($0.solver, $0.allowUnconverged) = (method, true)
      }
    }
    let (fit, metrics) = try solver(.auto)
    #expect(metrics.method == .cholesky && !metrics.converged && metrics.iterations == 0)
    #expect(metrics.residual < 1e-6)
    let (asked, _) = try solver(.cholesky)
    #expect(fit.coefficients.values == asked.coefficients.values)
  }

  /// A larger ridge, and the same samples are solved directly.
  @Test func autoFactorsWhatCanBeFactored() throws {
    let (_, solver) = try solver { $0.ridge = 1e-3 }
    #expect(solver.method == .cholesky && solver.converged && solver.iterations == 0)
  }

  /// So do the ranks of one node together; and where there is no factor, all go on with conjugate gradient.
  @Test func ranksOfOneNodeFactorTogether() throws {
    let (_, solver) = try solver(onAll: true) { $0.ridge = 1e-3 }
    #expect(solver.method == .cholesky && solver.converged && solver.iterations == 0)
    let (_, fallback) = try self.solver(onAll: true)
    #expect(fallback.method == .cg && fallback.converged && fallback.iterations > 0)
  }
}
