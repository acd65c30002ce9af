import Files
import LinearAlgebra
import MPI
import Runtime

/// Trains a network on the samples that the ranks hold together, measures it on the way, and writes the run directory; with --resume goes
/// on with a run that was stopped. *Collective.*
///
/// Returns `stoppedEarly` if `stop` was set on some rank, or the time limit is near: then there is a checkpoint. Throws `InputError` before
/// anything is written, `DivergenceError` where the loss is no longer finite.
@discardableResult
public func trainNetwork(
  _ options: NetworkOptions, host: Host, world: Communicator, stop: StopSwitch = StopSwitch(),
  start: Double = monotonicSeconds()
) throws -> ExitStatus {
  try NetworkOptions.table.agreeOnStart(
    options, local: ["data", "memory", "threads", "quiet", "checkpointEvery", "timeLimit"], host, world)
  let monitor = try RunMonitor(stop: stop, timeLimit: options.timeLimit, start: start, world, hostName: host.name)
  defer { monitor.end() }
  let context = Context(world: world, host: host, stop: stop)
  switch options.precision {
  case .float32: return try NetworkTraining<Float>(options, context, monitor).trainOrStop()
  case .float64: return try NetworkTraining<Double>(options, context, monitor).trainOrStop()
  }
}

/// The loss is no longer finite: exit status 1.
struct DivergenceError: RankError, Equatable {
  /// From 0.
  let epoch: Int
  /// The last epoch whose weights are finite, in a file; nil: there is none.
  let kept: String?

  var exitStatus: Int32 { ExitStatus.failed.rawValue }
  var sentence: String {
    "epoch \(epoch): the loss is not finite (a smaller --learning-rate helps)"
      + (kept.map { "; the weights of the epoch before are in \($0)" } ?? "")
  }
}

/// A network's training in precision T: `train` is the whole, the extensions beside this file are its steps.
final class NetworkTraining<T: NetworkReal> {
  let options: NetworkOptions
  let context: Context
  let progress: Progress
  let pace: Pace
  let monitor: RunMonitor?
  /// Keeps other jobs out of the run directory.
  var lock: FolderLock?
  /// Epochs that this job has done, and since when: what is left is estimated from them.
  private var pacing = (epochs: 0, since: monotonicSeconds())

  init(_ options: NetworkOptions, _ context: Context, _ monitor: RunMonitor? = nil) {
    (self.options, self.context, self.monitor) = (options, context, monitor)
    progress = Progress(enabled: context.world.rank == 0, quiet: options.quiet)
    pace = Pace(stop: context.stop, interval: options.checkpointEvery)
  }

  var world: Communicator { context.world }
  var host: Host { context.host }
  var timer: PhaseTimer { context.timer }

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

  private func train() throws {
    let earlier = try findRun()
    if earlier?.isFinished == true { return progress.message("the run in \(options.output ?? "") is finished") }
    let samples = try NetworkSamples<T>(options, isNew: earlier == nil, context, progress)
    // Before anything is written: what makes no sense together, or does not fit, is bad input.
    let work = try makeWork(samples)
    if let warning = try host.threadWarning(world) { progress.message("warning: \(warning)") }
    let run = try earlier.map { try reopenRun($0, samples) } ?? openRun(samples)
    pacing.since = monotonicSeconds()
    var place = try earlier.flatMap { try loadCheckpoint(run, work, $0) } ?? EpochPlace()
    try run.keepLines(place.epoch, world)
    while place.epoch < options.epochs {
      timer.restart()
      timer.add(place.seconds, of: Phase.ofEpoch)
      let metrics = try epoch(&place, work, run)
      try run.append(metrics, world)
      place = EpochPlace(epoch: place.epoch + 1)
      pacing.epochs += 1
      try saveIfDue(place, work, run)
    }
    if world.rank == 0 { CheckpointFolder(run.folder).clear() }
    progress.message("run directory: \(run.folder.path)")
  }

  /// *Collective.* One epoch from where it is, its evaluation, and its measurement where one is due.
  private func epoch(_ place: inout EpochPlace, _ work: NetworkWork<T>, _ run: NetworkRun) throws -> EpochMetrics {
    try descend(&place, work, run)
    var metrics = EpochMetrics()
    metrics.epoch = place.epoch
    metrics.samples = work.samples.layout.sampleCount
    metrics.ranks = world.size
    metrics.loss.train = try total(place.score).meanLoss
    guard try isFinite(metrics.loss.train, work) else { throw try diverged(place.epoch, work, run) }
    try timer.measure(.evaluate) { try evaluate(place, work, run, &metrics) }
    if options.measures(after: place.epoch) {
      let result = try timer.measure(.measure) { try measure(place, work, run) }
      (metrics.layers, metrics.convolutions) = (result.layers, result.convolutions)
      try run.saveWeights(of: place.epoch, work.network.weights, result, context)
    }
    if place.epoch == options.epochs - 1 { try run.saveModel(work.network.weights, world) }
    work.keepGood()
    var slowest = timer.values(of: Phase.ofEpoch)
    try world.maximum(&slowest)
    metrics.seconds = slowest
    metrics.peakMemoryBytes = try world.maximum(Memory.peak)
    progress.row(EpochTable.row(metrics), header: EpochTable.header)
    return metrics
  }

  /// What the progress line says of an epoch.
  func title(of epoch: Int) -> String {
    guard pacing.epochs > 0 else { return "epoch \(epoch) of \(options.epochs)" }
    let left = (monotonicSeconds() - pacing.since) / Double(pacing.epochs) * Double(options.epochs - epoch)
    return "epoch \(epoch) of \(options.epochs), \(Format.clock(left)) for the rest"
  }

  /// *Collective.* Where an epoch's numbers have gone out of the finite ones, with what was good before it in a file.
  func diverged(_ epoch: Int, _ work: NetworkWork<T>, _ run: NetworkRun) throws -> DivergenceError {
    guard epoch > 0 else { return DivergenceError(epoch: epoch, kept: nil) }
    work.restoreGood()
    let path = run.folder.path + "/" + RunFolder.weightsName(epoch - 1)
    if !options.measures(after: epoch - 1) {
      try run.saveWeights(of: epoch - 1, work.network.weights, nil, context)
    }
    return DivergenceError(epoch: epoch, kept: path)
  }
}

/// How far an epoch has come.
struct EpochPlace {
  /// From 0.
  var epoch = 0
  /// Batches that are done.
  var step = 0
  /// This rank's part of the training loss so far.
  var score = Score()
  /// What an earlier part of the epoch took, as the timer gives it.
  var seconds: [Double] = []

  init(epoch: Int = 0) { self.epoch = epoch }

  /// Whether the weights are no longer those that an epoch ended with: these are needed if this epoch does not end well.
  var hasEarlierWeights: Bool { epoch > 0 && step > 0 }
}
