import Files
import LinearAlgebra
import MPI
import Network
import Runtime

/// *Collective.* Says what a run of `network` would take: memory by item, operations and bytes on their way by phase, seconds from a probe of
/// this machine of a few seconds. `failed` if it would not fit.
///
/// Throws `InputError` where the problem's sizes cannot be known, or the network cannot be of such samples.
public func planNetwork(_ options: NetworkPlanOptions, host: Host, world: Communicator) throws -> ExitStatus {
  switch options.network.precision {
  case .float32: try NetworkPlanner<Float>(options, host, world).run()
  case .float64: try NetworkPlanner<Double>(options, host, world).run()
  }
}

/// The steps of a network's plan in the precision of the run.
private struct NetworkPlanner<T: NetworkReal> {
  let options: NetworkPlanOptions
  let machine: PlannedMachine
  var world: Communicator { machine.world }

  init(_ options: NetworkPlanOptions, _ host: Host, _ world: Communicator) throws {
    self.options = options
    machine = try PlannedMachine(
      ranks: options.ranks, nodes: options.nodes, threads: options.network.threads, host, world)
  }

  func run() throws -> ExitStatus {
    let shape = try world.together { try NetworkShape(of: options.network) }
    let program = try machine.programBytes(T.self)
    let budget = try budget(program, shape)
    let plan = try world.together {
      try NetworkRunPlan(
        options.network, shape, ranks: machine.ranks, nodes: machine.nodes, threads: machine.threads, budget: budget,
        program: program, of: T.self)
    }
    let network = try machine.network(latency: options.latency, bandwidth: options.bandwidth)
    let rates = plan.fits ? try NetworkRateProbe<T>(plan, host: machine.host, world: world).rates() : nil
    let report = NetworkPlanReport(
      plan: plan, network: network, rates: rates, remedies: try plan.remedies(of: T.self),
      assumptions: assumptions(plan, wasProbed: rates != nil))
    if world.rank == 0 { standardOutput(options.json ? report.json.line + "\n" : report.text) }
    return plan.fits ? .done : .failed
  }

  /// *Collective.* Bytes that a rank may take: what the run itself would find free once its samples are there.
  private func budget(_ program: Int, _ shape: NetworkShape) throws -> Int {
    let held =
      (shape.layout(ranks: machine.ranks).largestShard + (shape.testSamples + machine.ranks - 1) / machine.ranks)
      * shape.features * MemoryLayout<T>.stride
    let free = try world.minimum(Memory.available) / machine.ranksOnNode
    return options.network.memory ?? (program + held + max(0, free - held) / 10 * 9)
  }

  private func assumptions(_ plan: NetworkRunPlan, wasProbed: Bool) -> [String] {
    guard plan.fits else { return [] }
    guard wasProbed else { return ["no seconds: this machine has no room to probe the network"] }
    var texts = [
      "rows and gradients are sent while there is work, as far as it lasts", "weights and AGOPs are written in no time",
    ]
    let (threads, beside) = (NetworkRateProbe<T>.threads(plan, machine.host), machine.ranksOnNode)
    if threads < plan.threads { texts.append("\(plan.threads) threads share evenly what \(threads) did here") }
    if beside > machine.host.ranksOnNode {
      texts.append("the \(beside) ranks of a node do not slow each other: under as many ranks plan would measure it")
    }
    if plan.ranks > 1, plan.nodes == 1, machine.host.ranksOnNode == 1 {
      texts.append("1 us and 3 GB/s between ranks of a node: under several ranks plan would measure it")
    }
    return texts + machine.assumptions(latency: options.latency, bandwidth: options.bandwidth)
  }
}
