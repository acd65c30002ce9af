import LinearAlgebra
import MPI

extension Training {
  /// *Collective.* What the layer may take of the memory: the same on all ranks, that of the one with least. Told to the user
  /// wherever tiles begin or cease to be made again. A layer that is gone on with keeps its plan.
  func planMemory(_ layer: Int, _ samples: Samples<T>, _ saved: LayerState<T>? = nil) throws -> MemoryPlan {
    let resident = try saved?.memory.resident ?? world.maximum(Memory.resident)
    let free = Memory.available / 10 * 9 / host.ranksOnNode
    let budget = try saved?.memory.budget ?? world.minimum(options.memory ?? (Memory.resident + free))
    memory = MemoryBasis(budget: budget, resident: resident)
    let plan = try MemoryPlan(
      workload(samples), budget: budget, resident: resident, agop: options.wantedRoute,
      wantedRank: options.wantedRank(
        samples: samples.layout.sampleCount, width: samples.rows.width, classes: samples.layout.classCount, layer: layer))
    if layer > 1 && (plan.storedShare < 1) != tilesMadeAgain { progress.message(plan.summary) }
    tilesMadeAgain = plan.storedShare < 1
    return plan
  }

  private func workload(_ samples: Samples<T>) -> Workload {
    let layout = samples.layout
    return Workload(
      samples: layout.sampleCount, rows: layout.largestShard, width: samples.rows.width,
      outputWidth: options.features == .cosine ? samples.rows.width : options.width, classes: layout.classCount,
      ranks: world.size, threads: host.threads, testRows: (samples.testCount + world.size - 1) / world.size,
      scalarBytes: MemoryLayout<T>.stride, tileRows: layout.tileRows, isDense: options.solver == .cholesky)
  }
}

extension TrainOptions {
  /// Columns of a layer's preconditioner, memory allowing; 0: none.
  func wantedRank(samples: Int, width: Int, classes: Int, layer: Int) -> Int {
    guard solver == .cg && preconditioner == .nystrom else { return 0 }
    let chosen = RidgeSolver.defaultRank(samples: samples, width: width, classes: classes, layer: layer)
    return min(preconditionerRank ?? chosen, samples)
  }

  /// The route asked for. Gaussian kernels of float32 are never left to the Gram route: their coefficients are so large that its
  /// bracket cancels (digits, cosine features: NC2 off by 2 % where the class route keeps 1e-5).
  var wantedRoute: AGOPRoute { agop == .auto && kernel == .gaussian && precision == .float32 ? .class : agop }
}
