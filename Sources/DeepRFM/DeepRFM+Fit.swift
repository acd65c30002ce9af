import Datasets
import KernelMachine
import LinearAlgebra
import MPI
import Measures
import Runtime
import Solve

/// A layer's predictor on the training samples.
public struct Fit {
  public let solution: Solution
  /// `cg` or `cholesky`.
  let method: SolverMethod
  /// Columns of the preconditioner that was used; 0: none.
  let preconditionerRank: Int
  /// s of its kernel.
  let bandwidth: Double
  /// What was kept of K.
  var tiles = LayerMetrics.Tiles()
  /// Whether it is from a checkpoint, and its K gone.
  var isRestored = false
  /// How far K and Y Y^T agree, both centred; NaN where that is not defined.
  var kernelAlignment = Double.nan

  /// A's own rows, (own rows x outputs).
  public var coefficients: Matrix<Double> { solution.coefficients }
}

extension Training {
  func kernel(_ bandwidth: Double) -> Kernel { Kernel(options.kernel, bandwidth: bandwidth) }

  /// *Collective.* Solves (k(X, X) + ridge I) A = Y, from where an earlier solve was saved. Leaves K for the AGOP, where the plan keeps
  /// its tiles.
  public func fit(
    _ layer: Layer<T>, _ samples: Samples<T>, _ kept: inout KernelOperator<T>?,
    from saved: BlockConjugateGradient.State? = nil
  ) throws -> Fit {
    let matrix = try makeKernelMatrix(layer, samples)
    var fit = try solve(layer, samples, matrix, from: saved)
    fit.kernelAlignment = try phase(layer.number, .metrics) { _ in
      try kernelAlignment(of: matrix, targets(samples), stop: layer.safe?.stop)
    }
    try layer.safe?.stopHere()
    kept = try keptTiles(of: matrix, layer.plan)
    return fit
  }

  /// *Collective.* K without what its products needed, where its tiles stay for the AGOP; nil: they do not.
  /// - Parameter throughRoot: whether they are to stay beyond it, for another AGOP.
  func keptTiles(
    of matrix: KernelOperator<T>, _ plan: MemoryPlan, throughRoot: Bool = false
  ) throws -> KernelOperator<T>? {
    // Factors may have left more room than was planned for; all ranks have it, or none.
    let keeps = plan.keeps(matrix, throughRoot: throughRoot)
    let agreed: Int = try timer.measure(.communication) { try world.minimum(keeps ? 1 : 0) }
    guard agreed == 1 else { return nil }
    matrix.releaseWorkspace()
    return matrix
  }

  /// *Collective.* K. - Parameter least: the smallest ridge that it is solved with, where there are several.
  func makeKernelMatrix(
    _ layer: Layer<T>, _ samples: Samples<T>, least: Double? = nil
  ) throws -> KernelOperator<T> {
    let matrix = try phase(layer.number, .kernel) {
      try kernelMatrix(
        kernel(layer.bandwidth), samples, layer.plan, least: least, stop: layer.safe?.stop, progress: $0)
    }
    // Tiles and preconditioner are recomputed faster than they would be read.
    try layer.safe?.stopHere()
    return matrix
  }

  private func kernelMatrix(
    _ kernel: Kernel, _ samples: Samples<T>, _ plan: MemoryPlan, least: Double? = nil, stop: StopSwitch? = nil,
    progress: (Double) -> Void
  ) throws -> KernelOperator<T> {
    let weight = classWeights(samples.layout)?.max() ?? 1
    let compression = options.tileCompression(samples: samples.layout.sampleCount, weight: weight, least: least)
    return try KernelOperator(
      kernel, samples.rows,
      tileBudget: plan.tileBudget, compression: plan.compressesTiles ? compression : nil,
      stop: stop, progress: progress)
  }

  /// Y: +1 at a row's own class, -1 elsewhere; or standardised values. (own rows x outputs)
  func targets(_ samples: Samples<T>) -> Matrix<Double> {
    if let scale = samples.targets.values, let values = samples.values { return scale.standardised(values) }
    let y = Matrix<Double>(uninitialisedRows: samples.rows.rowCount, columns: samples.layout.classCount)
    y.view.fill(-1)
    for segment in samples.rows.segments { for i in segment.rows { y[i, segment.centre] = 1 } }
    return y
  }

  /// *Collective.* The AGOP divided by its largest entry; (width x width), whole on every rank. Uses K up.
  public func computeAGOP(
    _ layer: Layer<T>, _ samples: Samples<T>, _ fit: Fit, _ kept: inout KernelOperator<T>?, from saved: AGOPState? = nil
  ) throws -> AGOP<T>.Result {
    let (plan, kernel) = (layer.plan, kernel(fit.bandwidth))
    let result = try phase(layer.number, .agop) { advance in
      // A layer that is gone on with has its coefficients, but no tiles: H has to come from the same ones. Those that had no factors
      // did not stay where the plan has no room for them.
      let mayHaveKept = fit.isRestored && plan.mayKeepTiles && fit.tiles.lowRank != nil
      if kept == nil && (plan.keepsTiles || mayHaveKept) {
        let matrix = try kernelMatrix(kernel, samples, plan, stop: layer.safe?.stop) { _ in }
        try layer.safe?.stopHere()
        kept = try keptTiles(of: matrix, plan)
      }
      defer { kept = nil }
      // Ranks may differ in it: they borrow the least share of all.
      let remote = kept.map { plan.remoteBytes(beside: $0.storedBytes) } ?? 0
      let agop = AGOP(
        of: samples.rows, kernel, tiles: kept,
        memory: AGOPMemory(gradients: plan.chunkBytes, gram: plan.gramBytes, remoteTiles: remote),
        random: RandomStream(seed: options.seed, layer: layer.number, purpose: .sketch),
        tileTolerance: options.chosenTileTolerance)
      return try agop.compute(
        fit.coefficients, by: options.wantedRoute(layer: layer.number), safePoints: layer.safe?.agop(fit) ?? .none,
        from: saved, progress: advance)
    }
    try world.together { try result.requireFinite(layer: layer.number) }
    // By x of f(x R): a plain RFM's, of which a Deep RFM's is the case R = I.
    let agop = samples.first?.projection.map { result.matrix.between($0, pool) } ?? result.matrix
    let largest = agop.buffer.max() ?? 0
    // All gradients are 0 for a single sample: there is nothing to divide.
    if largest > 0 { for k in 0..<agop.count { agop.pointer[k] /= largest } }
    if let error = result.error {
      progress.message("layer \(layer.number): AGOP sketched, relative error about \(Format.percent(error))")
    }
    return AGOP<T>.Result(
      matrix: agop, route: result.route, error: result.error, compression: result.compression)
  }

  /// *Collective.* What multiplies the data before the features: the root of the AGOP, made by one rank on all of its host's cores and told
  /// to the others; or an ablation's matrix.
  /// - Parameter fit: the predictor that the AGOP is of. - Throws: `UnsoundAGOP` where it is not positive semidefinite.
  func project(_ layer: Int, _ result: AGOP<T>.Result, _ samples: Samples<T>, _ fit: Fit) throws -> Projection<T> {
    let agop = result.matrix
    guard options.projection == .agop else {
      return Projection(
        matrix: FeatureMap<T>.ablation(options.projection, width: agop.rows, seed: options.seed, layer: layer))
    }
    let found = try context.onRankZeroAlone {
      let (root, spectrum) = try Processor.with(bindingMask: host.processorsOnNode) {
        try symmetricRootAndSpectrum(agop, pool: pool, threads: host.threadsOnNode)
      }
      let rounding = AGOPRounding(
        samples: samples.layout.sampleCount, outputs: fit.coefficients.columns, width: agop.rows, precision: T.precision
      )
      // R M R sums what M's rounding left along each of d directions beside the few that R keeps.
      let allowance = samples.first?.projection == nil ? 1 : Double(agop.rows)
      try rounding.require(spectrum, of: result.route, layer: layer, allowance: allowance)
      return Projection(matrix: root.converted(to: T.self), spectrum: spectrum)
    }
    let made = found ?? Projection(matrix: Matrix<T>(uninitialisedRows: agop.rows, columns: agop.rows))
    try timer.measure(.communication) { try world.broadcast(made.matrix.buffer, from: 0) }
    return made
  }
}

extension LayerMetrics.AGOP {
  init<T>(_ result: AGOP<T>.Result) {
    self.init(route: result.route, error: result.error)
    if result.compression.share > 0 { (lowRank, lowRankError) = (result.compression.share, result.compression.error) }
  }
}

extension LayerMetrics.Tiles {
  /// *Collective.* Over all ranks.
  init<T>(of matrix: KernelOperator<T>) throws {
    let (bytes, compression) = (try matrix.bytesOfAll(), try matrix.compressionOfAll())
    stored = bytes.whole > 0 ? bytes.stored / bytes.whole : 1
    if compression.share > 0 { (lowRank, error) = (compression.share, compression.error) }
  }
}

/// What multiplies the data before the features.
struct Projection<T: Real> {
  /// R; (width x width).
  let matrix: Matrix<T>
  /// Eigenvalues of the AGOP over its largest entry, largest first; rank 0 alone, and empty for an ablation, which needs none.
  var spectrum: [Double] = []
}

extension Training {
  /// *Collective.* What is known of a layer before its features: collapse of its input, and its predictor's quality.
  public func measure(_ layer: Int, _ samples: Samples<T>, _ fit: Fit) throws -> LayerMetrics {
    try measureAndShow(layer, samples, fit).metrics
  }

  /// *Collective.* The same; which classes were taken for which, or of values some for the report: of test rows, where there are any.
  func measureAndShow(
    _ layer: Int, _ samples: Samples<T>, _ fit: Fit
  ) throws -> (metrics: LayerMetrics, confusion: LayerConfusion?, shown: ShownValues?) {
    var metrics = LayerMetrics()
    metrics.layer = layer
    metrics.inputWidth = samples.rows.width
    metrics.samples = samples.layout.sampleCount
    metrics.ranks = world.size
    let train = try Quality(
      of: trainOutputs(samples, fit), samples.trainTargets, over: samples.layout.sampleCount, world, timer)
    let (validation, test) = (
      try quality(samples.validation, samples, fit), try quality(samples.test, samples, fit)
    )
    metrics.note(train: train, validation: validation, test: test)
    metrics.bandwidth = fit.bandwidth
    metrics.kernelAlignment = fit.kernelAlignment
    let confusion = try measureClasses(samples, train, validation, test, into: &metrics)
    let shown = try shownValues(samples, train, test)
    metrics.solver.method = fit.method
    metrics.solver.iterations = fit.solution.iterations
    metrics.solver.residual = fit.solution.worstResidual
    metrics.solver.converged = fit.solution.outcome == .converged
    metrics.solver.preconditionerRank = fit.preconditionerRank
    metrics.tiles = fit.tiles
    return (metrics, confusion, shown)
  }

  /// *Collective.* Collapse of the layer's input, and which classes were taken for which; nil: values are predicted.
  private func measureClasses(
    _ samples: Samples<T>, _ train: Quality, _ validation: Quality?, _ test: Quality?, into metrics: inout LayerMetrics
  ) throws -> LayerConfusion? {
    guard samples.targets.classes != nil else { return nil }
    let scatter = try timer.measure(.communication) { try world.sum(samples.rows.scatter) }
    metrics.nc1.input = nc1(scatter: scatter, means: samples.rows.centres, layout: samples.layout)
    metrics.nc2.input = nc2(means: samples.rows.centres, layout: samples.layout)
    try measureCollapse(samples, train.outputs, test: test?.outputs, into: &metrics)
    return LayerConfusion(
      train: try Confusion(samples.labels, train.predicted, world),
      validation: try confusion(samples.validation, validation), test: try confusion(samples.test, test))
  }

  /// *Collective.* nil: classes are predicted.
  private func shownValues(_ samples: Samples<T>, _ train: Quality, _ test: Quality?) throws -> ShownValues? {
    guard let part = samples.test, let test else {
      return try ShownValues(
        train.outputs, samples.trainTargets, samples.layout.shard(of: world.rank), of: samples.layout.sampleCount,
        context)
    }
    let share = TestShard<T>.share(part.count, of: world.rank, in: world)
    return try ShownValues(test.outputs, part.known, share, of: part.count, context)
  }

  /// *Collective.* nil: there are no such samples.
  private func confusion(_ part: HeldOut<T>?, _ quality: Quality?) throws -> Confusion? {
    guard let part, let quality else { return nil }
    return try Confusion(part.labels, quality.predicted, world)
  }

  /// *Collective.* nil: there are no such samples.
  private func quality(_ part: HeldOut<T>?, _ samples: Samples<T>, _ fit: Fit) throws -> Quality? {
    guard let part else { return nil }
    return try Quality(of: outputs(at: part.rows, samples, fit), part.known, over: part.count, world, timer)
  }

  /// f(X) = K A = Y - ridge W^-1 A - residual: no product is needed. Values in their own units.
  func trainOutputs(_ samples: Samples<T>, _ fit: Fit) -> Matrix<Double> {
    let (outputs, weights) = (targets(samples), classWeights(samples.layout))
    for segment in samples.rows.segments {
      let ridge = options.ridge / (weights?[segment.centre] ?? 1)
      for k in (segment.rows.lowerBound * outputs.columns)..<(segment.rows.upperBound * outputs.columns) {
        outputs.pointer[k] -= ridge * fit.coefficients.pointer[k] + fit.solution.residual.pointer[k]
      }
    }
    return samples.inOwnUnits(outputs)
  }

  /// *Collective.* f(x) of other rows, in their order; values in their own units.
  func outputs(at points: GroupedRows<T>, _ samples: Samples<T>, _ fit: Fit) throws -> Matrix<Double> {
    let predictor = Predictor(kernel: kernel(fit.bandwidth), rows: samples.rows)
    return samples.inOwnUnits(try predictor.outputs(at: points, fit.coefficients))
  }

  /// W by class, N / (classes x the class's count); nil: all 1.
  func classWeights(_ layout: Layout) -> [Double]? {
    guard options.classWeights == .balanced else { return nil }
    let share = Double(layout.sampleCount) / Double(layout.presentClasses.count)
    return layout.classCounts.map { $0 == 0 ? 1 : share / Double($0) }
  }
}
