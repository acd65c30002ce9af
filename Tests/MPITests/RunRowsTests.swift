import Collapse
import Datasets
import DeepRFM
import Files
import Foundation
import MPI
import Measures
import Network
import Runtime
import Testing

/// The rows that a run's layers saw, what `predict` writes of them, and what `collapse` reads of a run are the same rows: their measures are
/// those of metrics.jsonl, and `collapse` finds them again in the file.
@Suite(.serialized) struct RunRowsTests {
  private static let samples = 150

  /// *Collective.* The digits' labels in a file, in the order of the samples.
  private func writeLabels(_ path: String, _ world: Communicator) throws {
    try world.together {
      guard world.rank == 0 else { return }
      let labels = try Digits().labels(first: Self.samples).map { Double($0.name) ?? .nan }
      let writer = try NPYWriter<Double>(path, shape: [labels.count])
      try labels.withUnsafeBufferPointer { try writer.append($0) }
      try writer.finish()
    }
  }

  private func measure(_ world: Communicator, _ arguments: String...) throws -> CollapseMeasures {
    try collapse(CollapseOptions.parse(arguments), world: world).measures
  }

  private func expectClose(_ a: Double, _ b: Double, _ bound: Double = 1e-8) {
    #expect(abs(a - b) <= bound * max(abs(a), abs(b)), "\(a), \(b)")
  }

  @Test(arguments: ModelKind.allCases) func ofDeepRFM(model: ModelKind) throws {
    try withFolder { folder, world in
      var options = TrainOptions()
      options.adopt(model)
      (options.samples, options.layers, options.width, options.tolerance) = (Self.samples, 3, 20, 1e-10)
      (options.precision, options.quiet, options.output) = (.float64, true, folder + "/run")
      try train(options, host: Host(surveying: world, threads: 1), world: world)
      try writeLabels(folder + "/y.npy", world)
      for metrics in try RunFolder(folder + "/run").readMetrics() {
        let run = try measure(world, "--model", folder + "/run", "--layer", "\(metrics.layer)")
        expectClose(run.nc1.paper, metrics.nc1.input)
        expectClose(run.nc2.paper, metrics.nc2.input)
        var asked = PredictOptions()
        (asked.model, asked.layer, asked.dataset, asked.split) = (folder + "/run", metrics.layer, .digits, .train)
        (asked.samples, asked.features) = (Self.samples, folder + "/x\(metrics.layer).npy")
        #expect(try predict(asked, world: world) == .done)
        let file = try measure(
          world, "--features", folder + "/x\(metrics.layer).npy", "--labels", folder + "/y.npy")
        #expect(file.samples == Self.samples && file.width == metrics.inputWidth)
        expectClose(file.nc1.paper, metrics.nc1.input)
        expectClose(file.nc2.paper, metrics.nc2.input)
      }
    }
  }

  @Test func ofANetwork() throws {
    try withFolder { folder, world in
      var options = NetworkOptions()
      (options.samples, options.testSamples, options.epochs, options.batch) = (Self.samples, 60, 4, 32)
      (options.depth, options.width, options.precision) = (2, 12, .float64)
      (options.output, options.quiet) = (folder + "/run", true)
      _ = try trainNetwork(options, host: Host(surveying: world, threads: 1), world: world)
      try writeLabels(folder + "/y.npy", world)
      let last = try #require(try RunFolder(folder + "/run").readEpochs().last)
      for layer in last.layers {
        let found = try collapse(
          CollapseOptions.parse(["--model", folder + "/run", "--layer", "\(layer.layer)"]), world: world)
        expectClose(found.measures.nc1.paper, layer.nc1.input)
        expectClose(found.measures.nc2.paper, layer.nc2.input)
        let stages = try #require(found.measures.decomposition)
        expectClose(stages.nc1.right, layer.nc1.right)
        expectClose(stages.nc1.output ?? .nan, layer.nc1.output)
        expectClose(stages.nc2.output ?? .nan, layer.nc2.output)
        let correlation = try #require(found.measures.correlation)
        expectClose(correlation.agop, layer.nfa.agop)
        // The root of an AGOP that has not full rank: its rounding's root.
        expectClose(correlation.root, layer.nfa.root, 1e-5)
        let test = try #require(found.test)
        #expect(test.samples == 60 && test.nc1.paper != found.measures.nc1.paper)
      }
      // By itself the output's input, with nc3 and nc4.
      let whole = try measure(world, "--model", folder + "/run")
      expectClose(whole.nc1.paper, last.layers[1].nc1.output)
      #expect(whole.selfDuality != nil && whole.nearestCentreAgreement != nil)
      try expectFiles(folder, last.layers[1].nc1.input, world)
    }
  }

  /// Of more made-up test samples than there are unasked.
  @Test func aNetworkOfMadeUpSamples() throws {
    try withFolder { folder, world in
      var options = NetworkOptions()
      (options.dataset, options.samples, options.testSamples) = (.synthetic, 120, 520)
      (options.depth, options.width, options.epochs, options.batch) = (1, 8, 1, 32)
      (options.output, options.quiet) = (folder + "/run", true)
      _ = try trainNetwork(options, host: Host(surveying: world, threads: 1), world: world)
      let found = try collapse(CollapseOptions.parse(["--model", folder + "/run"]), world: world)
      #expect(found.measures.samples == 120 && found.test?.samples == 520)
    }
  }

  /// A table's columns are found by their names, in whatever order a file has them.
  @Test func aNetworkOfATable() throws {
    try withFolder { folder, world in
      let rows = (0..<60).map { (size: "\($0 % 7).5", colour: $0 % 2 == 0 ? "red" : "blue", kind: "k\($0 % 3)") }
      try world.together {
        guard world.rank == 0 else { return }
        let table = rows.map { "\($0.size),\($0.colour),\($0.kind)\n" }.joined()
        try OutputFile.replace(folder + "/train.csv", with: "size,colour,kind\n" + table)
        let turned = rows.map { "\($0.colour),\($0.size)\n" }.joined()
        try OutputFile.replace(folder + "/rows.csv", with: "colour,size\n" + turned)
      }
      var options = NetworkOptions()
      (options.dataset, options.data, options.target) = (.csv, folder + "/train.csv", "kind")
      (options.depth, options.width, options.epochs, options.batch) = (1, 8, 2, 16)
      (options.output, options.quiet) = (folder + "/run", true)
      _ = try trainNetwork(options, host: Host(surveying: world, threads: 1), world: world)
      func names(_ rows: RowsToPredict, _ file: String) throws -> [Substring] {
        let request = NetworkPredictionRequest(
          model: folder + "/run", rows: rows,
          paths: PredictionFiles.Paths(outputs: nil, labels: folder + "/" + file, features: nil))
        #expect(try predictNetwork(request, world: world) == .done)
        return try String(contentsOfFile: folder + "/" + file, encoding: .utf8).split(separator: "\n")
      }
      let known = try names(
        RowsToPredict(dataset: .csv, data: folder + "/train.csv", split: .train, input: nil), "known.txt")
      let found = try names(
        RowsToPredict(dataset: nil, data: nil, split: .test, input: folder + "/rows.csv"), "found.txt")
      #expect(known.count == 60 && found == known && Set(known).isSubset(of: ["k0", "k1", "k2"]))
    }
  }

  /// *Collective.* What predict writes of the network.
  private func expectFiles(_ folder: String, _ nc1: Double, _ world: Communicator) throws {
    let rows = RowsToPredict(dataset: .digits, data: nil, split: .train, input: nil)
    var request = NetworkPredictionRequest(
      model: folder + "/run", rows: rows,
      paths: PredictionFiles.Paths(
        outputs: folder + "/p.npy", labels: folder + "/names.txt", features: folder + "/phi.npy"))
    (request.layer, request.samples) = (2, Self.samples)
    #expect(try predictNetwork(request, world: world) == .done)
    let file = try measure(world, "--features", folder + "/phi.npy", "--labels", folder + "/y.npy")
    expectClose(file.nc1.paper, nc1)
    let names = try String(contentsOfFile: folder + "/names.txt", encoding: .utf8).split(separator: "\n")
    let outputs = try NPYArray(folder + "/p.npy")
    #expect(names.count == Self.samples && outputs.rows == Self.samples && outputs.columns == 10)
    try outputs.readRows(Array(0..<Self.samples)) { position, values in
      #expect(values.firstIndex(of: values.max() ?? .nan) == Int(names[position]))
    }
  }
}
