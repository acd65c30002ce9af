import DeepRFM
import Files
import LinearAlgebra
import MPI
import Runtime

/// *Collective.* Says what a run of `train` would take: memory by item, operations, seconds from a probe of this machine of a few
/// seconds. `failed` if it would not fit.
///
/// Throws `InputError` where the problem's sizes cannot be known.
public func plan(_ options: PlanOptions, host: Host, world: Communicator) throws -> ExitStatus {
  switch options.train.precision {
  case .float32: try Planner<Float>(options, host, world).run()
  case .float64: try Planner<Double>(options, host, world).run()
  }
}

/// The steps of a plan in the precision of the run.
private struct Planner<T: Real & TensorElement> {
  let options: PlanOptions
  let machine: PlannedMachine
  var host: Host { machine.host }
  var world: Communicator { machine.world }
  var ranks: Int { machine.ranks }
  var nodes: Int { machine.nodes }
  var threads: Int { machine.threads }

  init(_ options: PlanOptions, _ host: Host, _ world: Communicator) throws {
    self.options = options
    machine = try PlannedMachine(
      ranks: options.ranks, nodes: options.nodes, threads: options.train.threads, host, world)
  }

  func run() throws -> ExitStatus {
    if let kind = options.scaling, let path = options.calibration { return try scale(kind, from: RunFolder(path)) }
    return try plan()
  }

  /// *Local, one rank.* Extends what a run's last layer took to more ranks, and what its first took, where that is another.
  private func scale(_ kind: ScalingKind, from run: RunFolder) throws -> ExitStatus {
    let configuration = try run.readConfiguration()
    let all = try run.readMetrics()
    guard let last = all.last else { throw InputError("\(run.metrics) has no whole layer") }
    let measured = all.count > 1 ? [last, all[0]] : [last]
    let (ranks, threads) = (configuration.ranks, configuration.threads)
    let perNode = options.ranksPerNode ?? max(1, host.boundCores.count / threads)
    let shape = try ProblemShape(of: configuration.options, opensFiles: false)
    let bases = measured.map {
      RunPlan(
        configuration.options, shape, ranks: ranks, nodes: (ranks + perNode - 1) / perNode,
        threads: threads, budget: configuration.options.memory ?? .max / 2, program: 0,
        iterations: $0.solver.iterations)
    }
    let base = bases[0]
    guard last.layer <= base.layers.count else {
      throw InputError("\(run.metrics) has more layers than its options")
    }
    func rates(_ beside: Int) throws -> MachineRates {
      let probe = try RateProbe<T>(
        configuration.options, base.shape, host: host, world: world, threads: threads, standsFor: beside)
      let widths = measured.map { base.layers[$0.layer - 1].widthToProbe }
      return try probe.rates(
        widths.count == 2 && widths[0] == widths[1] ? [widths[0]] : widths,
        tileBytes: base.nodeTileBytes * beside / perNode)
    }
    // Both in turn, so that a change of the machine's mood meets them both.
    let rounds = try (0..<5).map { _ in
      let alone = try rates(min(ranks, perNode))
      return (alone: alone, full: perNode > ranks ? try rates(perNode) : alone)
    }
    let (alone, full) = (MachineRates(medianOf: rounds.map(\.alone)), MachineRates(medianOf: rounds.map(\.full)))
    let network = try machine.network(latency: options.latency, bandwidth: options.bandwidth)
    let models = zip(measured, bases).map { measured, base in
      let model = ScalingModel(
        kind, base: base, layer: measured.layer, measured: measured, ranksPerNode: perNode, alone: alone, full: full,
        network: network)
      return (model: model, points: model.points(upTo: max(ranks, options.ranks ?? 1024)))
    }
    let report = ScalingReport(
      model: models[0].model, points: models[0].points, first: models.count > 1 ? models[1] : nil)
    standardOutput(options.json ? report.json.line + "\n" : report.text)
    return .done
  }

  private func plan() throws -> ExitStatus {
    let shape = try world.together { try ProblemShape(of: options.train) }
    let program = try machine.programBytes(T.self)
    let free = try world.minimum(Memory.available) / 10 * 9 / machine.ranksOnNode
    let samples = RunPlan(
      options.train, shape, ranks: ranks, nodes: nodes, threads: threads, budget: .max / 2, program: program
    ).layers[0].load.sampleBytes
    let run = RunPlan(
      options.train, shape, ranks: ranks, nodes: nodes, threads: threads,
      budget: options.train.memory ?? (program + samples + free), program: program, iterations: options.iterations)
    let network = try machine.network(latency: options.latency, bandwidth: options.bandwidth)
    var seconds: [LayerMetrics.Seconds] = []
    if run.fits {
      let probe = try RateProbe<T>(
        options.train, shape, host: host, world: world, threads: threads,
        standsFor: max(1, machine.ranksOnNode / max(1, host.ranksOnNode)))
      seconds = run.seconds(try probe.rates(run.widths, tileBytes: run.nodeTileBytes), network)
    }
    let grid = try options.tuning.map { try TuneGrid($0) }
    let report = PlanReport(
      grid: grid, plan: run, network: network, seconds: seconds, assumptions: assumptions(run))
    if world.rank == 0 { standardOutput(options.json ? report.json.line + "\n" : report.text) }
    return run.fits ? .done : .failed
  }

  private func assumptions(_ run: RunPlan) -> [String] {
    var texts: [String] = []
    if options.train.solver != .cholesky && options.iterations == nil {
      texts.append("iterations that are typical at this depth, tolerance \(options.train.tolerance) (--iterations)")
    }
    return texts + machine.assumptions(latency: options.latency, bandwidth: options.bandwidth)
  }
}
