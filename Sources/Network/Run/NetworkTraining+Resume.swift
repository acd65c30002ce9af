import Files
import LinearAlgebra
import MPI
import Runtime

/// An earlier job's run, as all ranks know it.
struct EarlierNetwork {
  /// Rank 0's.
  let run: EarlierNetworkRun?
  let isFinished: Bool
}

extension NetworkTraining {
  /// *Collective.* What an earlier job has left, with --resume: nil where there is nothing. Throws `InputError` if what is there was begun
  /// with other options, or is no network's run.
  func findRun() throws -> EarlierNetwork? {
    guard options.resume, let output = options.output else { return nil }
    let found = try world.together { world.rank == 0 ? try EarlierNetworkRun(output) : nil }
    try world.together {
      guard let found else { return }
      try NetworkOptions.table.expectSame(
        options, asBegun: found.configuration.options, free: NetworkOptions.free, in: output)
    }
    guard try world.broadcast(found == nil ? 0 : 1, from: 0) == 1 else { return nil }
    return EarlierNetwork(run: found, isFinished: try world.broadcast(found?.isFinished == true ? 1 : 0, from: 0) == 1)
  }

  /// *Collective.* Makes the run directory, once all input was found good.
  func openRun(_ samples: NetworkSamples<T>) throws -> NetworkRun {
    let path = try world.broadcast(
      try world.together {
        if let output = options.output { return output }
        return world.rank == 0 ? try DefaultFolder(for: options.dataset.rawValue).path : ""
      }, from: 0)
    var used = options
    used.output = path
    let names = try world.allGather(Array(host.name.utf8)).map { String(decoding: $0, as: UTF8.self) }
    let configuration = NetworkConfiguration(
      options: used, ranks: world.size, threads: host.threads, hosts: Set(names).sorted(), blasKernels: host.coreName)
    try world.together {
      if world.rank == 0 {
        _ = try RunFolder.create(path, parts: RunFolder.weightsName, configuration: configuration.json)
      }
    }
    let run = NetworkRun(folder: RunFolder(path))
    try hold(run)
    try run.saveData(samples, world)
    return run
  }

  /// *Collective.* Opens an earlier run's directory again. Throws `InputError` if the data are not those that it was begun with.
  func reopenRun(_ earlier: EarlierNetwork, _ samples: NetworkSamples<T>) throws -> NetworkRun {
    let run = NetworkRun(folder: RunFolder(options.output ?? ""))
    try hold(run)
    var hasData = false
    try world.together {
      guard let found = earlier.run else { return }
      hasData = found.hasData
      if hasData { try check(samples, against: run.folder) }
    }
    if try world.broadcast(hasData ? 1 : 0, from: 0) == 0 { try run.saveData(samples, world) }
    return run
  }

  /// *Local.* Sums over ranks round differently: means and scales may differ by that.
  private func check(_ samples: NetworkSamples<T>, against folder: RunFolder) throws {
    let data = try folder.readData()
    let shard = samples.shard
    guard data.order == shard.order, data.labels == shard.labels,
      data.standardisation.agrees(with: shard.standardisation),
      !options.architecture.takesImages || data.sampleShape == nil || data.sampleShape == samples.sampleShape
    else {
      throw InputError(
        "--resume: the data are not those that the run in \(folder.path) was begun with"
          + (options.data.map { " (--data \($0))" } ?? ""))
    }
  }

  /// *Collective.* Keeps other jobs out of the run directory.
  private func hold(_ run: NetworkRun) throws {
    try world.together {
      guard world.rank == 0 else { return }
      let folder = CheckpointFolder(run.folder)
      try folder.make()
      lock = try folder.hold { progress.message("waiting for another job to leave \(run.folder.path)") }
    }
  }

  // MARK: Checkpoints

  /// *Collective.* Writes where the run is. Throws `DivergenceError` rather than save numbers that are not finite.
  func save(_ place: EpochPlace, _ work: NetworkWork<T>, _ run: NetworkRun) throws {
    monitor?.isSaving = true
    defer { monitor?.isSaving = false }
    let began = monotonicSeconds()
    let loss = try total(place.score)
    guard try isFinite(loss.loss, work) else { throw try diverged(place.epoch, work, run) }
    var slowest = timer.values(of: Phase.ofEpoch)
    try world.maximum(&slowest)
    try work.step.gatherMemory()
    let weights = work.network.weights
    let facts: [(String, JSON)] = [
      ("stage", .string("epoch")), ("epoch", JSON(place.epoch)), ("step", JSON(place.step)),
      ("optimizerSteps", JSON(work.optimizer.steps)), ("samples", JSON(work.samples.layout.sampleCount)),
      ("threads", JSON(host.threads)), ("version", .string(version)),
    ]
    let checkpoint = Checkpoint(
      facts: .object(facts.map { JSON.Member($0.0, $0.1) }),
      shared: [
        SavedTensor("weights", weights.values), SavedTensor("statistics", weights.statisticValues),
        SavedTensor("score", loss.values), SavedTensor("seconds", slowest),
      ] + work.optimizer.saved + (place.hasEarlierWeights ? work.savedGood : []),
      own: [SavedTensor("score", place.score.values)])
    let folder = CheckpointFolder(run.folder)
    let bytes = try CheckpointFile(folder.next).write(checkpoint, world)
    try world.together { if world.rank == 0 { try folder.advance() } }
    pace.restart()
    let seconds = Format.fixed(monotonicSeconds() - began, digits: 2)
    progress.message("checkpoint in epoch \(place.epoch): \(Format.bytes(bytes)) in \(seconds) s")
  }

  /// *Collective.* Where the newest state that is whole leaves the run, its numbers in place; nil: there is none, or what was written
  /// before it is damaged, and the run begins again.
  func loadCheckpoint(_ run: NetworkRun, _ work: NetworkWork<T>, _ earlier: EarlierNetwork) throws -> EpochPlace? {
    for path in CheckpointFolder(run.folder).states {
      guard try world.broadcast(world.rank == 0 && InputFile.exists(path) ? 1 : 0, from: 0) == 1 else { continue }
      do {
        let place = try read(path, work)
        let isWhole = earlier.run?.isWhole(upTo: place.epoch) == true
        guard try world.broadcast(isWhole ? 1 : 0, from: 0) == 1 else {
          progress.message("metrics or weights of earlier epochs are missing or damaged")
          break
        }
        let different = earlier.run?.configuration.differences(ranks: world.size, host) ?? ""
        progress.message("going on in epoch \(place.epoch) of \(options.epochs), after \(place.step) steps\(different)")
        return place
      } catch let error as CheckpointError {
        progress.message("\(error): going on from the state before it")
      }
    }
    progress.message("no state to go on from: the run begins again")
    work.network.weights.resetStatistics()
    work.optimizer.reset()
    try initialise(work.network.weights)
    return nil
  }

  /// *Collective.* Throws `CheckpointError`, the same on all ranks.
  private func read(_ path: String, _ work: NetworkWork<T>) throws -> EpochPlace {
    let layout = work.samples.layout
    let checkpoint = try CheckpointFile(path).read(world, rows: layout.shard(of: world.rank)) { _ in true }
    let outcome = Result { try restore(checkpoint, work) }
    var failed = 0
    if case .failure = outcome { failed = 1 }
    guard try world.maximum(failed) == 0 else {
      if case .failure(let error) = outcome { throw CheckpointError("\(path): \(error)") }
      throw CheckpointError("\(path): another rank cannot use it")
    }
    return try outcome.get()
  }

  /// *Local.*
  private func restore(_ checkpoint: Checkpoint, _ work: NetworkWork<T>) throws -> EpochPlace {
    func integer(_ key: String) throws -> Int {
      guard case .number(let literal)? = checkpoint.facts[key], let value = Int(literal) else {
        throw CheckpointError("its facts are not all there")
      }
      return value
    }
    guard try integer("samples") == work.samples.layout.sampleCount else {
      throw CheckpointError("it is of other samples")
    }
    var place = EpochPlace(epoch: try integer("epoch"))
    place.step = try integer("step")
    place.seconds = try checkpoint.shared.values("seconds")
    let weights = work.network.weights
    try checkpoint.shared.restore("weights", into: weights.values)
    try checkpoint.shared.restore("statistics", into: weights.statisticValues)
    try work.optimizer.restore(checkpoint.shared, steps: integer("optimizerSteps"))
    try work.takeGood(from: checkpoint.shared)
    if checkpoint.own.isEmpty {
      // Of another number of ranks: their sum stays one rank's.
      place.score = world.rank == 0 ? Score(try checkpoint.shared.values("score")) : Score()
    } else {
      place.score = Score(try checkpoint.own.values("score"))
    }
    return place
  }
}
