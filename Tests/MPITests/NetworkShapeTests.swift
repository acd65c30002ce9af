import DeepRFM
import Files
import Instruments
import MPI
import Network
import Runtime
import Testing

/// The test samples that a plan counts, beside those that a run evaluates.
@Suite(.serialized) struct NetworkShapeTests {
  /// Two features that tell the label, in LIBSVM's format.
  private func text(_ names: [String], count: Int) -> String {
    (0..<count).map { i in
      let label = i % names.count
      let first = Double(label) + Double(i * 7 % 11) / 20
      let second = Double(i * 5 % 13) / 10
      return "\(names[label]) 1:\(first) 2:\(second)\n"
    }.joined()
  }

  /// All, where a label is one of training's; none, where no label is.
  @Test(arguments: [["-1", "1"], ["1", "9"], ["0"]]) func testSamplesAreThoseThatARunEvaluates(names: [String]) throws {
    let evaluated = names.contains("1") ? 30 : 0
    try withFolder(["train": text(["-1", "1"], count: 40), "test": text(names, count: 30)]) { folder, world in
      var options = NetworkOptions()
      (options.dataset, options.data, options.epochs, options.batch) = (.libsvm, folder, 1, 16)
      (options.depth, options.width, options.output, options.quiet) = (1, 8, folder + "/run", true)
      try trainNetwork(options, host: Host(surveying: world, threads: 1), world: world)
      try world.barrier()
      let epoch = try #require(try RunFolder(folder + "/run").readEpochs().first)
      #expect((epoch.accuracy.test != nil) == (evaluated > 0))

      let shape = try NetworkShape(of: options)
      #expect(shape.samples == 40 && shape.testSamples == evaluated && shape.readTestSamples == 30)
      let plan = try NetworkRunPlan(
        options, shape, ranks: 2, nodes: 1, threads: 1, budget: 1 << 30, program: 0, of: Float.self)
      // 2 x 8 and 8 x 2.
      let forward: Double = 2 * (2 * 8 + 8 * 2)
      #expect(plan.operations.evaluate == Double(40 + evaluated) * forward)
      // Read are they all.
      let bytes: Int = (20 + 15) * 2 * 4
      #expect(plan.memory.samples == bytes)

      // The same of a Deep RFM's plan.
      var train = TrainOptions()
      (train.dataset, train.data) = (.libsvm, folder)
      #expect(try ProblemShape(of: train).testSamples == evaluated)
    }
  }
}
