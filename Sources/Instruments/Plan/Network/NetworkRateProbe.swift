import LinearAlgebra
import MPI
import Network
import Runtime

/// Takes `NetworkRates` with the very network on random rows: a few steps, an evaluation, a measurement of some rows; seconds, whatever the
/// network. Every rank works alone, all at once, with the threads that a rank of the run would have.
struct NetworkRateProbe<T: NetworkReal> {
  private let plan: NetworkRunPlan
  private let world: Communicator
  private let context: Context

  /// *Collective.*
  init(_ plan: NetworkRunPlan, host: Host, world: Communicator) throws {
    (self.plan, self.world) = (plan, world)
    context = Context(
      world: try world.split(color: world.rank, key: 0),
      host: host.with(threads: Self.threads(plan, host)))
  }

  /// As many as a rank of the run has, or the cores that are here.
  static func threads(_ plan: NetworkRunPlan, _ host: Host) -> Int {
    max(1, min(plan.threads, max(1, host.boundCores.count)))
  }

  /// Operations that a call may take of a thread: under two seconds of a slow core.
  private static var mostOperations: Double { 2e10 }

  /// The same of all threads.
  private var allowed: Double { Self.mostOperations * Double(context.pool.count) }

  /// As many rows as a call may have that takes so many operations for each.
  private func rows(_ most: Int, operations: Double) -> Int {
    max(1, min(most, Int(allowed / max(1, operations))))
  }

  /// Rows of the blocks in which the run takes so many when it evaluates or measures.
  private func block(of most: Int) -> Int { (0..<most).pieces(ofAtMost: plan.blockRows).map(\.count).max() ?? 1 }

  /// A call that measures: a block of the run's if at all possible, since fewer rows take longer for each. It may sweep back from fewer
  /// outputs, whose products are as large as any other's.
  private func measured() -> (rows: Int, outputs: Int) {
    let (forward, classes) = (2 * plan.cost.forward, plan.form.classes)
    let sweep = plan.cost.sweeps / Double(classes)
    let count = rows(block(of: plan.largestShard), operations: forward + sweep)
    let left = max(0, allowed - Double(count) * forward)
    return (count, max(1, min(classes, Int(left / max(1, Double(count) * sweep)))))
  }

  /// *Collective.* nil where the network has no room here.
  func rates() throws -> NetworkRates? {
    let steps = rows(plan.batchShare, operations: plan.cost.forward + plan.cost.backward)
    let evaluated = rows(block(of: max(plan.largestShard, plan.testShare)), operations: plan.cost.forward)
    let measured = measured()
    guard try hasRoom() else { return nil }
    // Workspaces as in the run, by which the layers cut a batch. Uniform in -1 ... 1: about as large as standardised samples.
    let probe = try world.together {
      try EpochProbe<T>(
        plan.options, plan.form, workspaceRows: plan.rows,
        rows: noise(max(steps, evaluated, measured.rows), plan.form.input.count), context)
    }
    let step = try slowest { try probe.step(rows: steps) }
    var rates = NetworkRates()
    // Threads that are not here would share the work.
    let share = Double(context.pool.count) / Double(plan.threads)
    let ratio = share * Double(plan.batchShare) / Double(steps)
    (rates.forward, rates.backward, rates.update) = (step[0] * ratio, step[1] * ratio, step[2] * share)
    rates.evaluatedRow = try slowest { [try probe.evaluate(rows: evaluated)] }[0] * share / Double(evaluated)
    let measuring = try slowest { [try probe.measure(rows: measured.rows, outputs: measured.outputs)] }[0]
    rates.measuredRow = measuring * share / Double(measured.rows)
    // Just above the order up to which a thread works alone, and below it: less than what would take long.
    rates.correlation = try correlation(probe, order: ThreadPool.largestSerialOrder * 5 / 4, context.pool) * share
    rates.smallCorrelation = try correlation(probe, order: ThreadPool.largestSerialOrder * 3 / 4, ThreadPool(count: 1))
    return rates
  }

  /// *Collective.* Seconds an operation.
  private func correlation(_ probe: EpochProbe<T>, order: Int, _ pool: ThreadPool) throws -> Double {
    try slowest { [try probe.correlate(order: order, pool)] }[0]
      / NetworkCost.correlation(units: order, inputs: order)
  }

  /// *Collective.* For the probe's own memory, on every rank.
  private func hasRoom() throws -> Bool {
    let (form, rows) = (plan.form, plan.rows)
    let layout = Layout(
      classCounts: (0..<form.classes).map { rows * ($0 + 1) / form.classes - rows * $0 / form.classes }, ranks: 1)
    let memory = try NetworkMemory(
      plan.options, form, layout, testRows: 0, rows: rows, threads: context.pool.count, of: T.self)
    return try world.minimum(memory.total <= Memory.available / 10 * 9 / max(1, context.host.ranksOnNode) ? 1 : 0) == 1
  }

  /// *Collective.* Medians of three times, the slowest rank's; a cold one before them is left out.
  private func slowest(_ take: () throws -> [Double]) throws -> [Double] {
    _ = try take()
    var rounds: [[Double]] = []
    for _ in 0..<3 {
      try world.barrier()
      rounds.append(try take())
    }
    var medians = rounds[0].indices.map { part in median(of: rounds.map { $0[part] }) }
    try world.maximum(&medians)
    return medians
  }
}
