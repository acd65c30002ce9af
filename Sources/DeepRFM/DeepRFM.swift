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
  /// Rank 0's.
  private var selection: LayerSelection
  /// Groups of rows where values are predicted; nil: chosen. The numbers of a run do not depend on it but for rounding.
  var groupCount: Int?
  /// Keeps other jobs out of the run directory.
  var lock: FolderLock?

  public init(
    _ options: TrainOptions, _ host: Host, _ world: Communicator, stop: StopSwitch = StopSwitch(),
    monitor: RunMonitor? = nil
  ) {
    self.options = options
    selection = LayerSelection(options)
    self.monitor = monitor
    context = Context(world: world, host: host, stop: stop)
    progress = Progress(enabled: world.rank == 0, quiet: options.quiet)
    pace = Pace(stop: stop, interval: options.checkpointEvery)
  }

  /// *Local.* With other options, on the same ranks, threads and terminal.
  init(_ options: TrainOptions, like other: Training) {
    self.options = options
    selection = LayerSelection(options)
    (context, progress, pace, monitor) = (other.context, other.progress, other.pace, other.monitor)
  }

  func train() throws {
    let earlier = try findRun()
    let done = earlier?.finishedLayers ?? 0
    if let earlier, earlier.isFinished, earlier.layerOfLostModel == nil {
      return progress.message("the run in \(options.output ?? "") is finished")
    }
    selection = LayerSelection(options, earlier?.run?.metrics ?? [])
    var samples = try loadSamples(isNew: earlier == nil)
    // Before anything is written: a budget that is too small is bad input.
    progress.message(try planMemory(1, samples).plan.summary)
    if let warning = try host.threadWarning(world) { progress.message("warning: \(warning)") }
    let run = try earlier.map { try reopenRun($0, samples) } ?? openRun(samples)
    let checkpoints = LayerCheckpoints<T>(
      CheckpointFolder(run.directory), context, pace: pace, progress: progress, monitor: monitor)
    try replay(earlier, &samples, run)
    var (number, hasEnded) = (done, earlier?.isFinished ?? false)
    while !hasEnded {
      number += 1
      try checkpoints.stopHere()
      timer.restart()
      hasEnded = try work(on: number, &samples, run, checkpoints, resumes: number == done + 1 && earlier != nil)
    }
    tellChoice()
    progress.message("run directory: \(run.directory.path)")
  }

  /// *Collective.* One layer: X becomes the next layer's. Returns whether it was the last.
  private func work(
    on number: Int, _ samples: inout Samples<T>, _ run: RunRecorder<T>, _ checkpoints: LayerCheckpoints<T>,
    resumes: Bool
  ) throws -> Bool {
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
    let measured = try phase(number, .metrics) { _ in try measureAndShow(number, samples, fit) }
    var metrics = measured.metrics
    metrics.agop = LayerMetrics.AGOP(agop)
    let pictures = try phase(number, .metrics) { _ in try drawPictures(samples, projection, measured.shown) }
    try layer.safe?.reached(end)
    let choice = try choose(metrics)
    if choice.isSelected { try run.saveModel(samples, layer: number) }
    let map = layerMap(number, projection.matrix)
    try phase(number, .features) { _ in try apply(map, to: &samples, &metrics) }  // X <- phi(X R W^T), or U <- X R
    // Algorithm 1 ends: the rest is files.
    try run.save(
      number, agop.matrix, map, fit.coefficients, pictures, bandwidth: options.bandwidth == nil ? fit.bandwidth : nil)
    if let confusion = measured.confusion { try run.save(confusion, of: number) }
    try run.append(finished(metrics, isSelected: choice.isSelected), isSelected: choice.isSelected)
    try checkpoints.layerEnded()
    return choice.isLast
  }

  /// *Collective.* Whether the layer that was measured is the chosen one so far, and whether it is the last: rank 0 decides.
  private func choose(_ metrics: LayerMetrics) throws -> (isSelected: Bool, isLast: Bool) {
    selection.note(metrics)
    var flags = [selection.takesLatest ? 1 : 0, selection.hasEnded ? 1 : 0]
    try world.broadcast(&flags, from: 0)
    return (flags[0] == 1, flags[1] == 1)
  }

  /// What was chosen and why the run ended, in a sentence.
  private func tellChoice() {
    guard options.choice == .best || selection.isOutOfPatience, let layer = selection.layer else { return }
    let why = selection.isOutOfPatience ? "no better validation metric for \(options.patience ?? 0) layers: " : ""
    progress.message("\(why)layer \(layer) is selected")
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
