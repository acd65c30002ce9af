import KernelMachine
import LinearAlgebra
import MPI
import Runtime
import Solve

/// A layer's system was not solved to the tolerance.
public struct SolveError: RankError, Equatable, CustomStringConvertible {
  public let sentence: String
  public var exitStatus: Int32 { 1 }
  public var description: String { sentence }
}

extension FactorizationError {
  /// What to do about it, in brackets; empty where nothing is known to help.
  var mend: String {
    switch self {
    case .notPositiveDefinite: " (a larger --ridge helps)"
    case .eigenvaluesDidNotConverge, .singularValuesDidNotConverge: ""
    }
  }
}

extension Training {
  /// *Collective.* Solves (K + ridge I) A = Y, as the plan has it; where `--solver auto` chose to factor K and that fails, by conjugate
  /// gradient. Throws `SolveError`.
  func solve(
    _ layer: Layer<T>, _ samples: Samples<T>, _ matrix: KernelOperator<T>,
    from saved: BlockConjugateGradient.State? = nil
  ) throws -> Fit {
    // What was saved in mid-iteration, on this same basis, is of a layer whose factorisation had failed.
    if layer.plan.solvesDirectly && saved == nil, let fit = try solveDirectly(layer, samples, matrix) { return fit }
    return try iterate(layer, samples, matrix, from: saved)
  }

  /// *Collective.* By conjugate gradient.
  private func iterate(
    _ layer: Layer<T>, _ samples: Samples<T>, _ matrix: KernelOperator<T>, from saved: BlockConjugateGradient.State?
  ) throws -> Fit {
    let (number, safe) = (layer.number, layer.safe)
    let solver = solver(.cg, layer.plan, samples)
    let random = RandomStream(seed: options.seed, layer: number, purpose: .pivots)
    let preconditioner = try phase(number, .preconditioner) {
      try solver.makePreconditioner(of: matrix, random: random, progress: $0)
    }
    try safe?.stopHere()
    let targets = targets(samples)
    let solution = try phase(number, .solve) {
      try solver.solve(
        matrix, targets, preconditioner: preconditioner, safePoints: safe?.solve ?? .none, from: saved, progress: $0)
    }
    try require(solution, layer: number)
    return try fit(solution, .cg, rank: preconditioner?.rank ?? 0, layer, matrix)
  }

  /// *Collective.* By Cholesky; nil: it failed, or missed a tolerance that has to be met, and `--solver auto` has the choice of another.
  private func solveDirectly(
    _ layer: Layer<T>, _ samples: Samples<T>, _ matrix: KernelOperator<T>
  ) throws -> Fit? {
    let (number, hasChoice) = (layer.number, options.solver == .auto)
    let (solver, targets) = (solver(.cholesky, layer.plan, samples), targets(samples))
    try layer.safe?.stopHere()
    var why = ""
    let found: Solution? = try phase(number, .solve) { advance -> Solution? in
      do {
        return try solver.solve(matrix, targets, preconditioner: nil, progress: advance)
      } catch let error as FactorizationError where hasChoice {
        why = "\(error)"
        return nil
      }
    }
    if let found {
      let isTaken = found.outcome == .converged || options.allowUnconverged && found.outcome != .notFinite
      guard hasChoice && !isTaken else {
        try require(found, layer: number)
        return try fit(found, .cholesky, rank: 0, layer, matrix)
      }
      why = "a true relative residual of \(Float(found.worstResidual)) where --tolerance is \(options.tolerance)"
    }
    progress.message("layer \(number): K factored whole gave no solution (\(why)): conjugate gradient solves it")
    return nil
  }

  private func solver(_ method: SolverMethod, _ plan: MemoryPlan, _ samples: Samples<T>) -> RidgeSolver {
    RidgeSolver(
      method: method, ridge: options.ridge, tolerance: options.tolerance, maxIterations: options.maxIterations,
      historyLimit: plan.historyLimit,
      preconditionerRank: plan.solvesDirectly ? plan.fallbackRank : plan.preconditionerRank,
      weights: classWeights(samples.layout))
  }

  /// *Collective.*
  private func fit(
    _ solution: Solution, _ method: SolverMethod, rank: Int, _ layer: Layer<T>, _ matrix: KernelOperator<T>
  ) throws -> Fit {
    var fit = Fit(solution: solution, method: method, preconditionerRank: rank, bandwidth: layer.bandwidth)
    fit.tiles = try LayerMetrics.Tiles(of: matrix)
    return fit
  }

  /// Throws `SolveError` where a solution is none, or none that the user takes.
  private func require(_ solution: Solution, layer: Int) throws {
    guard solution.outcome == .notFinite || solution.outcome != .converged && !options.allowUnconverged else { return }
    let how =
      switch solution.outcome {
      case .converged: "converged"
      case .stalled: "stalled"
      case .indefinite: "met a direction in which the rounded kernel matrix is not positive definite"
      case .iterationLimit: "reached --max-iterations"
      case .notFinite: "met numbers that are not finite"
      }
    let remedy =
      solution.outcome == .notFinite
      ? "a larger --ridge helps" : "--allow-unconverged goes on; a larger --ridge or --preconditioner-rank helps"
    throw SolveError(
      sentence:
        "layer \(layer): the solver \(how) after \(solution.iterations) iterations, at a true relative residual "
        + "of \(Float(solution.worstResidual)) where --tolerance is \(options.tolerance) "
        + "(\(remedy))")
  }
}
