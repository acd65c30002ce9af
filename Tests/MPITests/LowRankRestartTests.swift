import DeepRFM
import Files
import Foundation
import KernelMachine
import LinearAlgebra
import MPI
import Runtime
import Testing

/// A layer with low-rank tiles that is stopped in its AGOP: the tiles are gone when it is gone on with, and its AGOP's weights must come from
/// the very same ones.
@Suite(.serialized) struct LowRankRestartTests {
  /// Samples of four classes in LIBSVM's format, in turn. Each class is a vertex of a tetrahedron, of which its samples differ by a hundredth
  /// along three directions, the same for all: between two classes a tile has hardly more ranks than that.
  private func text(classRows: Int) -> String {
    let (classes, features, directions) = (4, 64, 3)
    let random = RandomStream(seed: 9, layer: 0, purpose: .probe)
    let axes: [[Double]] = (0..<directions).map { axis in
      (0..<features).map { random.normal(row: 1_000_000 + axis, column: $0) }
    }
    var lines: [String] = []
    for i in 0..<(classes * classRows) {
      let label = i % classes
      let place: [Double] = (0..<directions).map { 0.01 * random.normal(row: i, column: $0) }
      var line = "\(label)"
      for k in 0..<features {
        // Each feature has two classes on either side.
        var value: Double = label == 0 || label == 1 + k % 3 ? 1 : -1
        for axis in 0..<directions { value += place[axis] * axes[axis][k] }
        line += " \(k + 1):\(value)"
      }
      lines.append(line + "\n")
    }
    return lines.joined()
  }

  private func train(_ options: TrainOptions, _ stop: StopSwitch = StopSwitch()) throws -> Runtime.ExitStatus {
    let world = try TestWorld.all
    return try DeepRFM.train(options, host: Host(surveying: world, threads: 1), world: world, stop: stop)
  }

  /// How far a run of one layer came.
  private enum Place { case before, inAGOP, beyond }

  /// *Collective.* Begins a run and stops it when its stop request has been looked at so often.
  /// - Returns: where that was, and in the AGOP the share of the tiles' entries that factors stand for.
  private func stop(_ options: TrainOptions, after looks: Int) throws -> (place: Place, lowRank: Double) {
    let world = try TestWorld.all
    guard try train(options, StopSwitch(afterPolls: looks)) == .stoppedEarly else { return (.beyond, 0) }
    let latest = CheckpointFolder(RunFolder(options.output ?? "")).latest
    let isThere = FileManager.default.fileExists(atPath: latest)
    guard try world.broadcast(isThere ? 1 : 0, from: 0) == 1 else { return (.before, 0) }
    let facts = try CheckpointFile(latest).read(world, rows: 0..<1) { _ in false }.facts
    if facts["stage"] == .string("solve") { return (.before, 0) }
    guard facts["stage"] == .string("agop") else { return (.beyond, 0) }
    guard case .number(let share)? = facts["tilesLowRank"] else { return (.inAGOP, 0) }
    return (.inAGOP, Double(share) ?? 0)
  }

  /// *Local: rank 0 alone.* Every byte, but for what a machine takes.
  private func expectSameRun(_ a: RunFolder, _ b: RunFolder, _ comment: Comment) throws {
    func bytes(_ path: String) throws -> Data { try Data(contentsOf: URL(fileURLWithPath: path)) }
    let (agop, expected) = (
      try SafetensorsFile(b.layer(1)).matrix("agop"), try SafetensorsFile(a.layer(1)).matrix("agop")
    )
    #expect(agop.values == expected.values, comment)
    #expect(try bytes(a.layer(1)) == bytes(b.layer(1)), comment)
    #expect(try bytes(a.model) == bytes(b.model), comment)
    func untimed(_ run: RunFolder) throws -> [String] {
      try run.readMetrics().map { line in
        var line = line
        (line.seconds, line.peakMemoryBytes) = (LayerMetrics.Seconds(), 0)
        return line.json.line
      }
    }
    #expect(try untimed(a) == untimed(b), comment)
  }

  /// *Collective.* A state of another memory plan gives what is done, not its plan: the next state is of the memory that was given.
  private func expectMemoryAsGiven(_ options: TrainOptions, after looks: Int) throws {
    guard try stop(options, after: looks).place == .inAGOP else { return }
    var other = options
    other.memory = 1 << 31
    let world = try TestWorld.all
    let latest = CheckpointFolder(RunFolder(options.output ?? "")).latest
    for polls in 1... {
      guard try stop(other, after: polls).place == .inAGOP else { break }
      let facts = try CheckpointFile(latest).read(world, rows: 0..<1) { _ in false }.facts
      if facts["memoryBudget"] == JSON(1 << 31) { return }
    }
    Issue.record("no state of the memory that was given")
  }

  /// *Collective.* A state of an earlier build does not say whether all ranks were on one node: it is gone on with all the same, on the same ranks
  /// to the same bytes.
  private func expectEarlierStateTaken(_ options: TrainOptions, after looks: Int, samples: Int, like whole: RunFolder)
    throws
  {
    guard try stop(options, after: looks).place == .inAGOP else { return }
    let world = try TestWorld.all
    let run = RunFolder(options.output ?? "")
    let file = CheckpointFile(CheckpointFolder(run).latest)
    let shard = (samples * world.rank / world.size)..<(samples * (world.rank + 1) / world.size)
    var checkpoint = try file.read(world, rows: shard) { _ in true }
    guard case .object(let facts) = checkpoint.facts else {
      Issue.record("a state without facts")
      return
    }
    let others = facts.filter { $0.key != "oneNode" }
    #expect(others.count == facts.count - 1)
    checkpoint.facts = .object(others)
    let bytes = try file.write(checkpoint, world)
    #expect(bytes > 0)
    let ending = try train(options)
    #expect(ending == .done)
    if world.rank == 0 { try expectSameRun(whole, run, "without oneNode, after \(looks) looks") }
    try world.barrier()
  }

  /// Stopped between the solve and the AGOP, which is the AGOP's first safe point, and at later ones.
  @Test(arguments: [AGOPRoute.class, .gram]) func tilesAreMadeAgain(route: AGOPRoute) throws {
    // By class one rank alone, too, has more rows than a run, between two of which it can be stopped.
    let classRows = route == .class ? 450 : 150
    try withFolder(["train": text(classRows: classRows), "test": text(classRows: 10)]) { folder, world in
      var runs = 0
      func options() -> TrainOptions {
        runs += 1
        var options = TrainOptions()
        (options.dataset, options.data, options.layers, options.width) = (.libsvm, folder, 1, 40)
        // A direct solve has dense tiles.
        (options.solver, options.agop, options.tileTolerance) = (.cg, route, 3e-4)
        options.precision = route == .gram ? .float64 : .float32
        (options.output, options.quiet, options.resume) = ("\(folder)/run-\(runs)", true, true)
        return options
      }
      let undisturbed = options()
      #expect(try train(undisturbed) == .done)
      try world.barrier()
      let whole = RunFolder(undisturbed.output ?? "")
      let layer = try #require(try whole.readMetrics().first)
      let (tiles, weights): (Double, Double) = (layer.tiles.lowRank ?? 0, layer.agop.lowRank ?? 0)
      #expect(tiles > 0.3)
      #expect(route != .class || weights > 0.3)

      // The fewest looks that take it to the AGOP.
      var (few, many) = (0, 32)
      while try stop(options(), after: many).place == .before {
        (few, many) = (many, 2 * many)
        try #require(many < 1 << 20)
      }
      while many - few > 1 {
        let middle: Int = (few + many) / 2
        if try stop(options(), after: middle).place == .before { few = middle } else { many = middle }
      }

      // A rank's heartbeat looks, too, once a second: some before that. Later safe points farther and farther apart.
      var (looks, step, stops) = (max(1, many - 10), 1, 0)
      while true {
        let disturbed = options()
        let (place, lowRank) = try stop(disturbed, after: looks)
        if place == .beyond { break }
        if place == .inAGOP {
          #expect(abs(lowRank - tiles) < 1e-6)
          #expect(try train(disturbed) == .done)
          if world.rank == 0 { try expectSameRun(whole, RunFolder(disturbed.output ?? ""), "after \(looks) looks") }
          try world.barrier()
          if stops == 0 {
            try expectMemoryAsGiven(options(), after: looks)
            try expectEarlierStateTaken(options(), after: looks, samples: 4 * classRows, like: whole)
          }
          stops += 1
          if stops > 1 { step *= 2 }
        }
        looks += step
      }
      #expect(stops > 1)
    }
  }
}
