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
  try TrainOptions.table.agreeOnStart(
    options, local: ["data", "memory", "threads", "quiet", "checkpointEvery", "timeLimit"], host, world)
  let monitor = try RunMonitor(stop: stop, timeLimit: options.timeLimit, start: start, world, hostName: host.name)
  defer { monitor.end() }
  switch options.precision {
  case .float32: return try Training<Float>(options, host, world, stop: stop, monitor: monitor).trainOrStop()
  case .float64: return try Training<Double>(options, host, world, stop: stop, monitor: monitor).trainOrStop()
  }
}

/// The algorithm in precision T: `train` goes from layer to layer, `work` is a layer, the extensions beside this file are its steps.
public final class Training<T: Real & TensorElement> {
  public let options: TrainOptions
  public let context: Context
  let progress: Progress
  let pace: Pace
  let monitor: RunMonitor?
  /// Whether the last layer's plan left tiles out.
  var recomputesTiles = false
  /// Keeps other jobs out of the run directory.
  var lock: FolderLock?

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
    progress.message(try planMemory(1, samples).plan.summary)
    if let warning = try host.threadWarning(world) { progress.message("warning: \(warning)") }
    let run = try earlier.map { try reopenRun($0, samples) } ?? openRun(samples)
    let checkpoints = LayerCheckpoints<T>(
      CheckpointFolder(run.directory), context, pace: pace, progress: progress, monitor: monitor)
    try replay(done, &samples, run)
    for number in (done + 1)...options.layers {
      try checkpoints.stopHere()
      timer.restart()
      try work(on: number, &samples, run, checkpoints, resumes: number == done + 1 && earlier != nil)
    }
    progress.message("run directory: \(run.directory.path)")
  }

  /// *Collective.* One layer: X becomes the next layer's.
  private func work(
    on number: Int, _ samples: inout Samples<T>, _ run: RunRecorder<T>, _ checkpoints: LayerCheckpoints<T>,
    resumes: Bool
  ) throws {
    // Algorithm 1 begins.
    try phase(number, .features) { _ in try prepare(&samples) }  // x_i <- x_i / |x_i|
    let saved = resumes ? try load(number, samples, checkpoints) : nil
    let layer = try makeLayer(number, samples, checkpoints, from: saved)
    var kernelMatrix: KernelOperator<T>?
    // A <- (K + mu I)^-1 Y
    let fit = try saved?.progress.fit ?? fit(layer, samples, &kernelMatrix, from: saved?.progress.solve)
    // M <- sum of grad f grad f^T
    let agop =
      try saved?.progress.agop
      ?? computeAGOP(layer, samples, fit, &kernelMatrix, from: saved?.progress.unfinishedAGOP)
    let end = LayerProgress<T>.differentiated(fit, agop)
    try layer.safe?.reached(end)
    let projection = try phase(number, .root) { _ in try project(number, agop, samples, fit) }  // R <- M^(1/2)
    try layer.safe?.reached(end)
    // What is measured of X, while it is there.
    var metrics = try phase(number, .metrics) { _ in try measure(number, samples, fit) }
    metrics.agop = LayerMetrics.AGOP(agop)
    let pictures = try phase(number, .metrics) { _ in try drawPictures(samples, projection) }
    try layer.safe?.reached(end)
    if number == options.layers { try run.saveModel(samples) }
    let map = layerMap(number, projection.matrix)
    try phase(number, .features) { _ in try apply(map, to: &samples, &metrics) }  // X <- phi(X R W^T), or U <- X R
    // Algorithm 1 ends: the rest is files.
    try run.save(
      number, agop.matrix, map, fit.coefficients, pictures, bandwidth: options.bandwidth == nil ? fit.bandwidth : nil)
    try run.append(finished(metrics), isLast: number == options.layers)
    try checkpoints.layerEnded()
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
