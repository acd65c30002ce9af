import KernelMachine
import Runtime

extension Training {
  /// *Collective.* A layer with its memory plan and its safe points; one that is gone on with as it was saved keeps its plan. Told
  /// to the user wherever tiles begin or cease to be recomputed.
  func makeLayer(
    _ number: Int, _ samples: Samples<T>, _ checkpoints: LayerCheckpoints<T>? = nil, from saved: LayerState<T>? = nil
  ) throws -> Layer<T> {
    let (plan, memory) = try planMemory(number, samples, saved?.memory)
    if number > 1 && (plan.storedShare < 1) != recomputesTiles { progress.message(plan.summary) }
    recomputesTiles = plan.storedShare < 1
    if number == 1 && options.solver == .auto && plan.solvesDirectly {
      progress.message("K is factored whole, which costs less here than conjugate gradient (--solver cg)")
    }
    let bandwidth = try saved?.bandwidth ?? options.bandwidth ?? chosenBandwidth(number, samples)
    let safe = checkpoints.map {
      LayerSafePoints(
        checkpoints: $0, layer: number, samples: samples.layout.sampleCount, memory: memory, peak: plan.peak,
        bandwidth: bandwidth)
    }
    return Layer(number: number, plan: plan, bandwidth: bandwidth, safe: safe)
  }

  /// *Collective.* A layer without safe points: for checks and benches.
  public func layer(_ number: Int, _ samples: Samples<T>) throws -> Layer<T> { try makeLayer(number, samples) }

  /// *Collective.* What the layer may take of the memory, and from what that follows: the same on all ranks, that of the one with least.
  func planMemory(
    _ number: Int, _ samples: Samples<T>, _ basis: MemoryBasis? = nil
  ) throws -> (plan: MemoryPlan, memory: MemoryBasis) {
    let free = Memory.available / 10 * 9 / host.ranksOnNode
    let memory =
      try basis
      ?? MemoryBasis(
        budget: world.minimum(options.memory ?? (Memory.used + free)), resident: world.maximum(Memory.used),
        isOneNode: host.ranksOnNode == world.size)
    let layout = samples.layout
    var load = try workload(samples)
    if options.model == .rfm && samples.first?.projection == nil { load.keptBytes = load.rowsBytes }
    load.choosesBandwidth = options.bandwidth == nil
    load.isWeighted = options.classWeights == .balanced
    let (rows, width, outputs) = (layout.sampleCount, samples.rows.width, samples.targets.outputs)
    let rank = options.wantedRank(samples: rows, width: width, outputs: outputs, layer: number)
    let route = options.wantedRoute(layer: number)
    load.isDense = options.solvesDirectly(
      samples: rows, width: width, outputs: outputs, layer: number, isOneNode: memory.isOneNode)
    load.fallsBack = options.solver == .auto
    if load.isDense && options.solver == .auto {
      let plan = MemoryPlan(
        estimating: load, budget: memory.budget, resident: memory.resident, agop: route, wantedRank: rank)
      if plan.fitsDirectly { return (plan, memory) }
      load.isDense = false
    }
    let plan = try MemoryPlan(
      load, budget: memory.budget, resident: memory.resident, agop: route, wantedRank: rank)
    return (plan, memory)
  }

  /// *Collective.*
  private func workload(_ samples: Samples<T>) throws -> Workload {
    var load = try Workload(
      samples.rows, outputWidth: options.outputWidth(of: samples.rows.width), outputs: samples.targets.outputs,
      testRows: samples.heldOutRows(ranks: world.size))
    load.compresses = options.chosenTileTolerance > 0
    load.compressesAnyhow = options.tileTolerance != nil
    return load
  }
}

extension Workload {
  /// *Collective.* That of a layer of these rows. - Parameter testRows: of the largest share.
  public init<T: Real>(_ rows: Rows<T>, outputWidth: Int, outputs: Int, testRows: Int = 0) throws {
    let (layout, world) = (rows.layout, rows.context.world)
    let schedule = PairSchedule(rank: world.rank, ranks: world.size)
    let tileElements = try world.maximum(schedule.tileElements(layout))
    let remoteElements = try world.maximum(schedule.remoteElements(layout))
    // A plan that depends on a rank's own threads would be another on each.
    let threads = try world.maximum(rows.context.host.threads)
    self.init(
      samples: layout.sampleCount, rows: layout.largestShard, width: rows.width, outputWidth: outputWidth,
      outputs: outputs, centres: layout.classCount, ranks: world.size, threads: threads,
      testRows: testRows, scalarBytes: MemoryLayout<T>.stride, tileRows: layout.tileRows, tileElements: tileElements,
      remoteElements: remoteElements)
    segmentRows = layout.largestSegment
  }
}

extension TrainOptions {
  /// Whether the AGOP's weights can be expected to come from the kernel's tiles: rows are of unit norm, whose median distance is above 1.
  public var keepsDigits: Bool {
    normalise == .rows && Kernel(kernel, bandwidth: bandwidth ?? 1).keepsDigits(norm: 1)
  }

  /// Relative error of weights between two classes as thin factors; 0: none. Chosen to keep the AGOP to 1e-4 of the dense one, from
  /// what 1e-3 does to MNIST and CIFAR-10 (docs/method.md).
  public var chosenTileTolerance: Double { tileTolerance ?? 3e-4 }

  /// When tiles become thin factors, where the memory plan lets them; nil: never.
  /// - Parameters:
  ///   - weight: the largest of the ridge system's W.
  ///   - least: the smallest ridge that K is solved with, where there are several.
  func tileCompression(samples: Int, weight: Double, least: Double? = nil) -> TileCompression? {
    guard chosenTileTolerance > 0 else { return nil }
    return TileCompression(tolerance: chosenTileTolerance, ridge: (least ?? ridge) / max(1, weight), samples: samples)
  }

  /// Width of the next layer's rows.
  public func outputWidth(of width: Int) -> Int { model == .rfm || features == .cosine ? width : self.width }

  /// Whether K is to be factored whole, memory allowing: by one rank on the cores of all, where these are of one node.
  public func solvesDirectly(samples: Int, width: Int, outputs: Int, layer: Int, isOneNode: Bool) -> Bool {
    guard solver == .auto else { return solver == .cholesky }
    // Cholesky finds a K that is positive semidefinite to rounding, N^2 ulps of entries up to 1, not definite.
    let rounding = 4 * Double(samples) * Double(samples) * Double.ulpOfOne
    guard isOneNode, ridge > rounding else { return false }
    let rank = wantedRank(samples: samples, width: width, outputs: outputs, layer: layer)
    return RidgeSolver.isCheaperDirectly(samples: samples, width: width, outputs: outputs, rank: rank)
  }

  /// Columns of a layer's preconditioner, memory allowing; 0: none.
  public func wantedRank(samples: Int, width: Int, outputs: Int, layer: Int) -> Int {
    guard solver != .cholesky && preconditioner == .nystrom else { return 0 }
    let chosen = RidgeSolver.defaultRank(samples: samples, width: width, outputs: outputs, layer: layer)
    return min(preconditionerRank ?? chosen, samples)
  }

  /// The route asked for. In float32 `auto` takes the Gram route at a laplace kernel's first layer alone: its bracket cancels, the more so
  /// as classes collapse (docs/method.md has both routes' errors), and with the large coefficients of gaussian kernels.
  public func wantedRoute(layer: Int) -> AGOPRoute {
    let cancels = precision == .float32 && (kernel == .gaussian || layer > 1)
    return agop == .auto && cancels ? .class : agop
  }
}
