import LinearAlgebra
import MPI
import Network
import Runtime
import Testing

/// What a network's plan counts beside what is made, and that training makes nothing but once.
@Suite(.serialized) struct NetworkMemoryTests {
  private func options(_ change: (inout NetworkOptions) -> Void) -> NetworkOptions {
    var options = NetworkOptions()
    (options.samples, options.testSamples, options.epochs, options.batch) = (90, 30, 2, 32)
    (options.depth, options.width, options.measureEvery, options.quiet) = (2, 24, 1000, true)
    change(&options)
    return options
  }

  static let cases: [@Sendable (inout NetworkOptions) -> Void] = [
    { $0.width = 200 },
    {
      $0.optimizer = .adam
      $0.loss = .crossEntropy
      $0.activation = .gelu
    },
    {
      $0.architecture = .vgg11
      $0.momentum = 0.5
      $0.measure = .convolutions
    },
    { $0.architecture = .resnet18 },
  ]

  /// Within 2 % of all matrices that a run holds: the samples apart, which others read.
  @Test(arguments: 0..<4) func planIsWhatIsMade(number: Int) throws {
    let world = try TestWorld.all
    let context = Context(world: world, host: Host(threads: 2))
    let options = options(Self.cases[number])
    let samples = try NetworkSamples<Float>(options, isNew: true, context, Progress(enabled: false, quiet: true))
    let layout = samples.shard.layout
    var form = NetworkForm(
      options.architecture, input: FeatureShape(channels: 1, height: 8, width: 8), classes: layout.classCount)
    (form.depth, form.width, form.activation) = (options.depth, options.width, options.activation)
    let rows = 32
    let memory = try NetworkMemory(options, form, layout, testRows: 0, rows: rows, threads: 2, of: Float.self)
    let made = try MatrixWatch.counting {
      let network = try form.network(rows: rows, context, of: Float.self)
      let work = NetworkWork(samples, network, .drawn(seed: 0), options, context)
      let measurement = NetworkMeasurement(
        network, layout, withConvolutions: options.measure == .convolutions, context)
      return (work, measurement)
    }
    let planned = memory.total - memory.samples - memory.measurementWork
    #expect(abs(Double(planned - made.bytes)) <= 0.02 * Double(made.bytes), "\(planned) planned, \(made.bytes) made")
  }

  /// Ranks of more threads have larger workspaces: all take as few rows as the one with the least room, or refuse together.
  @Test func rowsAreTheSameOnAllRanks() throws {
    let world = try TestWorld.all
    let context = Context(world: world, host: Host(threads: world.rank == 0 ? 1 : 6))
    let options = options(Self.cases[3])
    let layout = Layout(classCounts: [Int](repeating: 9, count: 10), ranks: world.size)
    let form = NetworkForm(.resnet18, input: FeatureShape(channels: 1, height: 8, width: 8), classes: 10)
    let (least, most) = ((32 + world.size - 1) / world.size, layout.largestShard)
    func total(_ rows: Int, threads: Int) throws -> Int {
      try NetworkMemory(options, form, layout, testRows: 0, rows: rows, threads: threads, of: Float.self).total
    }
    func rows(budget: Int) throws -> Int {
      try NetworkMemory.rows(
        options, form, layout, testRows: 0, budget: budget, resident: 0, context, of: Float.self
      ).rows
    }
    // All fit on rank 0; on another not all, but the batch does.
    let found = try rows(budget: max(total(most, threads: 1), total(least, threads: 6)))
    let (fewest, all) = (try world.minimum(found), try world.maximum(found))
    #expect(fewest == all)
    #expect(world.size == 1 ? found == most : found < most)
    // On rank 0 the batch fits, on the others it does not.
    let tight = try total(least, threads: 1)
    if world.size == 1 {
      #expect(try rows(budget: tight) == least)
    } else {
      #expect { try rows(budget: tight) } throws: { ($0 as? any RankError)?.exitStatus == 2 }
    }
  }

  /// A trained network's workspaces are for as many rows as fit: half of them, and half again, until not even one does.
  @Test func rowsOfPredictionFit() throws {
    let world = try TestWorld.all
    let context = Context(world: world, host: Host(threads: 1))
    var form = NetworkForm(.mlp, input: FeatureShape(4), classes: 10)
    (form.depth, form.width) = (3, 64)
    func rows(_ budget: Int, most: Int = 1000) throws -> Int {
      // The last rank has half of the others' memory.
      let own = world.size > 1 && world.rank == world.size - 1 ? budget / 2 : budget
      return try NetworkMemory.rowsOfPrediction(form, most: most, held: 8000, budget: own, context)
    }
    // A narrow network's rows, and a wide one's.
    let width = form.width
    let limits: [(width: Int, rows: Int)] = [(256, 1024), (512, 512), (4096, 256)]
    for limit in limits {
      form.width = limit.width
      #expect(try rows(1 << 40, most: 5000) == limit.rows)
    }
    form.width = width
    #expect(try rows(1 << 30) == 1000)
    #expect(try rows(1 << 30, most: 7) == 7)
    #expect(try rows(1 << 30, most: 0) == 1)
    let least = world.size > 1 ? 2 : 1
    var (budget, found) = (1 << 23, [Int]())
    while let next = try? rows(budget) {
      found.append(next)
      let made = try MatrixWatch.counting { try form.network(rows: next, context, of: Double.self) }
      #expect(made.bytes <= budget / least)
      budget = budget / 20 * 19
    }
    #expect(found.first == 1000 && found == found.sorted(by: >) && Set(found).count > 3)
    expectRefusal("for one row") { _ = try rows(budget) }
  }

  /// An epoch more, evaluation and all, makes no matrix more; both runs are measured twice. Without vgg11, whose AGOPs fill the disk: its
  /// layers are resnet18's, whose files take their time, so that two ranks are enough.
  @Test(arguments: [0, 1, 3]) func epochsAllocateNothing(number: Int) throws {
    let world = try TestWorld.all
    if number == 3 && world.size > 2 { return }
    let folder = try SharedFolder(world)
    func bytes(epochs: Int) throws -> Int {
      let options = options {
        Self.cases[number](&$0)
        ($0.samples, $0.testSamples, $0.epochs) = (40, 10, epochs)
        $0.output = "\(folder.path)/\(epochs)"
      }
      return try MatrixWatch.counting {
        _ = try trainNetwork(options, host: Host(surveying: world, threads: 2), world: world)
      }.bytes
    }
    let (few, many) = (try bytes(epochs: 2), try bytes(epochs: 3))
    #expect(few > 0 && many == few)
    try world.barrier()
    withExtendedLifetime(folder) {}
  }
}
