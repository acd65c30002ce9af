import Datasets
import DeepRFM
import Files
import Foundation
import MPI
import Runtime
import Testing

/// Samples held out, the layer chosen by them, and what predict makes of it.
@Suite(.serialized) struct SelectionTests {
  private static let samples = 120

  private func options(_ output: String, _ change: (inout TrainOptions) -> Void = { _ in }) -> TrainOptions {
    var options = TrainOptions()
    (options.samples, options.testSamples, options.layers, options.width) = (Self.samples, 60, 3, 24)
    (options.validation, options.memory, options.threads) = (0.25, 400 << 20, 1)
    (options.output, options.quiet) = (output, true)
    change(&options)
    return options
  }

  @discardableResult private func train(
    _ options: TrainOptions, _ world: Communicator, stop: StopSwitch = StopSwitch()
  ) throws -> Runtime.ExitStatus {
    let status = try DeepRFM.train(options, host: Host(surveying: world, threads: 1), world: world, stop: stop)
    try world.barrier()
    return status
  }

  private func bytes(_ path: String) throws -> Data { try Data(contentsOf: URL(fileURLWithPath: path)) }

  /// Rows of the digits as a folder of NPY files.
  private func write(_ folder: String, _ parts: [(name: String, indices: [Int])]) throws {
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    let labels = try Digits().labels(first: Digits().sampleCount)
    for (name, indices) in parts {
      var values = [Double](repeating: 0, count: 64 * indices.count)
      try Digits().readRows(indices) { values.replaceSubrange((64 * $0)..<(64 * $0 + 64), with: $1) }
      try NPYWriter.write("\(folder)/\(name)_x.npy", shape: [indices.count, 64], values)
      try NPYWriter.write(
        "\(folder)/\(name)_y.npy", shape: [indices.count], indices.map { Int(labels[$0].name) ?? -1 })
    }
  }

  /// A run without them in its file is the same run; as test samples they have the same accuracy.
  @Test func theSamplesHeldOutTakeNoPart() throws {
    let world = try TestWorld.all
    let folder = try SharedFolder(world)
    try train(options(folder.path + "/a"), world)
    let run = RunFolder(folder.path + "/a")
    let data = try run.readData()
    #expect(data.order.count == 90 && data.validationOrder.count == 30)
    if world.rank == 0 {
      try write(folder.path + "/data", [("train", data.order.sorted()), ("test", data.validationOrder)])
    }
    try world.barrier()
    let other = options(folder.path + "/b") {
      ($0.dataset, $0.data, $0.validation, $0.samples, $0.testSamples) = (.npy, folder.path + "/data", 0, nil, nil)
    }
    try train(other, world)
    for (mine, its) in zip(try run.readMetrics(), try RunFolder(folder.path + "/b").readMetrics()) {
      #expect(mine.samples == 90 && mine.nc1.input == its.nc1.input)
      #expect(mine.accuracy.train == its.accuracy.train && mine.accuracy.validation == its.accuracy.test)
      #expect(mine.balancedAccuracy.validation == its.balancedAccuracy.test)
      #expect(mine.meanSquaredError.validation == its.meanSquaredError.test)
      let name = RunFolder.layerName(mine.layer)
      #expect(try bytes(folder.path + "/a/" + name) == bytes(folder.path + "/b/" + name))
    }
    try world.barrier()
    withExtendedLifetime(folder) {}
  }

  @Test func theRankCountChangesNoSample() throws {
    let world = try TestWorld.all
    let folder = try SharedFolder(world)
    try train(options(folder.path + "/a"), world)
    let alone = try world.split(color: world.rank, key: 0)
    try train(options(folder.path + "/alone-\(world.rank)"), alone)
    let mine = try RunFolder(folder.path + "/alone-\(world.rank)").readData()
    let together = try RunFolder(folder.path + "/a").readData()
    #expect(mine.order == together.order && mine.validationOrder == together.validationOrder)
    try world.barrier()
    withExtendedLifetime(folder) {}
  }

  /// Stopped at more and more looks and gone on with, and with the model taken away: the undisturbed run's bytes.
  @Test func aRunThatIsGoneOnWithChoosesAsAnUndisturbedOne() throws {
    let world = try TestWorld.all
    let folder = try SharedFolder(world)
    let change = { (options: inout TrainOptions) in (options.layers, options.patience) = (6, 2) }
    try train(options(folder.path + "/whole", change), world)
    let whole = RunFolder(folder.path + "/whole")
    let metrics = try whole.readMetrics()
    let selection = LayerSelection(options("", change), metrics)
    let layer = try #require(selection.layer)
    #expect(selection.hasEnded && (metrics.count == 6 || metrics.count == layer + 2))
    #expect(try whole.readFacts()?.selectedLayer == layer)
    let parts = options(folder.path + "/parts") {
      change(&$0)
      $0.resume = true
    }
    var stops = 0
    while try train(parts, world, stop: StopSwitch(afterPolls: 40 + 40 * stops)) == .stoppedEarly { stops += 1 }
    #expect(stops > 0)
    let names =
      ["model.safetensors", "run.json", "data.safetensors"]
      + (1...metrics.count).flatMap {
        [RunFolder.layerName($0), RunFolder.confusionName($0)]
      }
    for name in names { #expect(try bytes(parts.output! + "/" + name) == bytes(whole.path + "/" + name), "\(name)") }
    try world.barrier()
    if world.rank == 0 { try FileManager.default.removeItem(atPath: parts.output! + "/model.safetensors") }
    try world.barrier()
    #expect(try train(parts, world) == .done)
    #expect(try bytes(parts.output! + "/model.safetensors") == bytes(whole.model))
    try world.barrier()
    withExtendedLifetime(folder) {}
  }

  /// predict takes the selected layer by itself; its labels are the classes with the largest outputs; its features are what the
  /// layer's X would be, the training samples' own X where these are predicted.
  @Test func predictFollowsTheChoice() throws {
    let world = try TestWorld.all
    let folder = try SharedFolder(world)
    try train(options(folder.path + "/a"), world)
    let run = RunFolder(folder.path + "/a")
    let layer = try #require(try run.readFacts()?.selectedLayer)
    let metrics = try run.readMetrics()[layer - 1]
    var options = PredictOptions()
    (options.model, options.dataset, options.samples) = (run.path, .digits, 60)
    (options.output, options.labels) = (folder.path + "/p.npy", folder.path + "/labels.txt")
    options.features = folder.path + "/features.npy"
    #expect(try predict(options, world: world) == .done)
    try world.barrier()
    let file = try NPYSamples.unlabelled(folder.path + "/p.npy")
    var outputs = [[Double]](repeating: [], count: 60)
    try file.readRows(Array(0..<60)) { outputs[$0] = Array($1) }
    let lines = try String(contentsOfFile: folder.path + "/labels.txt", encoding: .utf8).split(separator: "\n")
    let largest = outputs.map { (row: [Double]) -> Int in row.firstIndex(of: row.max() ?? .nan) ?? -1 }
    #expect(lines.map(String.init) == largest.map { "\($0)" })
    let known = try Digits().labels(first: Self.samples + 60).suffix(60)
    let right = zip(lines, known).count { $0 == $1.name }
    #expect(Double(right) / 60 == metrics.accuracy.test)
    let features = try NPYSamples.unlabelled(folder.path + "/features.npy")
    #expect(features.sampleCount == 60 && features.featureCount == metrics.inputWidth)
    // The rows of the training file: among them the run's own centers.
    (options.split, options.samples, options.output, options.labels) = (.train, nil, nil, nil)
    #expect(try predict(options, world: world) == .done)
    try world.barrier()
    let data = try run.readData()
    let trained = try TrainedRun(run.path)
    let centers = try trained.centers(0..<data.order.count)
    let again = try NPYSamples.unlabelled(folder.path + "/features.npy")
    #expect(again.sampleCount == Self.samples)
    try again.readRows(data.order) { position, row in
      for (a, b) in zip(row, centers.row(position)) { #expect(abs(a - b) < 1e-5) }
    }
    try world.barrier()
    withExtendedLifetime(folder) {}
  }
}
