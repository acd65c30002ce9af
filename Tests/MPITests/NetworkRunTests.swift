import Datasets
import Files
import Foundation
import LinearAlgebra
import MPI
import Network
import Runtime
import Testing

/// Whole runs on a few digits: figures against plain loops, bytes against an interrupted run's, and what ends a run.
@Suite(.serialized) struct NetworkRunTests {
  private static let samples = 60

  private func options(_ folder: String, _ name: String, _ change: (inout NetworkOptions) -> Void = { _ in })
    -> NetworkOptions
  {
    var options = NetworkOptions()
    (options.samples, options.testSamples, options.epochs, options.batch) = (Self.samples, 20, 3, 16)
    (options.depth, options.width, options.measureEvery) = (2, 12, 2)
    (options.precision, options.output, options.quiet) = (.float64, "\(folder)/\(name)", true)
    change(&options)
    return options
  }

  @discardableResult private func train(
    _ options: NetworkOptions, _ world: Communicator, stop: StopSwitch = StopSwitch()
  ) throws -> Runtime.ExitStatus {
    let status = try trainNetwork(options, host: Host(surveying: world, threads: 1), world: world, stop: stop)
    try world.barrier()
    return status
  }

  // MARK: - Figures

  /// Three epochs of SGD in float64 by plain loops in the order that the run draws.
  @Test(arguments: [16, 1, 60, 500]) func lossesAreThoseOfPlainLoops(batch: Int) throws {
    try withFolder { folder, world in
      let options = options(folder, "run") { $0.batch = batch }
      try train(options, world)
      let epochs = try RunFolder(folder + "/run").readEpochs()
      #expect(epochs.map(\.epoch) == [0, 1, 2])
      let shard = try TrainingShard<Double>(
        Dataset.open(.digits, directory: nil, seed: 0, trainSamples: Self.samples).train, world: world)
      let all = try world.allGather(shard.rows.values).flatMap { $0 }
      let features = shard.rows.columns
      var form = NetworkForm(.mlp, input: FeatureShape(features), classes: shard.layout.classCount)
      (form.depth, form.width) = (2, 12)
      let builder: NetworkBuilder<Double> = try form.build(rows: 1, threads: 1)
      let weights = NetworkWeights<Double>(builder.parameters, builder.statistics)
      weights.draw(seed: 0)
      var reference = ReferenceNetwork(weights)
      for epoch in 0..<3 {
        let order = SampleOrder.drawn(count: Self.samples, seed: 0, epoch: epoch)
        var loss = 0.0
        for start in stride(from: 0, to: order.count, by: batch) {
          let rows = order[start..<min(order.count, start + batch)].map { position in
            let row = Int(position) * features
            return (Array(all[row..<(row + features)]), shard.labels[Int(position)])
          }
          loss += reference.step(rows, rate: options.learningRate)
        }
        let expected = loss / Double(order.count)
        #expect(abs(epochs[epoch].loss.train - expected) <= 1e-10 * expected)
      }
      #expect(epochs.map { $0.layers.count } == [2, 0, 2])
    }
  }

  /// A file's weights and order in place of drawn ones; what model.safetensors holds can be begun with.
  @Test func goesOnFromAFile() throws {
    try withFolder { folder, world in
      try train(options(folder, "first") { $0.epochs = 1 }, world)
      if world.rank == 0 { try writeOrders([Array((0..<60).reversed()), Array(0..<60)], to: folder + "/order.npy") }
      try world.barrier()
      try train(
        options(folder, "second") {
          $0.epochs = 2
          $0.initialWeights = folder + "/first/model.safetensors"
          $0.sampleOrder = folder + "/order.npy"
        }, world)
      let last = try RunFolder(folder + "/first").readEpochs()[0]
      let next = try RunFolder(folder + "/second").readEpochs()[0]
      #expect(next.loss.train < last.loss.train)
      // Of as many epochs as wanted; and an order.
      #expect(throws: (any Error).self) {
        try train(options(folder, "third") { $0.sampleOrder = folder + "/order.npy" }, world)
      }
      #expect(!FileManager.default.fileExists(atPath: folder + "/third/config.json"))
    }
  }

  private func writeOrders(_ orders: [[Int32]], to path: String) throws {
    let flat = orders.flatMap { $0 }
    let writer = try NPYWriter<Double>(path, shape: [orders.count, orders[0].count])
    try flat.map(Double.init).withUnsafeBufferPointer { try writer.append($0) }
    try writer.finish()
  }

  /// Images that are not square, in the files' dimensions, which predict finds again; channels behind are refused before anything is
  /// written. Two ranks are enough for files of this size.
  @Test func imagesOfTheirFilesShape() throws {
    try withFolder { folder, world in
      if world.size > 2 { return }
      for (name, shape) in [("first", [1, 9, 12]), ("last", [6, 6, 3])] {
        try writeImages(shape, to: "\(folder)/\(name)", world)
      }
      func images(_ name: String) -> NetworkOptions {
        options(folder, name + "-run") {
          ($0.dataset, $0.data, $0.samples, $0.testSamples) = (.npy, "\(folder)/\(name)", nil, nil)
          ($0.architecture, $0.depth, $0.epochs, $0.precision) = (.resnet18, 1, 1, .float32)
        }
      }
      try train(images("first"), world)
      #expect(try RunFolder(folder + "/first-run").readData().sampleShape == [1, 9, 12])
      let request = NetworkPredictionRequest(
        model: folder + "/first-run",
        rows: RowsToPredict(dataset: .npy, data: folder + "/first", split: .train, input: nil),
        paths: PredictionFiles.Paths(outputs: folder + "/p.npy", labels: nil, features: nil))
      #expect(try predictNetwork(request, world: world) == .done)
      #expect(try NPYArray(folder + "/p.npy").rows == 12)
      expectRefusal("channels come first") { try train(images("last"), world) }
      #expect(!FileManager.default.fileExists(atPath: folder + "/last-run"))
    }
  }

  /// *Collective.* Twelve samples of two classes as train_x.npy and train_y.npy.
  private func writeImages(_ shape: [Int], to folder: String, _ world: Communicator) throws {
    try world.together {
      guard world.rank == 0 else { return }
      try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
      let random = RandomStream(seed: 4, layer: 0, purpose: .probe)
      let x = try NPYWriter<Double>(folder + "/train_x.npy", shape: [12] + shape)
      let count = shape.reduce(1, *)
      for row in 0..<12 {
        try (0..<count).map { random.normal(row: row, column: $0) }.withUnsafeBufferPointer { try x.append($0) }
      }
      try x.finish()
      let y = try NPYWriter<Double>(folder + "/train_y.npy", shape: [12])
      try (0..<12).map { Double($0 % 2) }.withUnsafeBufferPointer { try y.append($0) }
      try y.finish()
    }
  }

  // MARK: - Stops

  /// Stopped after a few looks each time, in training, evaluating and measuring, and between epochs: the files are an undisturbed run's.
  @Test(arguments: [OptimizerKind.sgd, .adam]) func stoppedAndGoneOnWith(optimizer: OptimizerKind) throws {
    try withFolder { folder, world in
      let change: (inout NetworkOptions) -> Void = {
        $0.optimizer = optimizer
        $0.momentum = optimizer == .sgd ? 0.9 : 0
        $0.learningRate = 0.01
        $0.precision = .float32
        $0.epochs = 6
      }
      #expect(try train(options(folder, "whole", change), world) == .done)
      var stops = 0
      while true {
        let next = options(folder, "parts") {
          change(&$0)
          $0.resume = true
        }
        if try train(next, world, stop: StopSwitch(afterPolls: 7 + stops % 4)) == .done { break }
        stops += 1
        try #require(stops < 200)
      }
      #expect(stops > 3)
      for name in ["model.safetensors", "weights/0000.safetensors", "weights/0002.safetensors", "data.safetensors"] {
        let (a, b) = (
          try Data(contentsOf: URL(filePath: "\(folder)/whole/\(name)")),
          try Data(contentsOf: URL(filePath: "\(folder)/parts/\(name)"))
        )
        #expect(a == b, "\(name)")
      }
      let (whole, parts) = (
        try RunFolder(folder + "/whole").readEpochs(), try RunFolder(folder + "/parts").readEpochs()
      )
      #expect(whole.map(\.loss) == parts.map(\.loss))
      #expect(whole.map(\.layers) == parts.map(\.layers))
    }
  }

  /// Another number of ranks would do the same to rounding; here: a run that is finished is left alone, and other options are refused.
  @Test func whatCannotBeGoneOnWith() throws {
    try withFolder { folder, world in
      try train(options(folder, "run"), world)
      let before = try Data(contentsOf: URL(filePath: folder + "/run/metrics.jsonl"))
      try world.barrier()
      #expect(try train(options(folder, "run") { $0.resume = true }, world) == .done)
      #expect(try Data(contentsOf: URL(filePath: folder + "/run/metrics.jsonl")) == before)
      #expect(throws: (any Error).self) {
        try train(
          options(folder, "run") {
            $0.resume = true
            $0.width = 13
          }, world)
      }
      #expect(throws: (any Error).self) { try train(options(folder, "run"), world) }
    }
  }

  // MARK: - Ends

  @Test func divergence() throws {
    try withFolder { folder, world in
      let wild = options(folder, "run") {
        $0.learningRate = 1e150
        $0.epochs = 5
      }
      #expect { try train(wild, world) } throws: { error in
        (error as? any RankError)?.exitStatus == 1
          && "\((error as? any RankError)?.sentence ?? "")".contains("not finite")
      }
    }
  }

  /// Stopped inside the very epoch that then diverges: what is kept are the weights of the epoch before, not the checkpoint's.
  @Test func divergenceAfterAStop() throws {
    try withFolder { folder, world in
      // Decay makes the weights -2 times as large in each step, of which an epoch has ten; gradients tell from about the twentieth on.
      let wild: (inout NetworkOptions) -> Void = {
        ($0.learningRate, $0.weightDecay) = (1e-24, 3e24)
        ($0.batch, $0.epochs, $0.measureEvery, $0.resume) = (6, 50, 1000, true)
      }
      let epoch = try divergingEpoch(options(folder, "whole", wild), world)
      try #require(epoch > 1)
      // Looks: ten steps, two in evaluation, one between epochs; two more where the first is measured. The monitor looks too.
      let looks = 15 + 13 * (epoch - 1)
      var stopped: String?
      for more in -2..<10 {
        let name = "stopped\(more)"
        let status = try? train(options(folder, name, wild), world, stop: StopSwitch(afterPolls: looks + more))
        if status == .stoppedEarly, try isInside(epoch, folder + "/" + name, world) {
          stopped = name
          break
        }
      }
      let name = try #require(stopped)
      #expect(try divergingEpoch(options(folder, name, wild), world) == epoch)
      let kept = RunFolder.weightsName(epoch - 1)
      let whole = try Data(contentsOf: URL(filePath: "\(folder)/whole/\(kept)"))
      #expect(try Data(contentsOf: URL(filePath: "\(folder)/\(name)/\(kept)")) == whole)
    }
  }

  /// *Collective.* Trains until the loss is no longer finite; the epoch in which that is.
  private func divergingEpoch(_ options: NetworkOptions, _ world: Communicator) throws -> Int {
    do {
      try train(options, world)
    } catch let error as any RankError {
      try world.barrier()
      let words = error.sentence.split { $0 == " " || $0 == ":" }
      return try #require(words.count > 1 && words[0] == "epoch" ? Int(words[1]) : nil, "\(error.sentence)")
    }
    Issue.record("it did not diverge")
    return 0
  }

  /// *Collective.* Whether the newest checkpoint is inside this epoch, after some of its steps but not all.
  private func isInside(_ epoch: Int, _ path: String, _ world: Communicator) throws -> Bool {
    let file = try SafetensorsFile(CheckpointFolder(RunFolder(path)).latest)
    let facts = try JSON(parsing: (file.metadata["checkpoint"] ?? "").utf8)
    let isInside = facts["epoch"] == JSON(epoch) && (1...9).contains { facts["step"] == JSON($0) }
    return try world.broadcast(isInside ? 1 : 0, from: 0) == 1
  }

  @Test func refusedBeforeAnythingIsWritten() throws {
    try withFolder { folder, world in
      try train(
        options(folder, "deeper") {
          ($0.depth, $0.width, $0.epochs) = (3, 10, 1)
        }, world)
      let cases: [(inout NetworkOptions) -> Void] = [
        { $0.memory = 1 << 16 },
        // Of ten units, so that its third layer could be an output; and one layer less than is wanted.
        {
          $0.initialWeights = folder + "/deeper/model.safetensors"
          $0.width = 10
        },
        {
          $0.initialWeights = folder + "/deeper/model.safetensors"
          ($0.depth, $0.width) = (4, 10)
        },
        { $0.initialWeights = folder + "/missing.safetensors" },
        { $0.sampleOrder = folder + "/missing.npy" },
      ]
      for (number, change) in cases.enumerated() {
        let refused = options(folder, "refused\(number)", change)
        #expect { try train(refused, world) } throws: { ($0 as? any RankError)?.exitStatus == 2 }
        #expect(!FileManager.default.fileExists(atPath: refused.output ?? ""))
      }
    }
  }
}
