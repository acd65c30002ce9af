import Files
import KernelMachine
import LinearAlgebra
import MPI
import Runtime
import Solve

/// Writes and reads the states inside a layer. One for a run.
final class LayerCheckpoints<T: Real & TensorElement> {
  /// nil: nothing is saved inside a layer, which begins again.
  private let folder: CheckpointFolder?
  private let context: Context
  fileprivate let pace: Pace
  private let progress: Progress
  private let monitor: RunMonitor?

  init(_ folder: CheckpointFolder?, _ context: Context, pace: Pace, progress: Progress, monitor: RunMonitor?) {
    (self.folder, self.context, self.pace) = (folder, context, pace)
    (self.progress, self.monitor) = (progress, monitor)
  }

  fileprivate var world: Communicator { context.world }

  /// *Collective.* A point where nothing is lost: stops if a rank was asked to.
  func stopHere() throws {
    if try world.agree(pace.stop.isRequested ? .stop : .nothing).wish == .stop {
      throw StoppedEarly(cause: pace.stop.cause ?? .otherRank)
    }
  }

  /// *Collective.* The layer's files are written: no state of it is needed.
  func layerEnded() throws {
    if world.rank == 0 { folder?.clear() }
    pace.restart()
  }

  /// *Collective.* Writes a state inside a layer.
  fileprivate func save(_ state: LayerProgress<T>, _ place: LayerSafePoints<T>) throws {
    guard let folder else { return }
    monitor?.isSaving = true
    defer { monitor?.isSaving = false }
    let began = monotonicSeconds()
    var slowest = context.timer.values(of: Phase.ofLayer)
    try world.maximum(&slowest)
    let threads = try world.maximum(context.host.threads)
    var checkpoint = state.checkpoint
    let facts = [
      ("layer", JSON(place.layer)), ("samples", JSON(place.samples)), ("threads", JSON(threads)),
      ("memoryBudget", JSON(place.memory.budget)), ("memoryResident", JSON(place.memory.resident)),
      ("memoryPeak", JSON(place.peak)), ("oneNode", .bool(place.memory.isOneNode)), ("version", .string(version)),
      ("bandwidth", JSON(place.bandwidth)),
    ]
    for (key, value) in facts { checkpoint.facts.set(value, at: [key]) }
    checkpoint.shared.append(SavedTensor("seconds", slowest))
    let bytes = try CheckpointFile(folder.next).write(checkpoint, world)
    try world.together { if world.rank == 0 { try folder.advance() } }
    let seconds = Format.fixed(monotonicSeconds() - began, digits: 2)
    progress.message("checkpoint in layer \(place.layer): \(Format.bytes(bytes)) in \(seconds) s")
  }

  // MARK: Reading

  /// *Collective.* The newest state of this layer that is whole; nil if there is none. A state of another rank or thread count, version
  /// or memory plan gives what was finished in it.
  func load(_ layer: Int, memory: Int?, outputs: Int, rows: Rows<T>) throws -> LayerState<T>? {
    for path in folder?.states ?? [] {
      guard try world.broadcast(world.rank == 0 && InputFile.exists(path) ? 1 : 0, from: 0) == 1 else { continue }
      do {
        guard let state = try read(path, layer, memory, outputs, rows) else { continue }
        progress.message("layer \(layer) goes on \(state.progress.place)")
        return state
      } catch let error as CheckpointError {
        progress.message("\(error): going on from the state before it")
      }
    }
    return nil
  }

  /// *Collective.* nil: the state is of another layer.
  private func read(
    _ path: String, _ layer: Int, _ memory: Int?, _ outputs: Int, _ rows: Rows<T>
  ) throws -> LayerState<T>? {
    let free = try world.minimum(Memory.used + Memory.available / context.host.ranksOnNode)
    let threads = try world.maximum(context.host.threads)
    var isSame = false
    let checkpoint = try CheckpointFile(path).read(world, rows: rows.layout.shard(of: world.rank)) { facts in
      let budget = facts["memoryBudget"]
      isSame =
        facts["layer"] == JSON(layer) && facts["version"] == .string(version) && facts["threads"] == JSON(threads)
        && (facts.count("memoryPeak") ?? .max) <= free
        && (memory == nil || budget == memory.map { JSON($0) }) && facts["oneNode"] != nil
      return isSame
    }
    let facts = checkpoint.facts
    guard facts["layer"] == JSON(layer), facts["samples"] == JSON(rows.layout.sampleCount) else { return nil }
    isSame = isSame && facts["ranks"] == JSON(world.size)
    // A rank that cannot use its part must not go on alone.
    let outcome = Result { try state(checkpoint, isSame, outputs, rows) }
    var failed = 0
    if case .failure = outcome { failed = 1 }
    if try world.maximum(failed) > 0 {
      if case .failure(let error) = outcome { throw CheckpointError("\(path): \(error)") }
      throw CheckpointError("\(path): another rank cannot use it")
    }
    if !isSame {
      progress.message(
        "layer \(layer) was saved on other ranks or threads, with another memory plan or by another version: its last step begins again"
      )
    }
    return try outcome.get()
  }

  /// *Local.*
  private func state(
    _ checkpoint: Checkpoint, _ isSame: Bool, _ outputs: Int, _ rows: Rows<T>
  ) throws -> LayerState<T>? {
    let facts = checkpoint.facts
    guard let budget = facts.count("memoryBudget"), let resident = facts.count("memoryResident"),
      let bandwidth = facts.number("bandwidth"), bandwidth > 0
    else {
      throw CheckpointError("its facts are not all there")
    }
    let progress = try LayerProgress<T>(
      checkpoint, isSame: isSame, rows: rows.rowCount, width: rows.width, outputs: outputs)
    let basis = MemoryBasis(budget: budget, resident: resident, isOneNode: facts["oneNode"] == .bool(true))
    let memory = isSame ? basis : nil
    let seconds = try checkpoint.shared.values("seconds")
    return progress.map { LayerState(memory: memory, bandwidth: bandwidth, seconds: seconds, progress: $0) }
  }
}

/// Where a layer can be saved and stopped, from the solve to the features.
struct LayerSafePoints<T: Real & TensorElement> {
  let checkpoints: LayerCheckpoints<T>
  let layer, samples: Int
  let memory: MemoryBasis
  /// Bytes of a rank that the memory plan counts on.
  let peak: Int
  /// s of the layer's kernel.
  let bandwidth: Double

  private func points<State>(_ progress: @escaping (State) -> LayerProgress<T>) -> SafePoints<State> {
    SafePoints(pace: checkpoints.pace) { try checkpoints.save(progress($0), self) }
  }

  /// Set on this rank, whatever the others have.
  var stop: StopSwitch { checkpoints.pace.stop }

  /// *Collective.* A point where there is nothing to save: stops if a rank was asked to.
  func stopHere() throws { try checkpoints.stopHere() }

  /// Of the solve.
  var solve: SafePoints<BlockConjugateGradient.State> { points { .solving($0) } }

  /// Of the AGOP of what the solve gave.
  func agop(_ fit: Fit) -> SafePoints<AGOPState> { points { .differentiating(fit, $0) } }

  /// *Collective.* A safe point between two steps after the AGOP.
  func reached(_ progress: LayerProgress<T>) throws {
    let wish = try checkpoints.world.agree(checkpoints.pace.wish).wish
    try points { (_: Void) in progress }.reached(wish, ())
  }
}
