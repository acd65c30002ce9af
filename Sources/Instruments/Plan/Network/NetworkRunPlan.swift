import Files
import LinearAlgebra
import Network
import Runtime

/// A network's run: the memory that it takes, its operations and its messages.
public struct NetworkRunPlan: Sendable {
  let options: NetworkOptions
  let shape: NetworkShape
  let form: NetworkForm
  public let ranks, nodes, threads: Int
  /// Bytes a rank may take, and those that the program itself does.
  public let budget, program: Int
  /// What `network` itself would count, and the rows of its workspaces.
  package let memory: NetworkMemory
  public let rows: Int
  /// Of the blocks that it evaluates and measures, at most.
  public let blockRows: Int
  public let fits: Bool
  package let cost: NetworkCost
  package let exchange: NetworkExchange
  /// Bytes of a number.
  let element: Int

  /// Throws `InputError` where the network cannot be of these samples.
  public init<T: NetworkReal>(
    _ options: NetworkOptions, _ shape: NetworkShape, ranks: Int, nodes: Int, threads: Int, budget: Int, program: Int,
    of type: T.Type
  ) throws(InputError) {
    (self.options, self.shape, self.ranks, self.nodes) = (options, shape, ranks, nodes)
    (self.threads, self.budget, self.program) = (threads, budget, program)
    element = MemoryLayout<T>.stride
    let layout = shape.layout(ranks: ranks)
    form = try options.form(features: shape.features, shape: shape.sampleShape, classes: shape.classCounts.count)
    // Read are they all, and only then it is known whether they can be evaluated.
    let plan = try NetworkMemory.planned(
      options, form, layout, testRows: (shape.readTestSamples + ranks - 1) / ranks, budget: budget, resident: program,
      threads: threads, of: T.self)
    (rows, memory, fits) = plan
    let builder: NetworkBuilder<T> = try form.build(rows: plan.rows, threads: threads, isPlan: true)
    blockRows = builder.blockRows(ofAtMost: plan.rows)
    let withConvolutions = options.measure == .convolutions
    cost = NetworkCost(builder, withConvolutions: withConvolutions)
    exchange = NetworkExchange(builder, layout, batch: options.batch, withConvolutions: withConvolutions)
  }

  /// Of the rank that takes most.
  public var peak: Int { program + memory.total }
  public var batch: Int { min(options.batch, shape.samples) }
  /// Rows of a batch, of the training samples and of the test samples that a rank has at most.
  var batchShare: Int { share(batch) }
  var largestShard: Int { share(shape.samples) }
  var testShare: Int { share(shape.testSamples) }

  private func share(_ count: Int) -> Int { (count + ranks - 1) / ranks }

  /// A part of the run: an epoch's, but for `measure`, which is a measurement's.
  public struct Phases: Sendable, Equatable {
    public var train = 0.0
    public var exchange = 0.0
    public var evaluate = 0.0
    public var measure = 0.0

    public var total: Double { train + exchange + evaluate + measure }
  }

  /// Multiplications and additions of an epoch and of a measurement, of all ranks together.
  public var operations: Phases {
    var count = Phases()
    let (n, test) = (Double(shape.samples), Double(shape.testSamples))
    count.train = n * (cost.forward + cost.backward)
    count.evaluate = (n + test) * cost.forward
    count.measure = n * cost.measuring + cost.correlations.reduce(0, +)
    return count
  }

  /// The same of the whole run.
  public var allOperations: Phases {
    var count = operations
    count.train *= Double(options.epochs)
    count.evaluate *= Double(options.epochs)
    count.measure *= Double(options.measurements)
    return count
  }

  /// Why it cannot run, and the least memory that it can with; nil: it can.
  public var refusal: String? {
    guard !fits else { return nil }
    return "it does not fit: \(memory.refusal(resident: program, budget: budget))"
  }

  /// What would make it fit. Throws `InputError` as `init` does.
  public func remedies<T: NetworkReal>(of type: T.Type) throws(InputError) -> [String] {
    guard !fits else { return [] }
    // Two megabytes more than the peak, since sizes are told in whole ones.
    var remedies = ["--memory \((peak >> 20) + 2)MiB, the least that it can run with"]
    var more = ranks * 2
    while more < 1 << 16, more <= shape.samples {
      let other = try NetworkRunPlan(
        options, shape, ranks: more, nodes: more, threads: threads, budget: budget, program: program, of: T.self)
      if other.fits {
        remedies.append("--ranks \(more), each with as much: \(Format.bytes(other.peak)) a rank")
        break
      }
      more *= 2
    }
    return remedies
  }
}
