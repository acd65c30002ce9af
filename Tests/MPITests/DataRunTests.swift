import Datasets
import DeepRFM
import Files
import Foundation
import MPI
import Runtime
import Testing

/// Runs on data whose classes are not 0 to K - 1, and their prediction.
@Suite(.serialized) struct DataRunTests {
  /// Two features that tell the class, in LIBSVM's format; indices from `first` on.
  private func text(_ names: [String], _ rows: Range<Int>, first: Int = 1) -> String {
    rows.map { i in
      let c = i % names.count
      return "\(names[c]) \(first):\(Double(c) + Double(i * 7 % 11) / 20) \(first + 1):\(Double(i * 5 % 13) / 10)\n"
    }.joined()
  }

  private func train(
    _ folder: String, _ world: Communicator, _ name: String = "run", _ change: (inout TrainOptions) -> Void = { _ in }
  ) throws -> RunFolder {
    var options = TrainOptions()
    (options.dataset, options.data, options.layers, options.width) = (.libsvm, folder, 2, 16)
    (options.precision, options.output, options.quiet) = (.float64, "\(folder)/\(name)", true)
    change(&options)
    try DeepRFM.train(options, host: Host(surveying: world, threads: 1), world: world)
    try world.barrier()
    return RunFolder("\(folder)/\(name)")
  }

  private func predict(_ run: RunFolder, _ folder: String, _ world: Communicator, strict: Bool = false) throws
    -> [[Double]]
  {
    var options = PredictOptions()
    (options.model, options.dataset, options.data) = (run.path, .libsvm, folder)
    (options.output, options.strict) = ("\(folder)/p.npy", strict)
    #expect(try DeepRFM.predict(options, world: world) == .done)
    try world.barrier()
    let file = try NPYSamples.unlabelled(options.output ?? "")
    var rows = [[Double]](repeating: [], count: file.sampleCount)
    try file.readRows(Array(0..<file.sampleCount)) { rows[$0] = Array($1) }
    try world.barrier()
    return rows
  }

  /// The names of the classes change nothing: the same figures as with 0 and 1.
  @Test(arguments: [["-1", "+1"], ["3", "7"], ["0", "60000"]]) func namesChangeNothing(names: [String]) throws {
    let files = ["train": text(names, 0..<60), "test": text(names, 60..<80)]
    var expected: [LayerMetrics] = []
    try withFolder(["train": text(["0", "1"], 0..<60), "test": text(["0", "1"], 60..<80)]) { folder, world in
      expected = try train(folder, world).readMetrics()
    }
    try withFolder(files) { folder, world in
      let run = try train(folder, world)
      let found = try run.readMetrics()
      #expect(found.count == expected.count)
      for (a, b) in zip(found, expected) {
        #expect((a.nc1, a.nc2, a.accuracy.test, a.accuracy.train) == (b.nc1, b.nc2, b.accuracy.test, b.accuracy.train))
      }
      let file = try SafetensorsFile(run.data)
      let plain = names.map { $0.replacingOccurrences(of: "+", with: "") }
      #expect(file.metadata["classNames"].flatMap(Classes.names) == plain)
      #expect(try Set(file.read("labels", as: Int.self)) == [0, 1])
      let outputs = try predict(run, folder, world)
      #expect(outputs.count == 20 && outputs.allSatisfy { $0.count == 2 })
      let right = outputs.enumerated().count { ($0.element[1] > $0.element[0]) == (($0.offset + 60) % 2 == 1) }
      #expect(Double(right) / 20 == found.last?.accuracy.test)
    }
  }

  @Test func unknownTestLabels() throws {
    try withFolder(["train": text(["-1", "1"], 0..<40), "test": text(["0"], 0..<10)]) { folder, world in
      let run = try train(folder, world)
      #expect(try run.readMetrics().allSatisfy { $0.accuracy.test == nil && $0.meanSquaredError.test == nil })
      #expect(try predict(run, folder, world).count == 10)
      expectRefusal("--strict") { _ = try predict(run, folder, world, strict: true) }
      expectRefusal("--strict") { _ = try train(folder, world, "strict") { $0.strict = true } }
    }
  }

  @Test func someUnseenTestLabels() throws {
    let test = text(["-1", "1"], 40..<50) + text(["9"], 0..<10)
    try withFolder(["train": text(["-1", "1"], 0..<40), "test": test]) { folder, world in
      let accuracy = try train(folder, world).readMetrics().map { $0.accuracy.test ?? .nan }
      #expect(accuracy.allSatisfy { $0 > 0.3 && $0 <= 0.5 })
    }
  }

  /// The run remembers that its files count features from 0, and takes a test file that does not show it.
  @Test func zeroBasedRun() throws {
    try withFolder(["train": text(["-1", "1"], 0..<40, first: 0), "test": "1 1:0.5\n-1 1:0.5\n"]) { folder, world in
      let run = try train(folder, world)
      #expect(try SafetensorsFile(run.data).metadata["firstIndex"] == "0")
      let outputs = try predict(run, folder, world)
      if world.rank == 0 {
        try text(["-1"], 0..<1, first: 0).write(toFile: "\(folder)/test", atomically: true, encoding: .utf8)
      }
      try world.barrier()
      // Both rows of the first file are feature 1 alone, at the place that the second feature has.
      #expect(zip(outputs[0], outputs[1]).allSatisfy { abs($0 - $1) < 1e-9 })
      #expect(try predict(run, folder, world).count == 1)
    }
  }

  @Test func nothingToLearn() throws {
    try withFolder(["train": text(["2"], 0..<40)]) { folder, world in
      expectRefusal("one label (2)") { _ = try train(folder, world) }
      #expect(!FileManager.default.fileExists(atPath: "\(folder)/run"))
    }
    try withFolder(["train": text(["1"], 0..<30) + text(["2"], 0..<30)]) { folder, world in
      expectRefusal("--samples takes the first") { _ = try train(folder, world) { $0.samples = 20 } }
    }
  }
}
