import DeepRFM
import KernelMachine
import LinearAlgebra
import Runtime
import Solve

/// A run's layers with the memory that they take, and once rates are known the seconds.
public struct RunPlan: Sendable, Equatable {
  let options: TrainOptions
  let shape: ProblemShape
  let ranks: Int
  let nodes: Int
  let threads: Int
  /// Bytes a rank may take, and those that the program itself does.
  let budget: Int
  let program: Int
  /// One a layer.
  public let layers: [LayerWork]

  public init(
    _ options: TrainOptions, _ shape: ProblemShape, ranks: Int, nodes: Int, threads: Int, budget: Int, program: Int,
    iterations: Int? = nil
  ) {
    (self.options, self.shape, self.ranks, self.nodes) = (options, shape, ranks, nodes)
    (self.threads, self.budget, self.program) = (threads, budget, program)
    let (tileElements, remoteElements) = Self.tileElements(shape, ranks)
    layers = (1...options.layers).map { layer in
      let width = layer == 1 ? shape.width : options.outputWidth(of: shape.width)
      var load = Workload(
        samples: shape.samples, rows: (shape.samples + ranks - 1) / ranks, width: width,
        outputWidth: options.outputWidth(of: width), outputs: shape.outputs,
        centres: shape.centres, ranks: ranks, threads: threads,
        testRows: (shape.testSamples + shape.unknownSamples + ranks - 1) / ranks, scalarBytes: options.precision.bytes,
        tileRows: 512, tileElements: tileElements, remoteElements: remoteElements,
        isDense: options.solvesDirectly(
          samples: shape.samples, width: width, outputs: shape.outputs, layer: layer, isOneNode: nodes == 1))
      load.fallsBack = options.solver == .auto
      load.keptBytes = options.model == .rfm ? load.rowsBytes : 0
      load.choosesBandwidth = options.bandwidth == nil
      load.isWeighted = options.classWeights == .balanced
      load.compresses = options.chosenTileTolerance > 0
      load.compressesAnyhow = options.tileTolerance != nil
      load.segmentRows = min(load.tileRows, load.rows, (shape.samples + shape.centres - 1) / max(1, shape.centres))
      let rank = options.wantedRank(samples: shape.samples, width: width, outputs: shape.outputs, layer: layer)
      func plan(_ load: Workload) -> MemoryPlan {
        MemoryPlan(
          estimating: load, budget: budget, resident: program + load.sampleBytes,
          agop: options.wantedRoute(layer: layer), wantedRank: rank)
      }
      if options.solver == .auto && load.isDense && !plan(load).fitsDirectly { load.isDense = false }
      let plan = plan(load)
      return LayerWork(
        load, plan,
        iterations: load.isDense
          ? 0 : iterations ?? TypicalIterations.count(layer, options, shape.samples, rank: plan.preconditionerRank),
        nodes: nodes, testSamples: shape.testSamples, takesRoot: options.projection == .agop,
        takesTiles: plan.keepsTiles && options.keepsDigits, projectsOnly: options.model == .rfm)
    }
  }

  /// Those of the rank that has most, with classes of equal size; of many ranks those of the first, which differ little.
  private static func tileElements(_ shape: ProblemShape, _ ranks: Int) -> (own: Int, remote: Int) {
    let classes = max(1, shape.centres)
    let layout = Layout(
      classCounts: (0..<classes).map { shape.samples * ($0 + 1) / classes - shape.samples * $0 / classes }, ranks: ranks
    )
    let schedules = (0..<(ranks <= 64 ? ranks : 1)).map { PairSchedule(rank: $0, ranks: ranks) }
    return (
      schedules.map { $0.tileElements(layout) }.max() ?? 0, schedules.map { $0.remoteElements(layout) }.max() ?? 0
    )
  }

  /// The layer that takes most.
  public var largest: LayerWork { layers.max { $0.plan.peak < $1.plan.peak } ?? layers[0] }
  public var peak: Int { largest.plan.peak }
  public var fits: Bool { layers.allSatisfy { $0.plan.fits } }

  /// The same run on other ranks or with another solver, memory and nodes' sizes as they are.
  public func with(ranks: Int? = nil, solver: SolverMethod? = nil) -> RunPlan {
    var options = options
    options.solver = solver ?? options.solver
    return RunPlan(
      options, shape, ranks: ranks ?? self.ranks, nodes: ranks ?? nodes, threads: threads, budget: budget,
      program: program)
  }

  /// Why it cannot run, and what would help; nil: it can.
  public var refusal: String? {
    guard !fits else { return nil }
    let worst = largest
    let layer = (layers.firstIndex { $0.plan.peak == worst.plan.peak } ?? 0) + 1
    var sentence =
      "it does not fit: layer \(layer) needs \(Format.bytes(peak)) a rank where \(Format.bytes(budget)) is to be had"
    if worst.load.isDense {
      sentence +=
        ", \(Format.bytes(8 * shape.samples * shape.samples)) of it the kernel matrix that --solver cholesky holds whole"
    }
    return sentence
  }

  /// What would make it fit.
  public var remedies: [String] {
    guard !fits else { return [] }
    // Two megabytes more than the peak, since sizes are told in whole ones.
    var remedies = ["--memory \((peak >> 20) + 2)MiB"]
    if options.solver == .cholesky {
      let cg = with(solver: .cg)
      if cg.fits { remedies.append("--solver cg: \(Format.bytes(cg.peak))") }
      return remedies
    }
    let more = sequence(first: ranks * 2) { $0 < 1 << 16 ? $0 * 2 : nil }
    if let enough = more.first(where: { with(ranks: $0).fits }) {
      remedies.append("--ranks \(enough), each with as much: \(Format.bytes(with(ranks: enough).peak)) a rank")
    }
    return remedies
  }

  /// Different widths with what their layers do, in order.
  public var widths: [WidthToProbe] {
    layers.map(\.widthToProbe).reduce(into: []) { seen, next in
      if !seen.contains(next) { seen.append(next) }
    }
  }

  /// Bytes of kernel tiles that the ranks of a node store.
  var nodeTileBytes: Int { (layers.map { $0.plan.tileBudget }.max() ?? 0) * ranks / nodes }

  /// Seconds of each layer, by phase.
  public func seconds(_ rates: MachineRates, _ network: Network) -> [LayerMetrics.Seconds] {
    layers.map { $0.seconds(rates, network) }
  }

  /// Seconds until the first layer begins: starting, and reading every file once, which each rank does.
  var loadingSeconds: Double {
    0.3 + 6e-9 * Double((shape.samples + shape.testSamples + shape.unknownSamples) * shape.width)
  }
}

extension Precision {
  var bytes: Int { self == .float32 ? 4 : 8 }
}
