import KernelMachine
import LinearAlgebra
import Runtime

/// What tuning takes of a layer: less than train, which writes it down.
extension Training {
  /// *Collective.* How good several predictors on one X are. The kernel between X and the samples held out is made once for them all.
  func judge(
    _ fits: [(training: Training<T>, fit: Fit)], _ layer: Layer<T>, _ samples: Samples<T>
  ) throws -> [LayerMetrics] {
    guard let first = fits.first else { return [] }
    let kernel = first.training.kernel(first.fit.bandwidth)
    let coefficients = fits.map { $0.fit.coefficients }
    func qualities(_ part: HeldOut<T>?) throws -> [Quality?] {
      guard let part else { return fits.map { _ in nil } }
      let outputs = try Predictor(kernel: kernel, rows: samples.rows).outputs(at: part.rows, coefficients)
      return try outputs.map {
        try Quality(of: samples.inOwnUnits($0), part.known, over: part.count, world, timer)
      }
    }
    let (validation, test) = (try qualities(samples.validation), try qualities(samples.test))
    return try fits.indices.map { index in
      let (training, fit) = fits[index]
      var metrics = LayerMetrics()
      metrics.layer = layer.number
      let train = try Quality(
        of: training.trainOutputs(samples, fit), samples.trainTargets, over: samples.layout.sampleCount, world, timer)
      metrics.note(train: train, validation: validation[index], test: test[index])
      return metrics
    }
  }

  /// *Collective.* A layer's predictor, without what train tells of its kernel. Leaves K as `fit` does.
  func fitAlone(
    _ layer: Layer<T>, _ samples: Samples<T>, _ kept: inout KernelOperator<T>?
  ) throws -> Fit {
    let matrix = try makeKernelMatrix(layer, samples)
    let fit = try solve(layer, samples, matrix)
    kept = try keptTiles(of: matrix, layer.plan)
    return fit
  }

  /// *Collective.* What makes the next layer's rows. Uses K up where it is given.
  func nextMap(
    _ layer: Layer<T>, _ samples: Samples<T>, _ fit: Fit, _ kept: inout KernelOperator<T>?
  ) throws -> LayerMap<T> {
    let agop = try computeAGOP(layer, samples, fit, &kept)
    let projection = try phase(layer.number, .root) { _ in try project(layer.number, agop, samples, fit) }
    return layerMap(layer.number, projection.matrix)
  }
}
