import DeepRFM
import Files
import KernelMachine
import LinearAlgebra
import Runtime
import Solve

/// *Collective.* The product with K beside the limits of memory and arithmetic, and a whole solve; with --peers, other solvers
/// of the same system. Within `--memory` some tiles are recomputed in each product.
func benchSolve<T: Real & TensorElement>(_ problem: BenchProblem<T>, _ limits: MachineLimits) throws -> BenchReport {
  var report = problem.report()
  report.add("ridge", value: problem.options.ridge, "ridge", .plain)
  report.add("tolerance", value: problem.options.tolerance, "tolerance", .plain)
  let plan = try problem.memoryPlan(resident: limits.sizes.resident)
  var matrix: KernelOperator<T>?
  let building = try limits.measurement.seconds { matrix = try problem.kernelOperator(plan) }
  guard let matrix else { return report }
  try report.addTiles(problem.options, matrix)
  try report.addProduct(problem, limits, matrix)
  let solves = SolveMeasurement(problem, limits, matrix, plan)
  let peers = problem.options.peers ? [solves.cholesky, solves.plain] : []
  let seconds = try limits.measurement.alternate([solves.own] + peers)
  report.add("seconds", value: seconds[0], "solving: preconditioner and iterations", .seconds)
  report.add("phases", "kernel", value: building, "building K, not counted", .seconds)
  solves.describe(&report)
  if peers.count == 2 { try solves.describePeers(&report, own: seconds[0], cholesky: seconds[1], plain: seconds[2]) }
  return report
}

// MARK: - Product

extension BenchReport {
  /// *Collective.* One product with K vectors, counted as if it read all of K.
  fileprivate mutating func addProduct<T: Real & TensorElement>(
    _ problem: BenchProblem<T>, _ limits: MachineLimits, _ matrix: KernelOperator<T>
  ) throws {
    let x = problem.targets
    let y = Matrix<Double>(rows: x.rows, columns: x.columns)
    let measurement = limits.measurement
    let once = try measurement.seconds { try matrix.apply(x, into: y, in: T.self) }
    let count = max(1, min(1000, Int(limits.sizes.seconds / once)))
    var takes = [
      try limits.read(),
      {
        try measurement.seconds { for _ in 0..<count { try matrix.apply(x, into: y, in: T.self) } } / Double(count)
      }, try limits.tileProduct(T.self, T.self, vectors: x.columns),
    ]
    let whole = try problem.wholeProduct(limits)
    if let whole { takes.append(whole) }
    let tiles = try matrix.tileCounts()
    if tiles.recomputed > 0 { takes.append(try limits.gemm(T.self)) }
    let medians = try measurement.alternate(takes)
    let (read, seconds, cached) = (medians[0], medians[1], medians[2])
    let rate = problem.n * problem.n * Double(MemoryLayout<T>.stride) / seconds
    add("product", "seconds", value: seconds, "product with K vectors", .seconds)
    add("gigabytesPerSecond", value: rate * 1e-9, "its rate, as if all of K were read", .gigabytes)
    add("readGigabytesPerSecond", value: read * 1e-9, "memory read, all ranks at once", .gigabytes)
    add("fractionOfRead", value: rate / read, "of memory read", .share)
    // A tile serves in both directions.
    add("product", "limitGigabytesPerSecond", value: 2 * cached * 1e-9, "tiles from the cache, counted so", .gigabytes)
    add("product", "fractionOfLimit", value: rate / (2 * cached), "of that limit of the arithmetic", .share)
    if whole != nil {
      add("product", "gemmSeconds", value: medians[3], "the same by BLAS on all of K, stored", .seconds)
      add("product", "timesGemm", value: medians[3] / seconds, "as fast as that", .times)
    }
    if tiles.recomputed > 0, let gemm = medians.last { addRecomputing(problem, tiles, seconds: seconds, gemm: gemm) }
  }

  /// The rate of the work on recomputed tiles in a product with K vectors, beside that of square products. Counted is of a tile of m rows and n
  /// columns
  ///
  ///     2 m n d    to make its inner products, on the diagonal too, where little more than half are made
  ///     2 m n K    to use it, off the diagonal twice: it serves in both directions
  ///
  /// and nothing else; the seconds are the whole product's, with what the stored tiles, the kernel's own function and messages take of them.
  /// So it is the recomputing's own rate where nearly all tiles are recomputed, and less than that elsewhere.
  private mutating func addRecomputing<T>(
    _ problem: BenchProblem<T>, _ tiles: TileCounts, seconds: Double, gemm: Double
  ) {
    let (making, using) = (2 * Double(tiles.made) * problem.d, 2 * Double(tiles.used) * problem.k)
    let rate = (making + using) / seconds
    add("recompute", "gflops", value: rate * 1e-9, "recomputed tiles, made and used", .gigaflops)
    add("recompute", "gemmGflops", value: gemm * 1e-9, "matrix product, all ranks at once", .gigaflops)
    add("recompute", "fractionOfGemm", value: rate / gemm, "recomputed tiles, of the matrix product", .share)
  }
}

extension BenchProblem {
  /// *Collective.* Takes the seconds of BLAS's product with K where each rank holds its rows of it whole; nil if a rank's memory
  /// does not hold them.
  fileprivate func wholeProduct(_ limits: MachineLimits) throws -> Measurement.Take? {
    let bytes = rows.rowCount * layout.sampleCount * MemoryLayout<T>.stride
    let fits = 2 * bytes * host.ranksOnNode < Memory.available
    guard try world.minimum(fits ? 1 : 0) == 1 else { return nil }
    let (pool, own) = (self.pool, rows.rowCount)
    let whole = Matrix<T>(uninitialisedRows: own, columns: layout.sampleCount)
    pool.forEachPart(of: whole.count) { part, _ in
      (whole.pointer + part.lowerBound).update(repeating: 0.5, count: part.count)
    }
    let x: Matrix<T> = noise(layout.sampleCount, layout.classCount)
    let y = Matrix<T>(rows: own, columns: layout.classCount)
    return {
      try limits.measurement.seconds { pool.multiply(whole.view, x.view, into: y.view) }
    }
  }
}

// MARK: - Solve

/// Solves the same system in several ways and keeps what the last of each found.
private final class SolveMeasurement<T: Real & TensorElement> {
  private let problem: BenchProblem<T>
  private let measurement: Measurement
  private let matrix: KernelOperator<T>
  /// nil: without `--memory`.
  private let plan: MemoryPlan?
  private let targets: Matrix<Double>
  private var preconditionerSeconds: [Double] = []
  private var iterationSeconds: [Double] = []
  private var preconditionerRank = 0
  private var ownSolution: Solution?
  private var plainSolution: Matrix<Double>?
  private var plainIterations = 0
  /// nil: there was none, K + ridge I is not positive definite in T.
  private var choleskyResidual: Double?

  init(_ problem: BenchProblem<T>, _ limits: MachineLimits, _ matrix: KernelOperator<T>, _ plan: MemoryPlan?) {
    self.problem = problem
    self.matrix = matrix
    self.plan = plan
    measurement = limits.measurement
    targets = problem.targets
  }

  private func solver(preconditionerRank rank: Int) -> RidgeSolver {
    RidgeSolver(
      method: .cg, ridge: problem.options.ridge, tolerance: problem.options.tolerance,
      maxIterations: problem.options.maxIterations, historyLimit: plan?.historyLimit ?? 50, preconditionerRank: rank)
  }

  /// *Collective.* The solver of `train`; seconds of both phases.
  func own() throws -> Double {
    let solver = solver(preconditionerRank: plan?.preconditionerRank ?? problem.wantedRank)
    let random = RandomStream(seed: problem.options.seed, layer: 1, purpose: .pivots)
    var preconditioner: NystromPreconditioner<T>?
    let making = try measurement.seconds {
      preconditioner = try solver.makePreconditioner(of: matrix, random: random, progress: { _ in })
    }
    let iterating = try measurement.seconds {
      ownSolution = try solver.solve(matrix, targets, preconditioner: preconditioner, progress: { _ in })
    }
    preconditionerRank = preconditioner?.rank ?? 0
    preconditionerSeconds.append(making)
    iterationSeconds.append(iterating)
    return making + iterating
  }

  /// *Collective.* Conjugate gradient as it is in textbooks, each class on its own, without a preconditioner (Hestenes and Stiefel, 1952).
  func plain() throws -> Double {
    try measurement.seconds {
      let (b, options) = (targets, problem.options)
      let columns = ColumnBlock(pool: problem.pool)
      let x = Matrix<Double>(rows: b.rows, columns: b.columns)
      let (r, p, image) = (b.copy(), b.copy(), Matrix<Double>(rows: b.rows, columns: b.columns))
      func dots(_ u: Matrix<Double>, _ v: Matrix<Double>) throws -> [Double] {
        var values = columns.dots(u, v)
        try problem.world.sum(&values)
        return values
      }
      let scale = try dots(b, b)
      var (squares, count) = (scale, 0)
      func isLarge(_ c: Int) -> Bool { squares[c].squareRoot() > options.tolerance * scale[c].squareRoot() }
      while count < options.maxIterations, scale.indices.contains(where: isLarge) {
        try matrix.apply(p, into: image, in: T.self)
        columns.add(p, times: scale.map { _ in options.ridge }, to: image)
        let curvature = try dots(p, image)
        let α = scale.indices.map { isLarge($0) && curvature[$0] > 0 ? squares[$0] / curvature[$0] : 0 }
        columns.add(p, times: α, to: x)
        columns.add(image, times: α.map { -$0 }, to: r)
        let next = try dots(r, r)
        columns.scale(p, by: scale.indices.map { squares[$0] > 0 ? next[$0] / squares[$0] : 0 }, adding: r)
        (squares, count) = (next, count + 1)
      }
      plainIterations = count
      plainSolution = x
    }
  }

  /// *Local, one rank.* LAPACK's Cholesky in T, of a matrix that is there already.
  func cholesky() throws -> Double {
    let dense = matrix.whole(ridge: problem.options.ridge)
    // LAPACK takes right-hand sides one after the other.
    let sides = Matrix<T>(uninitialisedRows: targets.columns, columns: targets.rows)
    sides.fill { T(targets[$1, $0]) }
    var isPositive = true
    let seconds = try measurement.seconds {
      try problem.pool.withThreadedLAPACK(order: dense.rows) {
        do {
          try factorizeCholesky(dense.view)
          solveCholesky(dense.view, rows: sides.view)
        } catch is FactorizationError {
          isPositive = false
        }
      }
    }
    let solution = Matrix<Double>(uninitialisedRows: targets.rows, columns: targets.columns)
    solution.fill { Double(sides[$1, $0]) }
    choleskyResidual = isPositive ? try residual(of: solution) : nil
    return seconds
  }

  /// *Collective.* The true relative residual of the worst class.
  private func residual(of a: Matrix<Double>) throws -> Double {
    let image = Matrix<Double>(rows: a.rows, columns: a.columns)
    try matrix.apply(a, into: image, in: Double.self, exactly: true)
    var squares = [Double](repeating: 0, count: 2 * a.columns)
    for i in 0..<a.rows {
      for c in 0..<a.columns {
        let left = targets[i, c] - image[i, c] - problem.options.ridge * a[i, c]
        squares[c] += left * left
        squares[a.columns + c] += targets[i, c] * targets[i, c]
      }
    }
    try problem.world.sum(&squares)
    return worstResidual(of: (0..<a.columns).map { (squares[$0] / squares[a.columns + $0]).squareRoot() })
  }

  func describe(_ report: inout BenchReport) {
    report.add(
      "phases", "preconditioner", value: median(of: preconditionerSeconds), "of it the preconditioner", .seconds)
    report.add("phases", "iterations", value: median(of: iterationSeconds), "of it the iterations", .seconds)
    report.add("preconditionerRank", count: preconditionerRank, "preconditioner's rank")
    guard let solution = ownSolution else { return }
    report.add("iterations", count: solution.iterations, "iterations")
    report.add("residual", value: solution.worstResidual, "true relative residual, worst class", .plain)
    report.add("outcome", text: solution.outcome.rawValue, "outcome")
  }

  func describePeers(_ report: inout BenchReport, own: Double, cholesky: Double, plain: Double) throws {
    report.add("peers", "cholesky", "seconds", value: cholesky, "LAPACK's Cholesky, solving", .seconds)
    report.add("peers", "cholesky", "ratio", value: own / cholesky, "ours, of Cholesky's time", .share)
    let residual = choleskyResidual ?? .nan
    report.add("peers", "cholesky", "residual", value: residual, "Cholesky's true relative residual", .plain)
    report.add("peers", "plainConjugateGradient", "seconds", value: plain, "conjugate gradient alone", .seconds)
    report.add("peers", "plainConjugateGradient", "ratio", value: own / plain, "ours, of its time", .share)
    report.add("peers", "plainConjugateGradient", "iterations", count: plainIterations, "its iterations")
    let plainResidual = try plainSolution.map { try self.residual(of: $0) } ?? .nan
    report.add(
      "peers", "plainConjugateGradient", "residual", value: plainResidual, "its true relative residual", .plain)
  }
}

extension KernelOperator {
  /// K + ridge I whole in T, lower triangle, as LAPACK wants it. *Local, one rank.*
  fileprivate func whole(ridge: Double) -> Matrix<T> {
    let n = rows.layout.sampleCount
    let matrix = Matrix<T>(rows: n, columns: n)
    forEachTile { _, tile, deviation in
      guard let deviation else { return }
      let constant = builder.constant(tile.rows.centre, tile.columns.centre)
      // Tiles lie on and above the diagonal.
      for (i, row) in tile.rows.rows.enumerated() {
        for (j, column) in tile.columns.rows.enumerated() {
          matrix[column, row] = T(constant + Double(deviation[i, j]))
        }
      }
    }
    for i in 0..<n { matrix[i, i] += T(ridge) }
    return matrix
  }
}
