import Files
import KernelMachine
import LinearAlgebra
import MPI
import Runtime

/// How far a layer had come when it was saved.
public struct LayerState<T: Real> {
  let memory: MemoryBasis
  /// By phase, then the total: the slowest rank's.
  let seconds: [Double]
  /// At most one of the two is there: a solve that is not finished, or what came of it.
  public let solve: BlockConjugateGradient.State?
  let fit: Fit?
  /// At most one of the two: an AGOP that is not finished, or the finished one, divided by its largest entry.
  let agop: AGOPState?
  let result: AGOP<T>.Result?

  /// For people.
  fileprivate var place: String {
    if let solve { return "in its solve, after \(solve.iterations) iterations" }
    if agop != nil { return "in its AGOP" }
    return result == nil ? "after its solve" : "after its AGOP"
  }
}

/// What a layer's memory plan was made from: on the same basis the plan is the same.
struct MemoryBasis: Equatable {
  let budget, resident: Int
}

/// Writes and reads the states inside a layer. One for a run.
final class LayerCheckpoints<T: Real & TensorElement> {
  private let folder: CheckpointFolder
  fileprivate let world: Communicator
  private let layout: Layout
  private let host: Host
  fileprivate let pace: Pace
  private let timer: PhaseTimer
  private let progress: Progress
  private let monitor: RunMonitor?

  init(_ run: RunRecorder<T>, _ training: Training<T>) {
    folder = CheckpointFolder(run.directory)
    world = run.world
    layout = run.layout
    host = training.host
    pace = training.pace
    timer = training.timer
    progress = training.progress
    monitor = training.monitor
  }

  /// The safe points of a layer.
  func place(_ layer: Int, _ memory: MemoryBasis, _ plan: MemoryPlan) -> LayerSafePoints<T> {
    LayerSafePoints(checkpoints: self, layer: layer, memory: memory, peak: plan.peak)
  }

  /// *Collective.* A point where nothing is lost: stops if a rank was asked to.
  func stopHere() throws {
    if try world.agree(pace.stop.isRequested ? .stop : .nothing).wish == .stop {
      throw StoppedEarly(cause: pace.stop.cause ?? .otherRank)
    }
  }

  /// *Collective.* The layer's files are written: no state of it is needed.
  func layerEnded() throws {
    if world.rank == 0 { folder.clear() }
    pace.restart()
  }

  /// *Collective.* Writes a state inside a layer.
  fileprivate func save(
    _ place: LayerSafePoints<T>, _ facts: [JSON.Member], spread: [SavedTensor] = [], shared: [SavedTensor],
    own: [SavedTensor]
  ) throws {
    monitor?.isSaving = true
    defer { monitor?.isSaving = false }
    let began = monotonicSeconds()
    var slowest = timer.values(of: Phase.ofLayer)
    try world.maximum(&slowest)
    let all = [
      JSON.Member("version", .string(version)), JSON.Member("layer", JSON(place.layer)),
      JSON.Member("samples", JSON(layout.sampleCount)), JSON.Member("threads", JSON(host.threads)),
      JSON.Member("memoryBudget", JSON(place.memory.budget)),
      JSON.Member("memoryResident", JSON(place.memory.resident)),
      JSON.Member("memoryPeak", JSON(place.peak)),
    ]
    let checkpoint = Checkpoint(
      facts: .object(all + facts), spread: spread, shared: shared + [SavedTensor("seconds", slowest)], own: own)
    let bytes = try CheckpointFile(folder.next).write(checkpoint, world)
    try world.together { if world.rank == 0 { try folder.advance() } }
    let seconds = Format.fixed(monotonicSeconds() - began, digits: 2)
    progress.message("checkpoint in layer \(place.layer): \(Format.bytes(bytes)) in \(seconds) s")
  }

  // MARK: Reading

  /// *Collective.* The newest state of this layer that is whole; nil if there is none. A state of another rank count, version or
  /// memory plan gives what was finished in it.
  func load(_ layer: Int, memory: Int?, classes: Int, rows: Rows<T>) throws -> LayerState<T>? {
    for path in folder.states {
      guard try world.broadcast(world.rank == 0 && InputFile.exists(path) ? 1 : 0, from: 0) == 1 else { continue }
      do {
        guard let state = try read(path, layer, memory, classes, rows) else { continue }
        progress.message("layer \(layer) goes on \(state.place)")
        return state
      } catch let error as CheckpointError {
        progress.message("\(error): going on from the state before it")
      }
    }
    return nil
  }

  /// *Collective.* nil: the state is of another layer.
  private func read(
    _ path: String, _ layer: Int, _ memory: Int?, _ classes: Int, _ rows: Rows<T>
  ) throws -> LayerState<T>? {
    let free = try world.minimum(Memory.used + Memory.available / host.ranksOnNode)
    var isSame = false
    let checkpoint = try CheckpointFile(path).read(world, rows: layout.shard(of: world.rank)) { facts in
      let budget = facts["memoryBudget"]
      isSame =
        facts["layer"] == JSON(layer) && facts["version"] == .string(version)
        && (facts.count("memoryPeak") ?? .max) <= free
        && (memory == nil || budget == memory.map { JSON($0) })
      return isSame
    }
    let facts = checkpoint.facts
    guard facts["layer"] == JSON(layer), facts["samples"] == JSON(layout.sampleCount) else { return nil }
    isSame = isSame && facts["ranks"] == JSON(world.size)
    // A rank that cannot use its part must not go on alone.
    let outcome = Result { try state(checkpoint, isSame, classes, rows) }
    var failed = 0
    if case .failure = outcome { failed = 1 }
    if try world.maximum(failed) > 0 {
      if case .failure(let error) = outcome { throw CheckpointError("\(path): \(error)") }
      throw CheckpointError("\(path): another rank cannot use it")
    }
    if !isSame {
      progress.message(
        "layer \(layer) was saved on other ranks, with another memory plan or by another version: its last step begins again"
      )
    }
    return try outcome.get()
  }

  /// *Local.*
  private func state(
    _ checkpoint: Checkpoint, _ isSame: Bool, _ classes: Int, _ rows: Rows<T>
  ) throws -> LayerState<T>? {
    let facts = checkpoint.facts
    guard let budget = facts.count("memoryBudget"), let resident = facts.count("memoryResident") else {
      throw CheckpointError("its facts are not all there")
    }
    let memory = MemoryBasis(budget: budget, resident: resident)
    let seconds = try checkpoint.shared.values("seconds")
    guard case .string(let stage)? = facts["stage"] else { throw CheckpointError("its facts are not all there") }
    if stage == "solve" {
      guard isSame else { return nil }
      let solve = try BlockConjugateGradient.State(
        checkpoint.own, checkpoint.shared, rows: rows.rowCount, classes: classes)
      return LayerState(memory: memory, seconds: seconds, solve: solve, fit: nil, agop: nil, result: nil)
    }
    let fit = try Fit(checkpoint, rows: rows.rowCount, classes: classes)
    guard case .string(let name)? = facts["route"], let route = AGOPRoute(rawValue: name) else {
      throw CheckpointError("its facts are not all there")
    }
    if stage == "agop" {
      let agop = isSame ? try AGOPState(route, saved: checkpoint.own) : nil
      return LayerState(memory: memory, seconds: seconds, solve: nil, fit: fit, agop: agop, result: nil)
    }
    let matrix: Matrix<Double> = try checkpoint.shared.matrix("agop")
    guard matrix.rows == rows.width, matrix.columns == rows.width else {
      throw CheckpointError("its AGOP has another width")
    }
    let result = AGOP<T>.Result(matrix: matrix, route: route, error: facts.number("error"))
    return LayerState(memory: memory, seconds: seconds, solve: nil, fit: fit, agop: nil, result: result)
  }
}

/// Where a layer can be saved and stopped, from the solve to the features.
public struct LayerSafePoints<T: Real & TensorElement> {
  fileprivate let checkpoints: LayerCheckpoints<T>
  fileprivate let layer: Int
  fileprivate let memory: MemoryBasis
  /// Bytes of a rank that the memory plan counts on.
  fileprivate let peak: Int

  private func points<State>(_ save: @escaping (State) throws -> Void) -> SafePoints<State> {
    SafePoints(pace: checkpoints.pace, save: save)
  }

  /// Set on this rank, whatever the others have.
  var stop: StopSwitch { checkpoints.pace.stop }

  /// *Collective.* A point where there is nothing to save: stops if a rank was asked to.
  func stopHere() throws { try checkpoints.stopHere() }

  /// Of the solve.
  public var solve: SafePoints<BlockConjugateGradient.State> {
    points { state in
      try checkpoints.save(
        self, [JSON.Member("stage", .string("solve"))], shared: state.numbers, own: state.tensors)
    }
  }

  /// Of the AGOP of what the solve gave.
  func agop(_ fit: Fit) -> SafePoints<AGOPState> {
    points { state in
      let facts = [JSON.Member("stage", .string("agop")), JSON.Member("route", .string(state.route.rawValue))]
      try checkpoints.save(self, facts + fit.facts, spread: fit.spread, shared: fit.shared, own: state.saved)
    }
  }

  /// *Collective.* A safe point between two steps after the AGOP.
  func reached(_ fit: Fit, _ agop: AGOP<T>.Result) throws {
    let wish = try checkpoints.world.agree(checkpoints.pace.wish).wish
    let facts = [
      JSON.Member("stage", .string("end")), JSON.Member("route", .string(agop.route.rawValue)),
      JSON.Member("error", agop.error.map { JSON($0) } ?? .null),
    ]
    try points { (_: Void) in
      try checkpoints.save(
        self, facts + fit.facts, spread: fit.spread, shared: fit.shared + [SavedTensor("agop", agop.matrix)], own: [])
    }.reached(wish, ())
  }
}

extension Fit {
  fileprivate var facts: [JSON.Member] {
    [
      JSON.Member("iterations", JSON(solution.iterations)), JSON.Member("outcome", .string(solution.outcome.rawValue)),
      JSON.Member("preconditionerRank", JSON(preconditionerRank)),
    ]
  }

  fileprivate var spread: [SavedTensor] {
    [SavedTensor("coefficients", solution.coefficients), SavedTensor("residual", solution.residual)]
  }

  fileprivate var shared: [SavedTensor] { [SavedTensor("residuals", solution.relativeResiduals)] }

  /// Throws `CheckpointError`.
  fileprivate init(_ checkpoint: Checkpoint, rows: Int, classes: Int) throws {
    let facts = checkpoint.facts
    guard let iterations = facts.count("iterations"), let rank = facts.count("preconditionerRank"),
      case .string(let name)? = facts["outcome"], let outcome = Outcome(rawValue: name)
    else { throw CheckpointError("its facts are not all there") }
    let coefficients: Matrix<Double> = try checkpoint.spread.matrix("coefficients")
    let residual: Matrix<Double> = try checkpoint.spread.matrix("residual")
    let residuals = try checkpoint.shared.values("residuals")
    guard coefficients.rows == rows, coefficients.columns == classes, residual.rows == rows,
      residual.columns == classes, residuals.count == classes
    else { throw CheckpointError("its solution is another problem's") }
    solution = Solution(
      coefficients: coefficients, residual: residual, relativeResiduals: residuals, iterations: iterations,
      outcome: outcome)
    preconditionerRank = rank
  }
}

extension JSON {
  fileprivate func count(_ key: String) -> Int? {
    if case .number(let literal)? = self[key] { Int(literal) } else { nil }
  }

  fileprivate func number(_ key: String) -> Double? {
    if case .number(let literal)? = self[key] { Double(literal) } else { nil }
  }
}
