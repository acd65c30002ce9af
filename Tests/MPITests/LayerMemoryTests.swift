import Datasets
import DeepRFM
import Files
import KernelMachine
import LinearAlgebra
import MPI
import Measures
import Runtime
import Testing

/// The end of a layer: what the root, the features and the files state beside their allocations against what their matrices took.
@Suite(.serialized) struct LayerMemoryTests {
  private static let shape = Shape(classCounts: [1000, 1000, 1000, 1000], tileRows: 256)
  private static let width = 64

  private func problem<T: Real>(_ world: Communicator, threads: Int = 1) throws -> Problem<T> {
    try Problem(
      Self.shape.samples(width: Self.width), classCounts: Self.shape.classCounts, world: world,
      tileRows: Self.shape.tileRows, threads: threads)
  }

  private func worlds() throws -> [Communicator] {
    let all = try TestWorld.all
    return [all, try all.split(color: all.rank, key: 0)]
  }

  private func most(_ body: () throws -> Void) rethrows -> Int {
    MatrixMemory.reset()
    let before = MatrixMemory.bytes
    try body()
    return MatrixMemory.most - before
  }

  private func expectSame(_ taken: Int, _ stated: Int, _ what: Comment) {
    #expect(abs(Double(taken) / Double(stated) - 1) < 0.02, "\(what): \(taken), stated \(stated)")
  }

  private func load<T: Real>(_ problem: Problem<T>, outputWidth: Int) -> Workload {
    Workload(
      samples: problem.layout.sampleCount, rows: problem.rows.rowCount, width: Self.width, outputWidth: outputWidth,
      outputs: 4, centres: 4, ranks: problem.world.size, threads: 1, testRows: 0, scalarBytes: MemoryLayout<T>.stride,
      tileRows: 256, tileElements: 0, remoteElements: 0)
  }

  private func features<T: Real>(_ type: T.Type, outputWidth: Int) throws {
    for world in try worlds() {
      let problem: Problem<T> = try problem(world)
      let load = load(problem, outputWidth: outputWidth)
      let taken = try most {
        let r = Matrix<T>(rows: Self.width, columns: Self.width)
        for k in 0..<Self.width { r[k, k] = 1 }
        let map = FeatureMap(drawing: .relu, projection: r, width: outputWidth, scale: 1, seed: 1, layer: 1)
        let mapped = problem.rows.mapped(by: map)
        _ = try centredOnClassMeans(mapped.deviations, mapped.centres, layout: problem.layout, context: problem.context)
      }
      let stated = load.mapBytes + load.mappingBytes(problem.rows.rowCount)
      // A batch is as long as its segment, which may be shorter than what is stated.
      let shorter = Self.shape.tileRows - (problem.rows.segments.map(\.rows.count).max() ?? 0)
      let least = stated - shorter * Self.width * MemoryLayout<T>.stride
      #expect(
        Double(taken) > 0.98 * Double(least) && Double(taken) < 1.02 * Double(stated),
        "\(world.size) ranks, features: \(taken), stated \(stated)")
    }
  }

  /// Where the new rows are most of it, and where a batch of the old ones is.
  @Test(arguments: [300, 40]) func features(outputWidth: Int) throws {
    try features(Float.self, outputWidth: outputWidth)
    try features(Double.self, outputWidth: outputWidth)
  }

  @Test func root() throws {
    for order in [40, 150] {
      let m = noise(order, order, seed: 3)
      let taken = try most { _ = try symmetricRoot(m, pool: ThreadPool(count: 2)) }
      expectSame(taken, symmetricRootBytes(order: order), "root of order \(order)")
    }
  }

  private func files<T: Real & TensorElement>(_ type: T.Type) throws {
    for world in try worlds() {
      let problem: Problem<T> = try problem(world)
      let layout = problem.layout
      let samples = Samples(
        layout: layout, order: Array(0..<layout.sampleCount),
        standardisation: try Standardisation(of: problem.rows.storage, world: world),
        targets: .classes(Classes(labels: ["a", "b", "c", "d"])), rows: problem.rows)
      let folder = try SharedFolder(world)
      let recorder = RunRecorder<T>(directory: RunFolder(folder.path), world: world, layout: layout)
      let load = load(problem, outputWidth: 8)
      let taken = try most { try recorder.saveModel(samples, layer: 1) }
      let own = load.modelBytes - (world.rank == 0 ? 0 : Self.width * problem.rows.rowCount * MemoryLayout<T>.stride)
      expectSame(taken, own, "rank \(world.rank) of \(world.size), model")
      try world.barrier()
      withExtendedLifetime(folder) {}
    }
  }

  @Test func modelFile() throws {
    try files(Float.self)
    try files(Double.self)
  }

  /// A checkpoint is written from where its matrices are.
  @Test func checkpointTakesNoMatrix() throws {
    let world = try TestWorld.all
    let folder = try SharedFolder(world)
    let (spread, own) = (noise(300, 7, seed: 1), noise(200, 9, seed: 2))
    let checkpoint = Checkpoint(
      facts: .object([]), spread: [SavedTensor("spread", spread)], own: [SavedTensor("own", own)])
    let taken = try most { _ = try CheckpointFile(folder.path + "/state").write(checkpoint, world) }
    #expect(taken == 0)
    try world.barrier()
    withExtendedLifetime(folder) {}
  }
}
