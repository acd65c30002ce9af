import Files
import KernelMachine
import LinearAlgebra
import MPI
import Runtime
import Solve

/// A layer that is worked on.
public struct Layer<T: Real & TensorElement> {
  /// From 1.
  let number: Int
  let plan: MemoryPlan
  /// s of its kernel.
  let bandwidth: Double
  /// Where it can be saved and stopped; nil: nowhere.
  let safe: LayerSafePoints<T>?
}

/// How far a layer has come; what a checkpoint inside it holds.
///
///     solving ──── solved ──── differentiating ──── differentiated ──── (root, metrics, features: made anew)
///       |                           |                     |
///     stage "solve"              stage "agop"          stage "end"        in the checkpoint's facts
///
/// A state that is not this machine's or plan's own gives what was finished in it: `differentiating` becomes `solved`, `solving` nothing.
enum LayerProgress<T: Real> {
  case solving(BlockConjugateGradient.State)
  case solved(Fit)
  case differentiating(Fit, AGOPState)
  /// The AGOP is divided by its largest entry.
  case differentiated(Fit, AGOP<T>.Result)

  var solve: BlockConjugateGradient.State? { if case .solving(let state) = self { state } else { nil } }

  var fit: Fit? {
    switch self {
    case .solving: nil
    case .solved(let fit), .differentiating(let fit, _), .differentiated(let fit, _): fit
    }
  }

  var unfinishedAGOP: AGOPState? { if case .differentiating(_, let state) = self { state } else { nil } }

  var agop: AGOP<T>.Result? { if case .differentiated(_, let result) = self { result } else { nil } }

  /// For people.
  var place: String {
    switch self {
    case .solving(let state): "in its solve, after \(state.iterations) iterations"
    case .solved: "after its solve"
    case .differentiating: "in its AGOP"
    case .differentiated: "after its AGOP"
    }
  }
}

/// A layer's state as a checkpoint gives it back.
struct LayerState<T: Real> {
  /// Of its memory plan; nil: it was another machine's, or another plan is wanted.
  let memory: MemoryBasis?
  /// s of the layer's kernel.
  let bandwidth: Double
  /// By phase, then the total: the slowest rank's.
  let seconds: [Double]
  let progress: LayerProgress<T>
}

/// What a layer's memory plan was made from: on the same basis the plan is the same.
struct MemoryBasis: Equatable {
  let budget, resident: Int
  /// Whether all ranks are on one node, where one of them may factor K on all cores.
  let isOneNode: Bool
}

// MARK: - In a checkpoint

extension LayerProgress {
  private enum Stage: String { case solve, agop, end }

  /// What a checkpoint keeps of it.
  var checkpoint: Checkpoint {
    switch self {
    case .solving(let state):
      Checkpoint(facts: Self.facts(.solve), shared: state.numbers, own: state.tensors)
    case .solved(let fit):
      // Never written: an AGOP begins at once.
      Checkpoint(facts: Self.facts(.agop, fit), spread: fit.spread, shared: fit.shared)
    case .differentiating(let fit, let state):
      Checkpoint(
        facts: Self.facts(.agop, fit, route: state.route), spread: fit.spread, shared: fit.shared, own: state.saved)
    case .differentiated(let fit, let agop):
      Checkpoint(
        facts: Self.facts(.end, fit, route: agop.route, error: agop.error, agop.compression), spread: fit.spread,
        shared: fit.shared + [SavedTensor("agop", agop.matrix)])
    }
  }

  private static func facts(
    _ stage: Stage, _ fit: Fit? = nil, route: AGOPRoute? = nil, error: Double? = nil, _ compression: Compression? = nil
  ) -> JSON {
    var members = [JSON.Member("stage", .string(stage.rawValue))]
    if let route { members.append(JSON.Member("route", .string(route.rawValue))) }
    if stage == .end { members.append(JSON.Member("error", error.map { JSON($0) } ?? .null)) }
    if let compression {
      members.append(JSON.Member("lowRank", JSON(compression.share)))
      members.append(JSON.Member("lowRankError", JSON(compression.error)))
    }
    return .object(members + (fit?.facts ?? []))
  }

  /// *Local.* From what `checkpoint` gave; nil where nothing of it can be used. Throws `CheckpointError`.
  /// - Parameters:
  ///   - isSame: as many ranks, the same version and plan: the ranks' own parts can be used.
  ///   - rows, width, outputs: of this rank's shard and of the layer.
  init?(_ checkpoint: Checkpoint, isSame: Bool, rows: Int, width: Int, outputs: Int) throws {
    let facts = checkpoint.facts
    guard case .string(let name)? = facts["stage"], let stage = Stage(rawValue: name) else { throw Self.incomplete }
    if stage == .solve {
      guard isSame else { return nil }
      self = .solving(
        try BlockConjugateGradient.State(checkpoint.own, checkpoint.shared, rows: rows, classes: outputs))
      return
    }
    let fit = try Fit(checkpoint, rows: rows, outputs: outputs)
    guard case .string(let name)? = facts["route"], let route = AGOPRoute(rawValue: name) else { throw Self.incomplete }
    if stage == .agop {
      self = isSame ? .differentiating(fit, try AGOPState(route, saved: checkpoint.own)) : .solved(fit)
      return
    }
    let matrix: Matrix<Double> = try checkpoint.shared.matrix("agop")
    guard matrix.rows == width, matrix.columns == width else { throw CheckpointError("its AGOP has another width") }
    let compression = Compression(share: facts.number("lowRank") ?? 0, error: facts.number("lowRankError") ?? 0)
    self = .differentiated(
      fit, AGOP<T>.Result(matrix: matrix, route: route, error: facts.number("error"), compression: compression))
  }

  private static var incomplete: CheckpointError { CheckpointError("its facts are not all there") }
}

extension Fit {
  fileprivate var facts: [JSON.Member] {
    [
      JSON.Member("iterations", JSON(solution.iterations)), JSON.Member("outcome", .string(solution.outcome.rawValue)),
      JSON.Member("method", .string(method.rawValue)), JSON.Member("preconditionerRank", JSON(preconditionerRank)),
      JSON.Member("kernelAlignment", JSON(kernelAlignment)),
      JSON.Member("tilesStored", tiles.stored.map { JSON($0) } ?? .null),
      JSON.Member("tilesLowRank", tiles.lowRank.map { JSON($0) } ?? .null),
      JSON.Member("tilesError", tiles.error.map { JSON($0) } ?? .null),
    ]
  }

  fileprivate var spread: [SavedTensor] {
    [SavedTensor("coefficients", solution.coefficients), SavedTensor("residual", solution.residual)]
  }

  fileprivate var shared: [SavedTensor] { [SavedTensor("residuals", solution.relativeResiduals)] }

  /// Throws `CheckpointError`.
  fileprivate init(_ checkpoint: Checkpoint, rows: Int, outputs: Int) throws {
    let facts = checkpoint.facts
    guard let iterations = facts.count("iterations"), let rank = facts.count("preconditionerRank"),
      let bandwidth = facts.number("bandwidth"),
      case .string(let name)? = facts["outcome"], let outcome = Outcome(rawValue: name),
      case .string(let name)? = facts["method"], let method = SolverMethod(rawValue: name)
    else { throw CheckpointError("its facts are not all there") }
    let coefficients: Matrix<Double> = try checkpoint.spread.matrix("coefficients")
    let residual: Matrix<Double> = try checkpoint.spread.matrix("residual")
    let residuals = try checkpoint.shared.values("residuals")
    guard coefficients.rows == rows, coefficients.columns == outputs, residual.rows == rows,
      residual.columns == outputs, residuals.count == outputs
    else { throw CheckpointError("its solution is another problem's") }
    solution = Solution(
      coefficients: coefficients, residual: residual, relativeResiduals: residuals, iterations: iterations,
      outcome: outcome)
    (self.method, preconditionerRank) = (method, rank)
    self.bandwidth = bandwidth
    isRestored = true
    kernelAlignment = facts.number("kernelAlignment") ?? .nan
    tiles.stored = facts.number("tilesStored")
    (tiles.lowRank, tiles.error) = (facts.number("tilesLowRank"), facts.number("tilesError"))
  }
}

extension JSON {
  func count(_ key: String) -> Int? {
    if case .number(let literal)? = self[key] { Int(literal) } else { nil }
  }

  func number(_ key: String) -> Double? {
    if case .number(let literal)? = self[key] { Double(literal) } else { nil }
  }
}
