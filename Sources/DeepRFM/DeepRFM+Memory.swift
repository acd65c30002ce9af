import KernelMachine
import Runtime

extension Training {
  /// *Collective.* What the layer may take of the memory: the same on all ranks, that of the one with least. Told to the user
  /// wherever tiles begin or cease to be recomputed. A layer that is gone on with keeps its plan.
  public func planMemory(_ layer: Int, _ samples: Samples<T>, _ saved: LayerState<T>? = nil) throws -> MemoryPlan {
    let resident = try saved?.memory.resident ?? world.maximum(Memory.used)
    let free = Memory.available / 10 * 9 / host.ranksOnNode
    let budget = try saved?.memory.budget ?? world.minimum(options.memory ?? (Memory.used + free))
    memory = MemoryBasis(budget: budget, resident: resident)
    let plan = try MemoryPlan(
      workload(samples), budget: budget, resident: resident, agop: options.wantedRoute(layer: layer),
      wantedRank: options.wantedRank(
        samples: samples.layout.sampleCount, width: samples.rows.width, classes: samples.layout.classCount, layer: layer
      ))
    if layer > 1 && (plan.storedShare < 1) != recomputesTiles { progress.message(plan.summary) }
    recomputesTiles = plan.storedShare < 1
    return plan
  }

  /// *Collective.*
  private func workload(_ samples: Samples<T>) throws -> Workload {
    let layout = samples.layout
    let schedule = PairSchedule(rank: world.rank, ranks: world.size)
    let tileElements = try world.maximum(schedule.tileElements(layout))
    let remoteElements = try world.maximum(schedule.remoteElements(layout))
    return Workload(
      samples: layout.sampleCount, rows: layout.largestShard, width: samples.rows.width,
      outputWidth: options.features == .cosine ? samples.rows.width : options.width, classes: layout.classCount,
      ranks: world.size, threads: host.threads, testRows: (samples.testCount + world.size - 1) / world.size,
      scalarBytes: MemoryLayout<T>.stride, tileRows: layout.tileRows, tileElements: tileElements,
      remoteElements: remoteElements, isDense: options.solver == .cholesky)
  }
}

extension TrainOptions {
  /// Columns of a layer's preconditioner, memory allowing; 0: none.
  public func wantedRank(samples: Int, width: Int, classes: Int, layer: Int) -> Int {
    guard solver == .cg && preconditioner == .nystrom else { return 0 }
    let chosen = RidgeSolver.defaultRank(samples: samples, width: width, classes: classes, layer: layer)
    return min(preconditionerRank ?? chosen, samples)
  }

  /// The route asked for. In float32 `auto` takes the Gram route at a laplace kernel's first layer alone: its bracket cancels, the more so
  /// as classes collapse (docs/method.md has both routes' errors), and with the large coefficients of gaussian kernels.
  public func wantedRoute(layer: Int) -> AGOPRoute {
    let cancels = precision == .float32 && (kernel == .gaussian || layer > 1)
    return agop == .auto && cancels ? .class : agop
  }
}
