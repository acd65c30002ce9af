import LinearAlgebra
import MPI

/// Trains a Deep Recursive Feature Machine (arXiv 2402.13728, Algorithm 1) on the samples that the ranks hold together,
/// layer after layer, and writes the run directory. *Collective.*
///
/// Throws `InputError` before anything is written, `SolveError` where a layer's system was not solved.
public func train(_ options: TrainOptions, host: Host, world: Communicator) throws {
  switch options.precision {
  case .float32: try Training<Float>(options, host, world).train()
  case .float64: try Training<Double>(options, host, world).train()
  }
}

/// The algorithm in precision T: `train` is its order, the extensions beside this file its steps.
final class Training<T: Real & TensorElement> {
  let options: TrainOptions
  let host: Host
  let world: Communicator
  let team: ThreadTeam
  let timer = PhaseTimer()
  let progress: Progress
  /// Whether the last layer's plan left tiles out.
  var tilesMadeAgain = false

  init(_ options: TrainOptions, _ host: Host, _ world: Communicator) {
    self.options = options
    self.host = host
    self.world = world
    team = ThreadTeam(count: host.threads)
    progress = Progress(enabled: world.rank == 0, quiet: options.quiet)
  }

  func train() throws {
    var samples = try loadSamples()
    // Before anything is written: a budget that is too small is bad input.
    progress.message(try planMemory(1, samples).summary)
    let run = try openRun(samples)
    for layer in 1...options.layers {
      timer.restart()
      try phase(layer, .features) { _ in try normalise(&samples) }
      let plan = try planMemory(layer, samples)
      let fit = try fit(layer, samples, plan)
      let agop = try phase(layer, .agop) { try computeAGOP(layer, samples, fit, plan, advance: $0) }
      let projection = try phase(layer, .root) { _ in try project(layer, agop.matrix) }
      let map = FeatureMap<T>(
        drawing: options.features, projection: projection.matrix, width: options.width,
        scale: options.featureScale, seed: options.seed, layer: layer)
      var metrics = try phase(layer, .metrics) { _ in try measure(layer, samples, fit) }
      metrics.agop = agop.metrics
      let pictures = try phase(layer, .metrics) { _ in try drawPictures(samples, projection) }
      if layer == options.layers { try run.saveModel(samples) }
      try phase(layer, .features) { _ in try apply(map, to: &samples, &metrics) }
      try run.save(layer, agop.matrix, map, fit.coefficients, pictures)
      try run.append(finished(metrics))
    }
    progress.message("run directory: \(run.directory.path)")
  }

  /// Runs a step with its time charged to a phase and its progress shown.
  func phase<R>(
    _ layer: Int, _ phase: Phase, _ body: (_ progress: @escaping (Double) -> Void) throws -> R
  ) rethrows -> R {
    progress.begin(layer: layer, of: options.layers, phase: "\(phase)")
    defer { progress.endPhase() }
    return try timer.measure(phase) { try body { self.progress.advance(fraction: $0) } }
  }
}
