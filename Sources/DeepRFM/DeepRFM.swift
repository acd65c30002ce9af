import Files
import KernelMachine
import LinearAlgebra
import MPI
import Runtime

/// Trains a Deep Recursive Feature Machine (arXiv 2402.13728, Algorithm 1) on the samples that the ranks hold together,
/// layer after layer, and writes the run directory; with --resume goes on with a run that was stopped. *Collective.*
///
/// Returns `stoppedEarly` if `stop` was set on some rank, or the time limit is near: then there is a checkpoint. Throws
/// `InputError` before anything is written, `SolveError` where a layer's system was not solved.
@discardableResult
public func train(
  _ options: TrainOptions, host: Host, world: Communicator, stop: StopSwitch = StopSwitch(),
  start: Double = monotonicSeconds()
) throws -> ExitStatus {
  try agreeOnStart(options, host, world)
  let monitor = try RunMonitor(stop: stop, timeLimit: options.timeLimit, start: start, world, hostName: host.name)
  defer { monitor.end() }
  switch options.precision {
  case .float32: return try Training<Float>(options, host, world, stop: stop, monitor: monitor).trainOrStop()
  case .float64: return try Training<Double>(options, host, world, stop: stop, monitor: monitor).trainOrStop()
  }
}

/// The algorithm in precision T: `train` is its order, the extensions beside this file its steps.
public final class Training<T: Real & TensorElement> {
  public let options: TrainOptions
  public let context: Context
  let progress: Progress
  let pace: Pace
  let monitor: RunMonitor?
  /// Whether the last layer's plan left tiles out.
  var recomputesTiles = false
  /// K between the layer's solve and its AGOP, where the plan keeps its tiles.
  var keptMatrix: KernelOperator<T>?
  /// Keeps other jobs out of the run directory.
  var lock: FolderLock?
  /// What the layer's memory plan was made from.
  var memory = MemoryBasis(budget: 0, resident: 0)

  public init(
    _ options: TrainOptions, _ host: Host, _ world: Communicator, stop: StopSwitch = StopSwitch(),
    monitor: RunMonitor? = nil
  ) {
    self.options = options
    self.monitor = monitor
    context = Context(world: world, host: host, stop: stop)
    progress = Progress(enabled: world.rank == 0, quiet: options.quiet)
    pace = Pace(stop: stop, interval: options.checkpointEvery)
  }

  func train() throws {
    let earlier = try findRun()
    let done = earlier?.finishedLayers ?? 0
    if done == options.layers { return progress.message("the run in \(options.output ?? "") is finished") }
    var samples = try loadSamples(isNew: earlier == nil)
    // Before anything is written: a budget that is too small is bad input.
    progress.message(try planMemory(1, samples, nil).summary)
    if let warning = try host.threadWarning(world) { progress.message("warning: \(warning)") }
    let run = try earlier.map { try reopenRun($0, samples) } ?? openRun(samples)
    let checkpoints = LayerCheckpoints(run, self)
    try replay(done, &samples, run)
    for layer in (done + 1)...options.layers {
      try checkpoints.stopHere()
      timer.restart()
      try phase(layer, .features) { _ in try normalise(&samples) }
      let saved = layer == done + 1 && earlier != nil ? try load(layer, samples, checkpoints) : nil
      let plan = try planMemory(layer, samples, saved)
      let safe = checkpoints.place(layer, memory, plan)
      let fit = try saved?.fit ?? fit(layer, samples, plan, safe, saved?.solve)
      let agop =
        try saved?.result
        ?? phase(layer, .agop) { try computeAGOP(layer, samples, fit, plan, safe, saved?.agop, advance: $0) }
      try safe.reached(fit, agop)
      let projection = try phase(layer, .root) { _ in try project(layer, agop.matrix) }
      let map = FeatureMap<T>(
        drawing: options.features, projection: projection.matrix, width: options.width,
        scale: options.featureScale, seed: options.seed, layer: layer)
      try safe.reached(fit, agop)
      var metrics = try phase(layer, .metrics) { _ in try measure(layer, samples, fit) }
      metrics.agop = LayerMetrics.AGOP(agop)
      let pictures = try phase(layer, .metrics) { _ in try drawPictures(samples, projection) }
      try safe.reached(fit, agop)
      if layer == options.layers { try run.saveModel(samples) }
      try phase(layer, .features) { _ in try apply(map, to: &samples, &metrics) }
      try run.save(layer, agop.matrix, map, fit.coefficients, pictures)
      try run.append(finished(metrics), isLast: layer == options.layers)
      try checkpoints.layerEnded()
    }
    progress.message("run directory: \(run.directory.path)")
  }

  var host: Host { context.host }
  var world: Communicator { context.world }
  var pool: ThreadPool { context.pool }
  var timer: PhaseTimer { context.timer }

  /// Runs a step with its time charged to a phase and its progress shown.
  func phase<R>(
    _ layer: Int, _ phase: Phase, _ body: (_ progress: @escaping (Double) -> Void) throws -> R
  ) rethrows -> R {
    progress.begin("layer \(layer)/\(options.layers)  \(phase.name)")
    defer { progress.endPhase() }
    do {
      return try timer.measure(phase) { try body { self.progress.advance(fraction: $0) } }
    } catch let error as FactorizationError {
      throw SolveError(sentence: "layer \(layer), \(phase.name): \(error)\(error.mend)")
    }
  }
}
