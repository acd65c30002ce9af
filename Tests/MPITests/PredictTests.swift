import Datasets
import DeepRFM
import Files
import Foundation
import Instruments
import KernelMachine
import LinearAlgebra
import MPI
import Runtime
import Testing

@Suite(.serialized) struct PredictTests {
  private static let trainSamples = 220
  private static let testRows = Array(trainSamples..<(trainSamples + 90))

  /// Digits, three layers.
  private func train(
    _ folder: SharedFolder, _ world: Communicator, _ change: (inout TrainOptions) -> Void = { _ in }
  ) throws -> RunFolder {
    var options = TrainOptions()
    (options.samples, options.testSamples, options.layers, options.width) = (Self.trainSamples, 90, 3, 40)
    (options.output, options.quiet) = (folder.path + "/run", true)
    change(&options)
    try DeepRFM.train(options, host: Host(surveying: world, threads: 1), world: world)
    try world.barrier()
    return RunFolder(folder.path + "/run")
  }

  private func options(_ run: RunFolder, _ output: String) -> PredictOptions {
    var options = PredictOptions()
    (options.model, options.output) = (run.path, output)
    (options.dataset, options.samples) = (.digits, 90)
    return options
  }

  /// *Collective.* The file that predict writes.
  private func outputs(_ options: PredictOptions, _ world: Communicator) throws -> [[Double]] {
    #expect(try predict(options, world: world) == .done)
    try world.barrier()
    let file = try NPYSamples.unlabelled(options.output ?? "")
    var rows = [[Double]](repeating: [], count: file.sampleCount)
    try file.readRows(Array(0..<file.sampleCount)) { position, values in rows[position] = Array(values) }
    return rows
  }

  private func accuracy(_ outputs: [[Double]]) throws -> Double {
    let labels = try Digits().labels(first: Self.trainSamples + 90).suffix(90)
    let right = zip(outputs, labels).count { row, label in Label(row.firstIndex(of: row.max() ?? .nan) ?? -1) == label }
    return Double(right) / 90
  }

  @Test(arguments: Precision.allCases, [FeatureKind.relu, .cosine])
  func everyLayerPredictsAsItDidInTraining(_ precision: Precision, _ features: FeatureKind) throws {
    let world = try TestWorld.all
    let folder = try SharedFolder(world)
    let run = try train(folder, world) { ($0.precision, $0.features) = (precision, features) }
    for metrics in try run.readMetrics() {
      var options = options(run, folder.path + "/p.npy")
      options.layer = metrics.layer
      let outputs = try outputs(options, world)
      #expect(try accuracy(outputs) == metrics.accuracy.test)
      let labels = try Digits().labels(first: Self.trainSamples + 90).suffix(90)
      var error = 0.0
      for (row, label) in zip(outputs, labels) {
        for (c, output) in row.enumerated() { error += pow(output - (Label(c) == label ? 1 : -1), 2) / 900 }
      }
      let bound = precision == .float64 ? 1e-9 : 1e-3
      #expect(abs(error / (metrics.meanSquaredError.test ?? .nan) - 1) < bound)
      try world.barrier()
    }
    withExtendedLifetime(folder) {}
  }

  @Test func theRankCountChangesNothing() throws {
    let world = try TestWorld.all
    let folder = try SharedFolder(world)
    let run = try train(folder, world)
    let alone = try world.split(color: world.rank, key: 0)
    for layer in [2, 3] {
      var options = options(run, folder.path + "/together.npy")
      options.layer = layer
      let together = try outputs(options, world)
      options.output = folder.path + "/alone-\(world.rank).npy"
      let single = try outputs(options, alone)
      #expect(relativeError(together.flatMap { $0 }, single.flatMap { $0 }) < 1e-12)
      try world.barrier()
    }
    withExtendedLifetime(folder) {}
  }

  @Test func rowsOfAFileArePredictedAsThoseOfTheDataSet() throws {
    let world = try TestWorld.all
    let folder = try SharedFolder(world)
    let run = try train(folder, world)
    let expected = try outputs(options(run, folder.path + "/p.npy"), world)
    var values = [Double](repeating: 0, count: 90 * 64)
    try Digits().readRows(Self.testRows) { position, row in
      values.replaceSubrange((64 * position)..<(64 * position + 64), with: row)
    }
    if world.rank == 0 { try NPYWriter.write(folder.path + "/x.npy", shape: [90, 8, 8], values) }
    try world.barrier()
    var options = options(run, folder.path + "/q.npy")
    (options.dataset, options.samples, options.input) = (nil, nil, folder.path + "/x.npy")
    #expect(try outputs(options, world) == expected)
    try world.barrier()
    // Fewer rows than ranks.
    (options.samples, options.output) = (1, folder.path + "/one.npy")
    #expect(try relativeError(outputs(options, world).flatMap { $0 }, expected[0]) < 1e-12)
    try world.barrier()
    withExtendedLifetime(folder) {}
  }

  @Test func badInputLeavesNoOutput() throws {
    let world = try TestWorld.all
    let folder = try SharedFolder(world)
    let run = try train(folder, world)
    if world.rank == 0 {
      try NPYWriter.write(folder.path + "/narrow.npy", shape: [3, 63], [Double](repeating: 0, count: 189))
    }
    try world.barrier()
    let changes: [(inout PredictOptions) -> Void] = [
      { $0.layer = 4 }, { $0.model += "-not" }, { $0.samples = 5000 }, { $0.dataset = .synthetic },
      { ($0.dataset, $0.samples, $0.input) = (nil, nil, folder.path + "/narrow.npy") },
      { ($0.dataset, $0.samples, $0.input) = (nil, nil, folder.path + "/none.npy") },
      { $0.output = folder.path + "/none/p.npy" }, { $0.output = folder.path },
    ]
    for change in changes {
      var options = options(run, folder.path + "/p.npy")
      change(&options)
      let status = try #require(throws: (any Error).self) { try predict(options, world: world) } as? any RankError
      #expect(status?.exitStatus == ExitStatus.badInput.rawValue)
    }
    try world.barrier()
    let left = try FileManager.default.contentsOfDirectory(atPath: folder.path)
    #expect(left.sorted() == ["narrow.npy", "run"])
    try world.barrier()
    withExtendedLifetime(folder) {}
  }

  @Test func aLayerBelowTheLastNeedsTheTrainingData() throws {
    let world = try TestWorld.all
    let folder = try SharedFolder(world)
    let data = folder.path + "/data"
    if world.rank == 0 {
      try FileManager.default.createDirectory(atPath: data, withIntermediateDirectories: true)
      try NPYWriter.write(data + "/train_x.npy", shape: [6, 2], [0.0, 1, 2, 1, 0, 3, 5, 1, 4, 0, 6, 3])
      try NPYWriter.write(data + "/train_y.npy", shape: [6], [0, 1, 0, 1, 1, 0])
    }
    try world.barrier()
    let run = try train(folder, world) {
      ($0.dataset, $0.data, $0.samples, $0.testSamples, $0.layers) = (.npy, data, nil, nil, 2)
    }
    var options = options(run, folder.path + "/p.npy")
    (options.dataset, options.samples, options.input) = (nil, nil, data + "/train_x.npy")
    options.layer = 1
    #expect(try outputs(options, world).count == 6)
    try world.barrier()
    if world.rank == 0 { try NPYWriter.write(data + "/train_y.npy", shape: [6], [1, 1, 0, 1, 1, 0]) }
    try world.barrier()
    #expect(throws: (any Error).self) { try predict(options, world: world) }
    options.layer = 2
    #expect(try outputs(options, world).count == 6)
    try world.barrier()
    withExtendedLifetime(folder) {}
  }
}
