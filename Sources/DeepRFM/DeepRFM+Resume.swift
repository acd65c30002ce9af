import LinearAlgebra
import MPI

/// How far a layer had come when it was saved.
struct LayerState<T: Real> {
  let memory: MemoryBasis
  /// By phase, then the total: the slowest rank's.
  let seconds: [Double]
  /// At most one of the two is there: a solve that is not finished, or what came of it.
  let solve: ConjugateGradient.State?
  let fit: Fit?
  /// At most one of the two: an AGOP that is not finished, or the finished one, divided by its largest entry.
  let agop: AGOPState?
  let result: AGOPComputation<T>.Result?
}

extension Training {
  /// *Collective.* `train`, where to be stopped is no error.
  func trainOrStop() throws -> ExitStatus {
    do {
      try train()
      return .done
    } catch let stopped as StoppedEarly {
      progress.message("\(stopped.sentence): the same command with --resume goes on")
      return .stoppedEarly
    }
  }

  /// *Collective.* What was saved inside this layer, with the time it had taken.
  func load(_ layer: Int, _ samples: Samples<T>, _ checkpoints: LayerCheckpoints<T>) throws -> LayerState<T>? {
    let saved = try checkpoints.load(
      layer, memory: options.memory, classes: samples.layout.classCount, rows: samples.rows)
    if let saved { timer.add(saved.seconds) }
    return saved
  }
}

/// What a layer's memory plan was made from: on the same basis the plan is the same.
struct MemoryBasis: Equatable {
  let budget, resident: Int
}

// MARK: - Finding the run

extension Training {
  /// *Collective.* What an earlier job has left, with --resume: nil where there is nothing. Rank 0 looks and tells the others how
  /// many layers are finished.
  ///
  /// Throws `InputError` if what is there was begun with other options, or is no run.
  func findRun() throws -> Earlier? {
    guard options.resume, let output = options.output else { return nil }
    let found = try world.together { world.rank == 0 ? try EarlierRun(output) : nil }
    try world.together { try found?.checkOptions(options) }
    guard try world.broadcast(found == nil ? 0 : 1, from: 0) == 1 else { return nil }
    let finished = try world.broadcast(found?.finishedLayers ?? 0, from: 0)
    return Earlier(run: found, finishedLayers: finished)
  }

  struct Earlier {
    /// Rank 0's.
    let run: EarlierRun?
    let finishedLayers: Int
  }

  /// *Collective.* Opens an earlier run's directory again. Throws `InputError` if the data are not those that it was begun with.
  func reopenRun(_ earlier: Earlier, _ samples: Samples<T>) throws -> RunRecorder<T> {
    let directory = RunDirectory(options.output ?? "")
    let run = RunRecorder<T>(directory: directory, world: world, layout: samples.layout)
    try hold(run)
    var hasData = false
    try world.together {
      guard let found = earlier.run else { return }
      hasData = found.hasData
      if hasData { try check(samples, against: directory) }
      try found.keepFinishedLines()
      for damage in found.damages { progress.message("\(damage): it is made again") }
      tell(found)
    }
    if try world.broadcast(hasData ? 1 : 0, from: 0) == 0 { try run.saveData(samples) }
    return run
  }

  private func tell(_ found: EarlierRun) {
    let before = found.configuration
    var differences: [String] = []
    if before.ranks != world.size { differences.append("on \(world.size) ranks, begun on \(before.ranks)") }
    if before.threads != host.threads { differences.append("with \(host.threads) threads, begun with \(before.threads)") }
    if before.blasKernels != host.coreName {
      differences.append("on a processor for \(host.coreName), begun on one for \(before.blasKernels)")
    }
    if before.version != version { differences.append("by version \(version), begun by \(before.version)") }
    let different = differences.isEmpty ? "" : " (\(differences.joined(separator: "; ")): figures agree to rounding)"
    progress.message("going on after layer \(found.finishedLayers) of \(options.layers)\(different)")
  }

  /// *Local.* Sums over ranks round differently: means and scales may differ by that.
  private func check(_ samples: Samples<T>, against directory: RunDirectory) throws {
    let file = try SafetensorsFile(directory.data)
    let (order, mean, scale): ([Int], [Double], [Double]) = try (file.read("order"), file.read("mean"), file.read("scale"))
    let labels: [Int] = try file.read("labels")
    let now = samples.layout.classCounts.enumerated().flatMap { [Int](repeating: $0, count: $1) }
    func agree(_ a: [Double], _ b: [Double]) -> Bool {
      a.count == b.count && zip(a, b).allSatisfy { $0 == $1 || abs($0 - $1) <= 1e-9 * (abs($0) + abs($1)) + 1e-12 }
    }
    let standardisation = samples.standardisation
    guard order == samples.order, labels == now, agree(mean, standardisation.mean), agree(scale, standardisation.scale)
    else {
      throw InputError(
        "--resume: the data are not those that the run in \(directory.path) was begun with"
          + (options.data.map { " (--data \($0))" } ?? ""))
    }
  }

  /// *Collective.* Keeps other jobs out of the run directory.
  func hold(_ run: RunRecorder<T>) throws {
    try world.together {
      guard world.rank == 0 else { return }
      let folder = CheckpointFolder(run.directory)
      try folder.make()
      lock = try folder.hold { progress.message("waiting for another job to leave \(run.directory.path)") }
    }
  }

  /// *Collective.* Takes the samples through the layers that are finished, with the maps of their files: the input of the next, to
  /// the last bit on as many ranks.
  func replay(_ layers: Int, _ samples: inout Samples<T>, _ run: RunRecorder<T>) throws {
    guard layers > 0 else { return }
    progress.begin("going through finished layers")
    defer { progress.endPhase() }
    var ignored = LayerMetrics()
    for layer in 1...layers {
      try normalise(&samples)
      try apply(try run.map(layer, width: samples.rows.width, options.features), to: &samples, &ignored)
      progress.advance(fraction: Double(layer) / Double(layers))
    }
  }
}

extension RunRecorder {
  /// *Collective.* A finished layer's map, from its file. Throws `InputError`.
  func map(_ layer: Int, width: Int, _ features: FeatureKind) throws -> FeatureMap<T> {
    var file: SafetensorsFile?
    var outputWidth = 0
    try world.together {
      guard world.rank == 0 else { return }
      let opened = try SafetensorsFile(directory.layer(layer))
      outputWidth = try opened.tensor("weights").rows
      try opened.expect("projection", [width, width])
      try opened.expect("weights", [outputWidth, width])
      if features == .cosine { try opened.expect("phases", [outputWidth]) }
      file = opened
    }
    outputWidth = try world.broadcast(outputWidth, from: 0)
    func tensor(_ name: String, _ rows: Int, _ columns: Int) throws -> Matrix<T> {
      let matrix = Matrix<T>(uninitialisedRows: rows, columns: columns)
      try world.together { try file?.read(name, rows: 0..<file!.tensor(name).rows, into: matrix.buffer) }
      try world.broadcast(matrix.buffer, from: 0)
      return matrix
    }
    return FeatureMap(
      kind: features, projection: try tensor("projection", width, width),
      weights: try tensor("weights", outputWidth, width),
      phases: features == .cosine ? try tensor("phases", 1, outputWidth) : nil)
  }
}

// MARK: - Inside a layer

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
    _ place: LayerSafePoints<T>, _ facts: [JSON.Member], spread: [SavedTensor] = [], shared: [SavedTensor], own: [SavedTensor]
  ) throws {
    monitor?.isSaving = true
    defer { monitor?.isSaving = false }
    let began = monotonicSeconds()
    var slowest = timer.values
    try world.maximum(&slowest)
    let all = [
      JSON.Member("version", .string(version)), JSON.Member("layer", JSON(place.layer)),
      JSON.Member("samples", JSON(layout.sampleCount)), JSON.Member("threads", JSON(host.threads)),
      JSON.Member("memoryBudget", JSON(place.memory.budget)), JSON.Member("memoryResident", JSON(place.memory.resident)),
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
  func load(_ layer: Int, memory: Int?, classes: Int, rows: CentredRows<T>) throws -> LayerState<T>? {
    for path in folder.states {
      guard try world.broadcast(world.rank == 0 && File.exists(path) ? 1 : 0, from: 0) == 1 else { continue }
      do {
        if let state = try read(path, layer, memory, classes, rows) { return state }
      } catch let error as CheckpointError {
        progress.message("\(error): going on from the state before it")
      }
    }
    return nil
  }

  /// *Collective.* nil: the state is of another layer.
  private func read(
    _ path: String, _ layer: Int, _ memory: Int?, _ classes: Int, _ rows: CentredRows<T>
  ) throws -> LayerState<T>? {
    let free = try world.minimum(Memory.resident + Memory.available / host.ranksOnNode)
    var isSame = false
    let checkpoint = try CheckpointFile(path).read(world, rows: layout.shard(of: world.rank)) { facts in
      let budget = facts["memoryBudget"]
      isSame =
        facts["layer"] == JSON(layer) && facts["version"] == .string(version) && (facts.count("memoryPeak") ?? .max) <= free
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
        "layer \(layer) was saved on other ranks, with another memory plan or by another version: its last step begins again")
    }
    return try outcome.get()
  }

  /// *Local.*
  private func state(
    _ checkpoint: Checkpoint, _ isSame: Bool, _ classes: Int, _ rows: CentredRows<T>
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
      let solve = try ConjugateGradient.State(checkpoint.own, checkpoint.shared, rows: rows.rowCount, classes: classes)
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
    guard matrix.rows == rows.width, matrix.columns == rows.width else { throw CheckpointError("its AGOP has another width") }
    let result = AGOPComputation<T>.Result(matrix: matrix, route: route, error: facts.number("error"))
    return LayerState(memory: memory, seconds: seconds, solve: nil, fit: fit, agop: nil, result: result)
  }
}

/// Where a layer can be saved and stopped, from the solve to the features.
struct LayerSafePoints<T: Real & TensorElement> {
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
  var solve: SafePoints<ConjugateGradient.State> {
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
  func reached(_ fit: Fit, _ agop: AGOPComputation<T>.Result) throws {
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
