import Files
import LinearAlgebra
import MPI
import Runtime

/// What a rank's part of a network's run takes, in bytes, by item: each is told by who allocates it.
package struct NetworkMemory: Sendable {
  package private(set) var samples = 0
  private(set) var batches = 0
  /// Weights, those of the last epoch that ended well, gradients, other ranks' terms of them, and what the optimiser keeps.
  private(set) var weights = 0
  /// The layers' workspaces.
  private(set) var workspaces = 0
  private(set) var measurement = 0
  /// Of the measurement, what is there only while a layer's correlations are found, or its AGOP is written.
  package private(set) var measurementWork = 0

  /// Rows that go through a network at once when nothing is trained: narrow layers' products are faster of more rows, up to two megabytes
  /// of the widest layer.
  package static func evaluationRows<T: NetworkReal>(_ builder: NetworkBuilder<T>) -> Int {
    let widest = builder.layers.map(\.output.count).max() ?? 1
    return min(max(256, (2 << 20) / max(1, widest * MemoryLayout<T>.stride)), 1024)
  }

  package var total: Int { samples + batches + weights + workspaces + measurement }

  /// Bytes that a rank may take.
  static func budget(_ options: NetworkOptions, _ host: Host) -> Int {
    options.memory ?? Memory.used + Memory.available / 10 * 9 / host.ranksOnNode
  }

  /// *Local.* - Parameter rows: of the network's workspaces.
  package init<T: NetworkReal>(
    _ options: NetworkOptions, _ form: NetworkForm, _ layout: Layout, testRows: Int, rows: Int, threads: Int,
    of type: T.Type
  ) throws(InputError) {
    let element = MemoryLayout<T>.stride
    let features = form.input.count
    let builder: NetworkBuilder<T> = try form.build(rows: rows, threads: threads, isPlan: true)
    let parameters = builder.parameters.last?.range.upperBound ?? 0
    samples = (layout.largestShard + testRows) * features * element
    batches = BatchRows<T>.elements(layout, batch: options.batch, features: features) * element
    weights =
      parameters * element * (3 + Optimizer<T>.vectors(options.optimizer, momentum: options.momentum))
      + StepShares(builder.ranges, ranks: layout.ranks).mostArriving * element
      + 8 * 2 * (builder.statistics.last?.range.upperBound ?? 0)
    workspaces = builder.bytes + rows * form.classes * element
    let measuring = NetworkMeasurement<T>.bytes(
      builder, layout, withConvolutions: options.measure == .convolutions)
    (measurement, measurementWork) = (measuring.held + measuring.work, measuring.work)
  }

  /// *Collective.* Rows of the network's workspaces, the same on all ranks: they go through their rows in the same blocks, and a rank with
  /// more threads has larger workspaces. With them, what this rank takes. Throws `InputError` if on some rank not even the batch fits.
  package static func rows<T: NetworkReal>(
    _ options: NetworkOptions, _ form: NetworkForm, _ layout: Layout, testRows: Int, budget: Int, resident: Int,
    _ context: Context, of type: T.Type
  ) throws -> (rows: Int, memory: NetworkMemory) {
    let world = context.world
    let own = try world.together {
      try ownRows(
        options, form, layout, testRows: testRows, budget: budget, resident: resident,
        threads: context.host.threads, of: type)
    }
    let rows = try world.minimum(own)
    let memory = try NetworkMemory(
      options, form, layout, testRows: testRows, rows: rows, threads: context.host.threads, of: type)
    return (rows, memory)
  }

  /// *Local.* Of a batch's share, and for evaluation more, as far as they fit here.
  private static func ownRows<T: NetworkReal>(
    _ options: NetworkOptions, _ form: NetworkForm, _ layout: Layout, testRows: Int, budget: Int, resident: Int,
    threads: Int, of type: T.Type
  ) throws(InputError) -> Int {
    let plan = try planned(
      options, form, layout, testRows: testRows, budget: budget, resident: resident, threads: threads, of: type)
    guard plan.fits else { throw InputError(plan.memory.refusal(resident: resident, budget: budget)) }
    return plan.rows
  }

  /// *Local.* Rows of the workspaces of a rank with so many threads, the memory with them, and whether it fits: where not even the batch's
  /// share does, it is that share's. Throws `InputError` where the network cannot be of these samples.
  /// - Parameters:
  ///   - budget: bytes that a rank may take.
  ///   - resident: bytes of it that the program takes without the samples.
  package static func planned<T: NetworkReal>(
    _ options: NetworkOptions, _ form: NetworkForm, _ layout: Layout, testRows: Int, budget: Int, resident: Int,
    threads: Int, of type: T.Type
  ) throws(InputError) -> (rows: Int, memory: NetworkMemory, fits: Bool) {
    let least = BatchPlan.largestShare(of: min(options.batch, layout.sampleCount), ranks: layout.ranks)
    let narrow: NetworkBuilder<T> = try form.build(rows: 1, threads: threads, isPlan: true)
    var rows = max(least, min(narrow.blockRows(ofAtMost: evaluationRows(narrow)), max(layout.largestShard, testRows)))
    while true {
      let memory = try NetworkMemory(
        options, form, layout, testRows: testRows, rows: rows, threads: threads, of: type)
      let fits = resident + memory.total <= budget
      if fits || rows == least { return (rows, memory, fits) }
      rows = max(least, rows / 2)
    }
  }

  /// Why it does not fit.
  package func refusal(resident: Int, budget: Int) -> String {
    "the network needs \(Format.bytes(resident + total)) a rank, of which \(largest), and \(Format.bytes(budget)) are there: a smaller --batch or --width, or more ranks, need less"
  }

  /// *Collective.* Rows that go through a trained network at once, in double: as many as fit, the same on all ranks. Throws `InputError` if
  /// on some rank not even one fits.
  /// - Parameters:
  ///   - most: rows of the rank that has the most.
  ///   - held: bytes of what is made beside the network.
  ///   - budget: bytes that this rank may still take.
  package static func rowsOfPrediction(
    _ form: NetworkForm, most: Int, held: Int, budget: Int, _ context: Context
  ) throws -> Int {
    let own = try context.world.together { () throws -> Int in
      let narrow: NetworkBuilder<Double> = try form.build(rows: 1, threads: context.host.threads, isPlan: true)
      var rows = max(1, min(evaluationRows(narrow), most))
      while true {
        let builder: NetworkBuilder<Double> = try form.build(rows: rows, threads: context.host.threads, isPlan: true)
        // Values, and gradients, which are there although nobody asks for them.
        let parameters = 2 * (builder.parameters.last?.range.upperBound ?? 0)
        let numbers = parameters + (builder.statistics.last?.range.upperBound ?? 0)
        let needed = held + builder.bytes + numbers * MemoryLayout<Double>.stride
        if needed <= budget { return rows }
        guard rows > 1 else {
          throw InputError(
            "the network needs \(Format.bytes(needed)) a rank for one row at a time and its outputs, and \(Format.bytes(budget)) are there: more hosts, or fewer ranks on each, help"
          )
        }
        rows /= 2
      }
    }
    return try context.world.minimum(own)
  }

  /// What it consists of: a key for programs, a name for people, bytes.
  package var items: [(key: String, name: String, bytes: Int)] {
    [
      ("samples", "samples", samples), ("batches", "batches on their way", batches),
      ("weights", "weights and gradients", weights), ("workspaces", "the layers' workspaces", workspaces),
      ("measuring", "measuring", measurement),
    ]
  }

  private var largest: String {
    let item = items.max { $0.bytes < $1.bytes } ?? ("", "", 0)
    return "\(Format.bytes(item.bytes)) for \(item.name)"
  }

  /// For people.
  func summary(resident: Int, budget: Int) -> String {
    "memory a rank: \(Format.bytes(resident + total)) of \(Format.bytes(budget)), \(largest)"
  }
}
