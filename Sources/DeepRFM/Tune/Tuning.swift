import Files
import KernelMachine
import LinearAlgebra
import MPI
import Runtime

/// *Collective.* Trains every combination of some options' values on the same training samples and compares them by the samples held out
/// (docs/choosing.md); writes tune.jsonl and best.json. With --resume goes on with a tuning that was stopped or killed: finished
/// combinations are not done again.
///
/// Returns `stoppedEarly` if `stop` was set on some rank, or the time limit is near. Throws `InputError` before anything is written,
/// `SolveError` where no combination could be solved.
public func tune(
  _ options: TuneOptions, host: Host, world: Communicator, stop: StopSwitch = StopSwitch(),
  start: Double = monotonicSeconds()
) throws -> ExitStatus {
  try TuneOptions.table.agreeOnStart(
    options, local: ["data", "memory", "threads", "quiet", "checkpointEvery", "timeLimit"], host, world)
  let monitor = try RunMonitor(
    stop: stop, timeLimit: options.train.timeLimit, start: start, world, hostName: host.name)
  defer { monitor.end() }
  let status =
    switch options.train.precision {
    case .float32: try Tuning<Float>(options, host, world, stop: stop, monitor: monitor).tuneOrStop()
    case .float64: try Tuning<Double>(options, host, world, stop: stop, monitor: monitor).tuneOrStop()
    }
  guard status == .done, options.refit, let output = options.train.output else { return status }
  monitor.end()
  return try refit(RunFolder(output), options, host, world, stop, start)
}

/// *Collective.* Trains the best combination up to its selected layer, on all samples.
private func refit(
  _ folder: RunFolder, _ options: TuneOptions, _ host: Host, _ world: Communicator, _ stop: StopSwitch, _ start: Double
) throws -> ExitStatus {
  let found = try world.together {
    world.rank == 0 ? try TuneLine.ranked(folder.readCombinations()).first?.selection.line ?? "" : ""
  }
  let selection = try JSON(parsing: world.broadcast(found, from: 0).utf8)
  var chosen = options.train
  try TrainOptions.table.apply(selection, from: folder.combinations, to: &chosen)
  (chosen.validation, chosen.select, chosen.patience) = (0, nil, nil)
  (chosen.output, chosen.resume) = (folder.refit, true)
  return try train(chosen, host: host, world: world, stop: stop, start: start)
}

/// The work of `tune` in precision T.
final class Tuning<T: Real & TensorElement> {
  let options: TuneOptions
  private let grid: TuneGrid
  /// Of the options as they stand: it reads the samples, and lends the others its ranks and threads.
  private let base: Training<T>
  private let world: Communicator
  /// Rank 0's.
  private var lines: [TuneLine] = []

  init(_ options: TuneOptions, _ host: Host, _ world: Communicator, stop: StopSwitch, monitor: RunMonitor) throws {
    self.options = options
    self.world = world
    grid = try TuneGrid(options)
    base = Training(options.train, host, world, stop: stop, monitor: monitor)
  }

  /// A folder inside, for the lock.
  private static var parts: String { "checkpoint" }

  private var folder: RunFolder { RunFolder(options.train.output ?? "") }
  private var progress: Progress { base.progress }

  /// *Collective.*
  func tuneOrStop() throws -> ExitStatus {
    do {
      try tune()
      return .done
    } catch let stopped as StoppedEarly {
      progress.message("\(stopped.sentence): the same command with --resume goes on")
      return .stoppedEarly
    }
  }

  private func tune() throws {
    let isNew = try findEarlier()
    for note in grid.notes { progress.message(note) }
    var left = try remaining()
    if !left.isEmpty {
      var samples = try base.loadSamples(isNew: isNew)
      progress.message(try base.planMemory(1, samples).plan.summary)
      try open(samples, isNew: isNew)
      progress.message(
        "combinations: \(grid.count), \(left.reduce(0) { $0 + $1.reduce(0) { $0 + $1.depths.count } }) to do")
      try base.prepare(&samples)
      while !left.isEmpty { try work(on: left.removeFirst(), samples) }
    }
    try world.together { if world.rank == 0 { try conclude() } }
  }

  // MARK: The folder

  /// *Collective.* Whether nothing has begun in the folder. Throws `InputError` if what is there was begun with other options.
  private func findEarlier() throws -> Bool {
    let found = try world.together {
      guard world.rank == 0, options.train.resume else { return 0 }
      guard InputFile.exists(folder.configuration) else {
        folder.removeBeginnings(parts: Self.parts)
        return 0
      }
      let before = try folder.readTuneConfiguration()
      try TuneOptions.table.expectSame(options, asBegun: before.options, free: EarlierRun.free, in: folder.path)
      lines = try folder.readCombinations()
      return 1
    }
    return try world.broadcast(found, from: 0) == 0
  }

  /// *Collective.* The stages with what is left to be done of them.
  private func remaining() throws -> [[TuneGrid.Chain]] {
    var left: [[TuneGrid.Chain]] = []
    for stage in grid.stages {
      var chains: [TuneGrid.Chain] = []
      for chain in stage {
        var isLeft = chain.depths.map { depth in
          lines.contains { $0.isOf(chain.options, layers: depth) } ? 0 : 1
        }
        try world.broadcast(&isLeft, from: 0)
        let depths = zip(chain.depths, isLeft).filter { $0.1 == 1 }.map { $0.0 }
        guard let deepest = depths.last else { continue }
        var options = chain.options
        options.layers = deepest
        chains.append(TuneGrid.Chain(options: options, depths: depths))
      }
      if !chains.isEmpty { left.append(chains) }
    }
    return left
  }

  /// *Collective.* Makes the folder, or opens it again.
  private func open(_ samples: Samples<T>, isNew: Bool) throws {
    let names = try world.allGather(Array(base.host.name.utf8)).map { String(decoding: $0, as: UTF8.self) }
    try world.together {
      guard world.rank == 0, isNew else { return }
      let header = TuneConfiguration(
        options: options, ranks: world.size, threads: base.host.threads, hosts: Set(names).sorted(),
        blasKernels: base.host.coreName)
      _ = try RunFolder.create(folder.path, parts: Self.parts, configuration: header.json(TuneOptions.table))
    }
    let run = RunRecorder<T>(directory: folder, world: world, layout: samples.layout)
    try base.hold(run)
    let hasData = try world.broadcast(world.rank == 0 && InputFile.exists(folder.data) ? 1 : 0, from: 0) == 1
    if hasData {
      try world.together { if world.rank == 0 { try base.check(samples, against: folder) } }
    } else {
      try run.saveData(samples)
    }
    try world.together { if world.rank == 0 { try folder.keepWholeCombinations() } }
  }

  /// *Collective.* A combination is finished.
  fileprivate func finish(_ line: TuneLine) throws {
    try world.together {
      guard world.rank == 0 else { return }
      try folder.append(line)
      lines.append(line)
    }
    progress.row(line.row, header: TuneLine.header)
  }

  /// *Local: rank 0 alone.* The table, best first, and best.json. Throws `SolveError` if none was solved.
  private func conclude() throws {
    let ranked = TuneLine.ranked(lines)
    guard let best = ranked.first, best.selectedLayer != nil,
      let chain = grid.chains.first(where: { chain in chain.depths.contains { best.isOf(chain.options, layers: $0) } })
    else {
      throw SolveError(sentence: "no combination was solved: \(ranked.first?.failure ?? "there is none")")
    }
    var winner = chain.options
    winner.layers = best.layers
    (winner.output, winner.resume) = (nil, false)
    try folder.writeBest(winner)
    progress.message("\nbest first:\n" + ([TuneLine.header] + ranked.map(\.row)).joined(separator: "\n"))
    progress.message("best: \(folder.best), for train --config")
  }
}

// MARK: - The work

extension Tuning {
  /// What a chain has come to.
  private final class Link {
    let chain: TuneGrid.Chain
    let training: Training<T>
    var selection: LayerSelection
    /// Of the selected layer.
    var selected: LayerMetrics?
    /// Depths that have no line yet.
    var depths: [Int]
    var seconds = 0.0

    init(_ chain: TuneGrid.Chain, _ base: Training<T>) {
      self.chain = chain
      training = Training(chain.options, like: base)
      selection = LayerSelection(chain.options)
      depths = chain.depths
    }

    /// Runs a step of this chain alone.
    func timing<R>(_ body: () throws -> R) rethrows -> R {
      let start = monotonicSeconds()
      defer { seconds += monotonicSeconds() - start }
      return try body()
    }

    /// Whether deeper layers are wanted.
    var goesOn: Bool { !depths.isEmpty }
  }

  /// *Collective.* All chains of a kernel and bandwidth: layer 1 together, what is deeper chain by chain.
  private func work(on chains: [TuneGrid.Chain], _ samples: Samples<T>) throws {
    let checkpoints = LayerCheckpoints<T>(
      nil, base.context, pace: base.pace, progress: progress, monitor: base.monitor)
    try checkpoints.stopHere()
    for (link, map) in try workOnFirstLayer(chains.map { Link($0, base) }, samples, checkpoints) {
      try deepen(link, map, samples, checkpoints)
    }
  }

  /// *Collective.* Returns the maps to layer 2 of the chains that go on.
  private func workOnFirstLayer(
    _ links: [Link], _ samples: Samples<T>, _ checkpoints: LayerCheckpoints<T>
  ) throws -> [(link: Link, map: LayerMap<T>)] {
    let layer = try links[0].training.makeLayer(1, samples, checkpoints)
    var kept: KernelOperator<T>?
    var maps: [(link: Link, map: LayerMap<T>)] = []
    for (link, fit, metrics) in try fitAll(links, layer, samples, &kept) {
      try note(metrics, link)
      guard link.goesOn else { continue }
      var own = kept
      // Where no other chain wants K, it goes before the root.
      if links.count == 1 { kept = nil }
      let map = try link.timing { try attempt(link) { try link.training.nextMap(layer, samples, fit, &own) } }
      if let map { maps.append((link, map)) }
    }
    return maps
  }

  /// *Collective.* X and K, and the kernel between X and the samples held out, are made once for all ridges. Leaves K for the AGOP, where
  /// the plan keeps its tiles.
  private func fitAll(
    _ links: [Link], _ layer: Layer<T>, _ samples: Samples<T>, _ kept: inout KernelOperator<T>?
  ) throws -> [(link: Link, fit: Fit, metrics: LayerMetrics)] {
    let (began, before) = (monotonicSeconds(), links.reduce(0) { $0 + $1.seconds })
    let least = links.map { $0.training.options.ridge }.min()
    let k = try links[0].training.makeKernelMatrix(layer, samples, least: least)
    var solved: [(link: Link, fit: Fit)] = []
    for link in links {
      let fit = try link.timing { try attempt(link) { try link.training.solve(layer, samples, k) } }
      if let fit { solved.append((link, fit)) }
    }
    kept = try links[0].training.keptTiles(of: k, layer.plan, throughRoot: links.count > 1)
    let metrics = try base.judge(solved.map { ($0.link.training, $0.fit) }, layer, samples)
    let own = links.reduce(0) { $0 + $1.seconds } - before
    for link in links { link.seconds += (monotonicSeconds() - began - own) / Double(links.count) }
    return zip(solved, metrics).map { ($0.link, $0.fit, $1) }
  }

  /// *Collective.* Layers 2 and deeper of one chain.
  private func deepen(
    _ link: Link, _ first: LayerMap<T>, _ samples: Samples<T>, _ checkpoints: LayerCheckpoints<T>
  ) throws {
    var (samples, map, number) = (samples, first, 1)
    while link.goesOn {
      number += 1
      try checkpoints.stopHere()
      let layer = try link.timing {
        var ignored = LayerMetrics()
        try link.training.apply(map, to: &samples, &ignored)
        try link.training.prepare(&samples)
        return try link.training.makeLayer(number, samples, checkpoints)
      }
      var kept: KernelOperator<T>?
      let found = try link.timing {
        try attempt(link) { try link.training.fitAlone(layer, samples, &kept) }.map {
          (fit: $0, metrics: try base.judge([(link.training, $0)], layer, samples)[0])
        }
      }
      guard let found else { return }
      try note(found.metrics, link)
      guard link.goesOn else { return }
      let next = try link.timing {
        try attempt(link) { try link.training.nextMap(layer, samples, found.fit, &kept) }
      }
      guard let next else { return }
      map = next
    }
  }

  /// *Collective.* A layer of the chain has been measured: the depths that are reached have their lines. Rank 0 decides.
  private func note(_ metrics: LayerMetrics, _ link: Link) throws {
    link.selection.note(metrics)
    let takesIt = link.chain.options.choice == .last || link.selection.takesLatest
    if takesIt { link.selected = metrics }
    let hasEnded = try world.broadcast(link.selection.hasEnded ? 1 : 0, from: 0) == 1
    while let depth = link.depths.first, depth == metrics.layer || hasEnded {
      link.depths.removeFirst()
      try finish(TuneLine(link.chain.options, layers: depth, link.selected, seconds: link.seconds))
    }
  }

  /// *Collective.* A combination that cannot be solved is no reason to leave the others out: it is noted as failed. `body` touches no
  /// file, and what goes wrong in it goes wrong on all ranks.
  private func attempt<R>(_ link: Link, _ body: () throws -> R) throws -> R? {
    do {
      return try body()
    } catch let error as any RankError where error.exitStatus == ExitStatus.failed.rawValue {
      for depth in link.depths {
        try finish(
          TuneLine(link.chain.options, layers: depth, nil, failure: error.sentence, seconds: link.seconds))
      }
      link.depths = []
      return nil
    }
  }
}
