import LinearAlgebra
import MPI
import Network
import Runtime
import Testing

/// Steps that the ranks share, beside the plain way: gradients summed, and the whole step made by everybody. All numbers of SGD are small
/// multiples of powers of two, so that its sums and steps are exact.
@Suite(.serialized) struct SharedStepTests {
  enum Rule: CaseIterable, Sendable {
    case plain, momentum, adam

    func optimizer(count: Int) -> Optimizer<Double> {
      switch self {
      case .plain: Optimizer(.sgd, learningRate: 0.125, momentum: 0, decay: 0, count: count)
      case .momentum: Optimizer(.sgd, learningRate: 0.125, momentum: 0.5, decay: 0.25, count: count)
      case .adam: Optimizer(.adam, learningRate: 0.125, momentum: 0, decay: 0.25, count: count)
      }
    }
  }

  /// Layers of one element, of fewer than there are ranks, and of several shares.
  static let layers = [1, 300, 64, 3, 200, 1]

  /// A rank's gradient in a step.
  static func gradient(_ k: Int, rank: Int, step: Int) -> Double { Double((5 * k + 3 * rank + 2 * step) % 9 - 4) }

  static func weights(_ layers: [Int]) -> NetworkWeights<Double> {
    var builder = NetworkBuilder<Double>(rows: 1, threads: 1)
    for (number, count) in layers.enumerated() { _ = builder.parameter("w\(number)", [1, count], .constant(0)) }
    let weights = NetworkWeights<Double>(builder.parameters, builder.statistics)
    for k in 0..<weights.count { weights.values.pointer[k] = Double(k % 7 - 3) }
    return weights
  }

  /// Parameters whose steps some ranks share.
  final class Shared {
    let world: Communicator
    let weights: NetworkWeights<Double>
    let optimizer: Optimizer<Double>
    let step: SharedStep<Double>

    init(
      _ world: Communicator, _ rule: Rule, layers: [Int] = SharedStepTests.layers, atLeast least: Int = 1
    ) {
      self.world = world
      weights = SharedStepTests.weights(layers)
      optimizer = rule.optimizer(count: weights.count)
      let shares = StepShares(weights.parameters.map(\.range), ranks: world.size, atLeast: least)
      let context = Context(world: world, host: Host(threads: TestWorld.threads(of: world)))
      step = SharedStep(weights, shares, optimizer, context)
    }

    /// *Collective.* Hands the gradients over as the backward pass does.
    /// - Parameter ranks: of so many ranks the sum, in place of this rank's own.
    func begin(_ number: Int, ranks: Int? = nil, wish: Wish = .nothing) throws {
      let terms: Range<Int> = ranks.map { 0..<$0 } ?? world.rank..<(world.rank + 1)
      try step.begin(wish)
      for parameter in weights.parameters.reversed() {
        for k in parameter.range {
          var sum = 0.0
          for rank in terms { sum += SharedStepTests.gradient(k, rank: rank, step: number) }
          weights.gradients.pointer[k] = sum
        }
        try step.add(parameter.range)
      }
    }

    @discardableResult func take(_ number: Int, ranks: Int? = nil, wish: Wish = .nothing) throws -> Wish {
      try begin(number, ranks: ranks, wish: wish)
      return try step.finish()
    }
  }

  /// *Collective.* The plain way.
  private func reference(
    _ world: Communicator, _ rule: Rule, layers: [Int], steps: Int
  ) throws -> (values: [Double], optimizer: Optimizer<Double>) {
    let weights = Self.weights(layers)
    let (optimizer, pool) = (rule.optimizer(count: weights.count), ThreadPool(count: 1))
    for number in 0..<steps {
      for k in 0..<weights.count {
        weights.gradients.pointer[k] = Self.gradient(k, rank: world.rank, step: number)
      }
      try world.sum(weights.gradients.buffer)
      optimizer.beginStep()
      optimizer.step(weights, 0..<weights.count, pool)
    }
    return (weights.values.values, optimizer)
  }

  /// Exactly, but for Adam: compiled loops may round their last elements otherwise, a dozen times a step.
  private func expectEqual(_ found: [Double], _ expected: [Double], _ rule: Rule) {
    let bound = rule == .adam ? 100 * Double.ulpOfOne : 0
    #expect(found.count == expected.count)
    #expect(zip(found, expected).allSatisfy { abs($0 - $1) <= bound * max(1, abs($1)) })
  }

  @Test(arguments: Rule.allCases, [1, 150, StepShares.leastPart])
  func stepsAreThoseOfSums(rule: Rule, least: Int) throws {
    let world = try TestWorld.all
    let shared = Shared(world, rule, atLeast: least)
    for number in 0..<3 { try shared.take(number) }
    let expected = try reference(world, rule, layers: Self.layers, steps: 3)
    expectEqual(shared.weights.values.values, expected.values, rule)
    #expect(shared.optimizer.steps == 3)
    // And the same bits on all ranks.
    var first = shared.weights.values.values
    try world.broadcast(&first, from: 0)
    #expect(shared.weights.values.values == first)
  }

  /// Parts as of a real network, whose messages MPI sends in another way than short ones.
  @Test func longParts() throws {
    let world = try TestWorld.all
    let layers = [70_000, 1, 66_000]
    let shared = Shared(world, .momentum, layers: layers, atLeast: StepShares.leastPart)
    for number in 0..<2 { try shared.take(number) }
    let expected = try reference(world, .momentum, layers: layers, steps: 2).values
    expectEqual(shared.weights.values.values, expected, .momentum)
  }

  /// The largest of the ranks' wishes, on all of them, of each step anew.
  @Test func wishesReachAll() throws {
    let world = try TestWorld.all
    let shared = Shared(world, .plain)
    let last = world.size - 1
    #expect(try shared.take(0) == .nothing)
    #expect(try shared.take(1, wish: world.rank == last ? .stop : .nothing) == .stop)
    #expect(try shared.take(2, wish: world.rank == 0 ? .checkpoint : .nothing) == .checkpoint)
    #expect(try shared.take(3, wish: .checkpoint) == .checkpoint)
    #expect(try shared.take(4, wish: world.rank == 0 ? .stop : .checkpoint) == .stop)
    #expect(try shared.take(5) == .nothing)
  }

  /// What the optimiser keeps, gathered: the plain way's on every rank; as many ranks go on from it with the same bits, and one with the
  /// same numbers.
  @Test(arguments: [Rule.momentum, .adam]) func goesOnFromWhatWasGathered(rule: Rule) throws {
    let world = try TestWorld.all
    let whole = Shared(world, rule)
    for number in 0..<2 { try whole.take(number) }
    try whole.step.gatherMemory()
    let expected = try reference(world, rule, layers: Self.layers, steps: 2)
    for (found, wanted) in zip(whole.optimizer.saved, expected.optimizer.saved) {
      expectEqual(try [found].values(found.name), try [wanted].values(wanted.name), rule)
    }
    func goneOn(_ ranks: Communicator, sum: Int?) throws -> [Double] {
      let shared = Shared(ranks, rule)
      shared.weights.values.pointer.update(from: whole.weights.values.pointer, count: whole.weights.count)
      try shared.optimizer.restore(whole.optimizer.saved, steps: 2)
      for number in 2..<4 { try shared.take(number, ranks: sum) }
      return shared.weights.values.values
    }
    // From a copy of what is kept, before the first goes on.
    let again = try goneOn(world, sum: nil)
    let alone = try goneOn(world.split(color: world.rank, key: 0), sum: world.size)
    for number in 2..<4 { try whole.take(number) }
    #expect(again == whole.weights.values.values)
    expectEqual(alone, again, rule)
  }

  /// A step that an error ends can be dropped with its messages open, and others go on. These have ranks of their own, so that what was
  /// sent meets nobody.
  @Test func cancelledSteps() throws {
    let world = try TestWorld.all
    let ended = try { () throws -> NetworkWeights<Double> in
      let shared = Shared(try world.duplicate(), .plain)
      try shared.begin(0)
      shared.step.cancel()
      return shared.weights
    }()
    try world.barrier()
    let shared = Shared(world, .plain)
    try shared.take(0)
    let expected = try reference(world, .plain, layers: Self.layers, steps: 1).values
    expectEqual(shared.weights.values.values, expected, .plain)
    withExtendedLifetime(ended) {}
  }
}
