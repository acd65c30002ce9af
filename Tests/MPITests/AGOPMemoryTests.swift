import DeepRFM
import KernelMachine
import LinearAlgebra
import MPI
import Runtime
import Testing

/// What the AGOP's types state beside their allocations, added up, against what their matrices took.
@Suite(.serialized) struct AGOPMemoryTests {
  private static let shape = Shape(classCounts: [200, 200, 200, 200], tileRows: 100)
  private static let kernel = Kernel(.laplace, bandwidth: 2)

  private struct Size {
    var shape = AGOPMemoryTests.shape
    var spread = 0.7
    var outputs = 4
    /// nil: as many as the other tests have.
    var threads: Int?
  }

  private struct Taken {
    var cost: AGOPCost
    /// Bytes at once.
    var most: Int
    /// Of other ranks' tiles.
    var remote: Int
  }

  /// *Collective.* - Parameter memory: what the AGOP is given, from what it costs.
  private func take<T: Real>(
    _ route: AGOPRoute, _ type: T.Type, _ world: Communicator, tiles: Bool = false, _ size: Size = Size(),
    _ memory: (AGOPCost) -> AGOPMemory = { _ in AGOPMemory() }
  ) throws -> Taken {
    let (shape, outputs) = (size.shape, size.outputs)
    let problem = try Problem<T>(
      shape.samples(width: 64, spread: size.spread), classCounts: shape.classCounts, world: world,
      tileRows: shape.tileRows, threads: size.threads)
    let a = problem.own(noise(problem.x.rows, outputs, seed: 51))
    let matrix = tiles ? try problem.kernelMatrix(Self.kernel) : nil
    var limits = memory(try AGOP(of: problem.rows, Self.kernel).cost(outputs: outputs))
    limits.remoteTiles = .max
    let agop = AGOP(of: problem.rows, Self.kernel, tiles: matrix, memory: limits)
    let cost = try agop.cost(outputs: outputs)
    let schedule = PairSchedule(rank: world.rank, ranks: world.size)
    let remote = tiles ? schedule.remoteElements(problem.layout) * MemoryLayout<T>.stride : 0
    MatrixMemory.reset()
    let before = MatrixMemory.bytes
    let result = try agop.compute(a, by: route)
    let most = MatrixMemory.most - before
    #expect(result.route == route && result.isSound)
    return Taken(cost: cost, most: most, remote: remote)
  }

  private func expectSame(_ taken: Taken, _ stated: Int) {
    #expect(abs(Double(taken.most) / Double(stated + taken.remote) - 1) < 0.02, "\(taken.most), stated \(stated)")
  }

  private func check<T: Real>(_ route: AGOPRoute, _ type: T.Type, tiles: Bool) throws {
    let all = try TestWorld.all
    for world in [all, try all.split(color: all.rank, key: 0)] {
      let taken = try take(route, type, world, tiles: tiles)
      let cost = taken.cost
      expectSame(taken, route == .gram ? cost.gramBytes : cost.gradientBytes(of: route, chunkRows: cost.rows))
    }
  }

  @Test(arguments: [AGOPRoute.class, .gram, .sketch], [false, true])
  func theStatementsAddUp(route: AGOPRoute, tiles: Bool) throws {
    try check(route, Float.self, tiles: tiles)
    try check(route, Double.self, tiles: tiles)
  }

  /// Two hundred classes of two samples: tiles' sides hold many of them, and sums by class are most of the memory. On one thread all workers
  /// are at work at the peak.
  private func checkSmallClasses<T: Real>(_ route: AGOPRoute, _ type: T.Type, outputs: Int) throws {
    let shape = Shape(classCounts: [Int](repeating: 2, count: 200), tileRows: 100)
    let size = Size(shape: shape, spread: 0.1, outputs: outputs, threads: 1)
    let all = try TestWorld.all
    for world in [all, try all.split(color: all.rank, key: 0)] {
      let taken = try take(route, type, world, size)
      let cost = taken.cost
      #expect(cost.segmentRows <= 2)
      // Rows this near to their classes' means stay deviations from these: nothing is moved.
      let moved = cost.rows * 64 * MemoryLayout<T>.stride
      let stated = route == .gram ? cost.gramBytes - moved : cost.gradientBytes(of: route, chunkRows: cost.rows)
      expectSame(taken, stated)
    }
  }

  /// With 64 outputs the Gram route takes most while it sums its weights by class, thirteen thousand numbers a row.
  @Test(arguments: [(AGOPRoute.class, 4), (AGOPRoute.sketch, 4), (AGOPRoute.gram, 64)])
  func manySmallClasses(route: AGOPRoute, outputs: Int) throws {
    try checkSmallClasses(route, Float.self, outputs: outputs)
    try checkSmallClasses(route, Double.self, outputs: outputs)
  }

  /// A chunk of gradients takes what it is given, one after the other.
  @Test(arguments: [AGOPRoute.class, .sketch]) func chunksOfGradients(route: AGOPRoute) throws {
    let all = try TestWorld.all
    let alone = try all.split(color: all.rank, key: 0)
    let taken = try take(route, Float.self, alone) { AGOPMemory(gradients: 200 * $0.chunkRowBytes(of: route)) }
    #expect(taken.cost.chunkRows(of: route, within: 200 * taken.cost.chunkRowBytes(of: route)) == 200)
    expectSame(taken, taken.cost.gradientBytes(of: route, chunkRows: 200))
  }

  /// The Gram route in chunks keeps to its memory.
  @Test(arguments: [0.45, 0.6, 0.9]) func chunksOfPanels(share: Double) throws {
    let all = try TestWorld.all
    for world in [all, try all.split(color: all.rank, key: 0)] {
      var limit = 0
      let taken = try take(.gram, Float.self, world) {
        limit = Int(share * Double($0.gramBytes))
        return AGOPMemory(gram: limit)
      }
      #expect(taken.cost.gramChunkRows < taken.cost.rows)
      // A single segment may be more than a chunk.
      if taken.cost.gramChunkRows >= Self.shape.tileRows { #expect(taken.most <= limit) }
    }
  }

  /// Ranks that were given different memory take the same route and chunks of the same size.
  @Test func memoryIsAgreedOn() throws {
    let world = try TestWorld.all
    let problem = try Problem<Float>(
      Self.shape.samples(width: 64), classCounts: Self.shape.classCounts, world: world, tileRows: Self.shape.tileRows)
    let a = problem.own(noise(800, 4, seed: 51))
    let memory = AGOPMemory(gram: world.rank == 0 ? 1 << 30 : 1 << 20)
    let agop = AGOP(of: problem.rows, Self.kernel, memory: memory)
    for route in [AGOPRoute.auto, .gram] {
      let (cost, result) = (try agop.cost(outputs: 4), try agop.compute(a, by: route))
      #expect(result.isSound)
      #expect(cost.memoryBytes == (world.size > 1 ? 1 << 20 : 1 << 30))
      let routes = try world.allGather([AGOPRoute.allCases.firstIndex(of: result.route) ?? -1])
      #expect(Set(routes.joined()).count == 1)
    }
  }
}

extension AGOP.Result {
  /// Whether it is symmetric and finite.
  fileprivate var isSound: Bool {
    (try? requireFinite(layer: 1)) != nil
      && (0..<matrix.rows).allSatisfy { i in (0..<i).allSatisfy { matrix[i, $0] == matrix[$0, i] } }
  }
}
