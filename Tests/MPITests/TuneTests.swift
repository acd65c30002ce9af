import Datasets
import DeepRFM
import Files
import Foundation
import MPI
import Runtime
import Testing

/// Combinations that share their work come to what they come to alone.
@Suite(.serialized) struct TuneTests {
  private func options(_ output: String, _ change: (inout TuneOptions) -> Void = { _ in }) -> TuneOptions {
    var options = TuneOptions()
    (options.train.samples, options.train.testSamples, options.train.width) = (110, 50, 24)
    (options.train.validation, options.train.memory, options.train.threads) = (30, 400 << 20, 1)
    (options.train.output, options.train.quiet) = (output, true)
    (options.kernels, options.bandwidths) = (["laplace", "gaussian"], ["2", "0.7"])
    (options.ridges, options.depths) = (["1e-3", "1"], ["1", "2"])
    change(&options)
    return options
  }

  @discardableResult private func tune(
    _ options: TuneOptions, _ world: Communicator, stop: StopSwitch = StopSwitch()
  ) throws -> Runtime.ExitStatus {
    let status = try DeepRFM.tune(options, host: Host(surveying: world, threads: 1), world: world, stop: stop)
    try world.barrier()
    return status
  }

  /// Without the seconds.
  private func results(_ folder: String) throws -> [String] {
    try RunFolder(folder).readCombinations().map { line in
      guard case .object(let members) = line.json else { return "" }
      return JSON.object(members.filter { $0.key != "seconds" }).line
    }
  }

  @Test func eachCombinationIsAsTrainedAlone() throws {
    let world = try TestWorld.all
    let folder = try SharedFolder(world)
    // Which kernel it is does not depend on the ranks: on more than two one is enough.
    let kernels = world.size > 2 ? ["laplace"] : ["laplace", "gaussian"]
    let options = options(folder.path + "/tune") { $0.kernels = kernels }
    #expect(try tune(options, world) == .done)
    let lines = try RunFolder(folder.path + "/tune").readCombinations()
    #expect(lines.count == 8 * kernels.count)
    for (number, chain) in try TuneGrid(options).chains.enumerated() {
      for depth in chain.depths {
        var alone = chain.options
        (alone.layers, alone.output) = (depth, folder.path + "/\(number)-\(depth)")
        try DeepRFM.train(alone, host: Host(surveying: world, threads: 1), world: world)
        try world.barrier()
        let run = RunFolder(alone.output ?? "")
        let selected = try #require(try run.readFacts()?.selectedLayer)
        let expected = try run.readMetrics()[selected - 1]
        let line = try #require(
          lines.first {
            $0.layers == depth && $0.ridge == JSON(alone.ridge) && $0.kernel == .string(alone.kernel.rawValue)
              && $0.bandwidth == TrainOptions.table.json(alone)["bandwidth"]
          })
        #expect(line.selectedLayer == selected)
        #expect(line.figure("accuracy", "validation") == expected.accuracy.validation)
        #expect(line.figure("accuracy", "test") == expected.accuracy.test)
        #expect(line.figure("meanSquaredError", "test") == expected.meanSquaredError.test)
      }
    }
    // The best is a configuration that trains to what the table says.
    let best = try #require(TuneLine.ranked(lines).first)
    #expect(lines.allSatisfy { $0.score <= best.score })
    var again = TrainOptions()
    try again.read(configuration: folder.path + "/tune/best.json")
    let ridge = try number(best.ridge)
    #expect(again.ridge == ridge && again.layers == best.layers && again.output == nil)
    #expect(again.validation == 30)
    try world.barrier()
    withExtendedLifetime(folder) {}
  }

  private func number(_ json: JSON) throws -> Double {
    guard case .number(let text) = json else { return .nan }
    return try #require(Double(text))
  }

  /// Stopped at more and more looks: no combination is done twice, and all are as in one go.
  @Test func whatIsFinishedIsNotDoneAgain() throws {
    let world = try TestWorld.all
    let folder = try SharedFolder(world)
    let change = { (options: inout TuneOptions) in (options.kernels, options.refit) = (["laplace"], true) }
    #expect(try tune(options(folder.path + "/whole", change), world) == .done)
    let parts = options(folder.path + "/parts") {
      change(&$0)
      $0.train.resume = true
    }
    var (stops, finished) = (0, 0)
    while try tune(parts, world, stop: StopSwitch(afterPolls: 60 + 60 * stops)) == .stoppedEarly {
      stops += 1
      let now = try RunFolder(folder.path + "/parts").readCombinations().count
      #expect(now >= finished)
      finished = now
      try world.barrier()
    }
    #expect(stops > 1)
    #expect(try results(folder.path + "/parts").sorted() == results(folder.path + "/whole").sorted())
    // The refit is on all samples, up to the selected layer.
    let refit = RunFolder(RunFolder(folder.path + "/parts").refit)
    let best = try #require(TuneLine.ranked(RunFolder(folder.path + "/parts").readCombinations()).first)
    #expect(try refit.readMetrics().last?.layer == best.selectedLayer)
    #expect(try refit.readMetrics().last?.samples == 110)
    #expect(try refit.readFacts()?.selectedLayer == best.selectedLayer)
    try world.barrier()
    // Once more: nothing is left to do.
    #expect(try tune(parts, world) == .done)
    #expect(try results(folder.path + "/parts").count == 8)
    try world.barrier()
    // A line that a crash cut off goes, and its combination is done again.
    if world.rank == 0 {
      let file = folder.path + "/parts/tune.jsonl"
      let text = try String(contentsOfFile: file, encoding: .utf8)
      try String(text.dropLast(20)).write(toFile: file, atomically: true, encoding: .utf8)
    }
    try world.barrier()
    #expect(try tune(parts, world) == .done)
    #expect(try results(folder.path + "/parts").sorted() == results(folder.path + "/whole").sorted())
    try world.barrier()
    withExtendedLifetime(folder) {}
  }

  @Test func otherOptionsAreRefused() throws {
    let world = try TestWorld.all
    let folder = try SharedFolder(world)
    let first = options(folder.path + "/a") { ($0.kernels, $0.bandwidths, $0.depths) = ([], [], ["1"]) }
    #expect(try tune(first, world) == .done)
    var other = first
    (other.train.resume, other.ridges) = (true, ["1e-3", "2"])
    #expect(throws: (any Error).self) { try tune(other, world) }
    other.train.resume = false
    #expect(throws: (any Error).self) { try tune(other, world) }
    try world.barrier()
    withExtendedLifetime(folder) {}
  }

  /// One iteration is too few for a ridge next to nothing, and enough for one that the kernel is nothing beside.
  @Test func aCombinationThatCannotBeSolvedLeavesTheOthers() throws {
    let world = try TestWorld.all
    let folder = try SharedFolder(world)
    let options = options(folder.path + "/a") {
      ($0.kernels, $0.bandwidths, $0.ridges, $0.depths) = ([], [], ["1e-12", "1e6"], ["1"])
      ($0.train.maxIterations, $0.train.tolerance) = (1, 1e-3)
    }
    #expect(try tune(options, world) == .done)
    let lines = try RunFolder(folder.path + "/a").readCombinations()
    let failed = try #require(lines.first { $0.ridge == JSON(1e-12) })
    #expect(lines.count == 2 && failed.selectedLayer == nil)
    #expect(failed.failure?.contains("--max-iterations") == true)
    #expect(TuneLine.ranked(lines).last == failed)
    try world.barrier()
    withExtendedLifetime(folder) {}
  }
}
