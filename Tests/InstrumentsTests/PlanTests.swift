import DeepRFM
import Files
import Instruments
import Testing

@Suite struct PlanTests {
  private func options(_ line: String) throws -> PlanOptions {
    try PlanOptions.parse(line.split(separator: " ").map(String.init))
  }

  private func run(
    _ line: String, ranks: Int = 1, nodes: Int = 1, threads: Int = 2, memory: Int = 16 << 30
  ) throws -> RunPlan {
    let options = try options(line).train
    return RunPlan(
      options, try ProblemShape(of: options), ranks: ranks, nodes: nodes, threads: threads,
      budget: options.memory ?? memory, program: 40 << 20)
  }

  /// One second an operation everywhere: seconds are then counts.
  private func unitRates(_ run: RunPlan) -> MachineRates {
    var rates = MachineRates()
    (rates.product, rates.doubleProduct, rates.smallEigen, rates.largeEigen) = (1, 1, 1, 1)
    (rates.tileElement, rates.exactTileElement, rates.factorElement, rates.vectorByte) = (1, 1, 1, 1)
    var width = WidthRates()
    (width.tilePair, width.predictorPair, width.pivotPair) = (1, 1, 1)
    (width.gradientPair, width.gramPair, width.gramProduct) = (1, 1, 1)
    (width.normalisedRow, width.regroupedRow, width.mappedRow, width.mapping) = (1, 1, 1, 1)
    for layer in run.layers { rates.widths[layer.widthToProbe] = width }
    return rates
  }

  /// Every rate, whatever its name.
  private func all(_ rates: MachineRates) -> [Double] {
    let own = Mirror(reflecting: rates).children.compactMap { $0.value as? Double }
    return rates.widths.keys.sorted { "\($0)" < "\($1)" }.reduce(into: own) { all, width in
      all += Mirror(reflecting: rates.widths[width] ?? WidthRates()).children.compactMap { $0.value as? Double }
    }
  }

  @Test func ratesAreMediansOneByOne() throws {
    let one = unitRates(try run("--dataset mnist --samples 4000"))
    var (low, high) = (MachineRates(), one)
    low.widths = one.widths.mapValues { _ in WidthRates() }
    high.product = 7
    for order in [[one, low, high], [low, high, one], [high, one, low]] {
      #expect(all(MachineRates(medianOf: order)) == all(one))
    }
  }

  private var fast: Network {
    var network = Network()
    (network.latency, network.localLatency, network.bandwidth, network.localBandwidth) = (0, 0, .infinity, .infinity)
    return network
  }

  // MARK: Options and sizes

  /// Official sizes are for a plan without files; a folder that is given is looked into.
  @Test func folderIsOpened() throws {
    let error = try #require(throws: InputError.self) {
      try ProblemShape(of: options("--dataset mnist --data /nowhere-at-all").train)
    }
    #expect(error.description.contains("nowhere"))
    let named = try options("--dataset mnist --data /nowhere-at-all").train
    #expect(try ProblemShape(of: named, opensFiles: false).samples == 60_000)
  }

  @Test func trainsOptionsAndItsOwn() throws {
    let options = try options(
      "--dataset mnist --samples 4000 --ranks 8 --nodes 2 --network-latency 2.5 --network-bandwidth 12 --iterations 9 --json "
        + "--width 64 --bandwidth 3.5 --memory 2GiB --resume")
    #expect(options.train.bandwidth == 3.5)
    #expect(options.train.samples == 4000 && options.train.width == 64 && options.train.memory == 2 << 30)
    #expect(options.ranks == 8 && options.nodes == 2 && options.latency == 2.5 && options.bandwidth == 12)
    #expect(options.iterations == 9 && options.json)
    #expect(throws: InputError.self) { try self.options("--dataset npy") }
    #expect(throws: InputError.self) { try self.options("--rank 8") }
    #expect(throws: InputError.self) { try self.options("--ranks 3 --nodes 2").validate(ranks: 1) }
    #expect(throws: InputError.self) { try self.options("--ranks 2 --solver cholesky").validate(ranks: 1) }
  }

  @Test func sizesWithoutFiles() throws {
    let cases: [(String, ProblemShape)] = [
      ("mnist", ProblemShape(samples: 60_000, testSamples: 10_000, width: 784, outputs: 10)),
      (
        "cifar10 --samples 8000 --test-samples 0", ProblemShape(samples: 8000, testSamples: 0, width: 3072, outputs: 10)
      ),
      ("svhn", ProblemShape(samples: 73_257, testSamples: 26_032, width: 3072, outputs: 10)),
      ("digits --samples 1500", ProblemShape(samples: 1500, testSamples: 297, width: 64, outputs: 10)),
      ("synthetic --samples 70", ProblemShape(samples: 70, testSamples: 500, width: 32, outputs: 4)),
    ]
    for (line, shape) in cases { #expect(try ProblemShape(of: options("--dataset " + line).train) == shape) }
    #expect(throws: InputError.self) { try ProblemShape(of: options("--dataset mnist --samples 60001").train) }
  }

  // MARK: Memory

  @Test func stagesMakeThePeak() throws {
    for (line, ranks) in [("--dataset mnist --samples 4000", 1), ("--dataset cifar10 --samples 16000", 2)] {
      let run = try run(line, ranks: ranks)
      #expect(run.fits && run.refusal == nil && run.remedies.isEmpty)
      let plan = run.largest.plan
      #expect(plan.peak == plan.stages.map(\.bytes).max())
      // Nothing that is held at once is counted twice, and all of it lies on top of the program and the samples.
      #expect(plan.stages.allSatisfy { $0.bytes >= plan.items[0].bytes })
      #expect(plan.storedShare == 1 && plan.peak < plan.items.reduce(0) { $0 + $1.bytes })
    }
  }

  @Test func lessMemoryTakesLess() throws {
    var last = Int.max
    for memory in [1 << 31, 1 << 30, 900 << 20, 800 << 20] {
      let run = try run("--dataset cifar10 --samples 16000 --memory \(memory)")
      #expect(run.fits && run.peak <= memory && run.peak <= last)
      last = run.peak
    }
    #expect(try run("--dataset cifar10 --samples 16000 --memory 800MiB").largest.plan.storedShare < 1)
  }

  @Test func whatDoesNotFitIsRefusedWithARemedyThatWorks() throws {
    let tight = try run("--dataset mnist --memory 300MiB")
    let refusal = try #require(tight.refusal)
    #expect(refusal.contains("300 MiB") && refusal.contains("layer"))
    let ranks = try #require(tight.remedies.first { $0.hasPrefix("--ranks ") })
    let enough = try #require(Int(ranks.split(whereSeparator: { $0 == " " || $0 == "," })[1]))
    #expect(tight.with(ranks: enough).fits && !tight.with(ranks: enough / 2).fits)
    let memory = try #require(tight.remedies.first { $0.hasPrefix("--memory ") })
    #expect(try run("--dataset mnist \(memory)").fits)
  }

  @Test func theDenseSolverHoldsAllOfK() throws {
    let dense = try run("--dataset cifar10 --memory 1GiB --solver cholesky")
    let refusal = try #require(dense.refusal)
    #expect(refusal.contains("18.63 GiB") && refusal.contains("--solver cholesky"))
    #expect(try run("--dataset cifar10 --samples 2000 --solver cholesky").fits)
  }

  /// Where `--solver auto` factors K, memory is planned for the iteration that takes over if that fails, too: the larger of the two.
  @Test func theDenseSolverLeavesRoomForItsFallback() throws {
    var load = try run("--dataset cifar10 --samples 2000 --solver cholesky --tile-tolerance 0").layers[0].load
    func solve(isDense: Bool, fallsBack: Bool, rank: Int) throws -> (plan: MemoryPlan, bytes: Int) {
      (load.isDense, load.fallsBack) = (isDense, fallsBack)
      let plan = MemoryPlan(estimating: load, budget: 16 << 30, resident: 1 << 28, wantedRank: rank)
      return (plan, try #require(plan.stages.first { $0.name == "solve" }).bytes)
    }
    // As many columns as samples are more than K is.
    let iterative = try solve(isDense: false, fallsBack: true, rank: 2000)
    let both = try solve(isDense: true, fallsBack: true, rank: 2000)
    let direct = try solve(isDense: true, fallsBack: false, rank: 0)
    #expect(iterative.plan.preconditionerRank == 2000 && !iterative.plan.solvesDirectly)
    #expect(both.plan.solvesDirectly && both.plan.preconditionerRank == 0 && both.plan.fallbackRank == 2000)
    #expect(direct.plan.solvesDirectly && direct.plan.fallbackRank == 0)
    #expect(direct.bytes < iterative.bytes && both.bytes == iterative.bytes)
    #expect(try solve(isDense: true, fallsBack: true, rank: 10).bytes == direct.bytes)
  }

  /// Where all tiles fit the solve, but not the AGOP beside it, they stay if factors have made them small enough: never above the peak.
  @Test func thinTilesStayWithinThePeak() throws {
    let line = "--dataset cifar10 --samples 16000 --agop class --tile-tolerance 3e-4"
    let plans = try stride(from: 700, to: 4000, by: 20).map { try run("\(line) --memory \($0)MiB").layers[0].plan }
    let plan = try #require(plans.first { $0.fits && $0.storedShare == 1 && !$0.keepsTiles })
    let agop = try #require(plan.stages.first { $0.name == "agop" }).bytes
    #expect(plan.mayKeepTiles && !plan.hasRoom(forTiles: plan.tileBudget))
    #expect(plan.hasRoom(forTiles: plan.peak - agop) && !plan.hasRoom(forTiles: plan.peak - agop + 1))
    // Other ranks' tiles may take what the own ones leave.
    let room = plan.peak - agop
    #expect(plan.remoteBytes == 0)
    #expect(plan.remoteBytes(beside: room) == 0 && plan.remoteBytes(beside: room + 1) == 0)
    #expect(plan.remoteBytes(beside: room - 1000) == 1000)
    // Without factors tiles are as large as they were planned.
    let dense = try run("\(line) --memory \(plan.peak) --tile-tolerance 0").layers[0].plan
    #expect(dense.keepsTiles || !dense.hasRoom(forTiles: 0))
    let roomy = try run("\(line) --memory 16GiB").layers[0].plan
    #expect(roomy.keepsTiles && roomy.hasRoom(forTiles: roomy.tileBudget))
    let planned = try run("\(line) --memory 16GiB", ranks: 2).layers[0].plan
    #expect(planned.remoteBytes > 0 && planned.remoteBytes(beside: 1000) == planned.remoteBytes)
  }

  /// Tiles are tried where a tenth of them or more would not fit, or the user gave a tolerance; not of a K that is factored.
  @Test func tilesBecomeThinWhereMemoryIsShort() throws {
    let line = "--dataset cifar10 --samples 16000 --agop class"
    func plan(_ more: String) throws -> MemoryPlan { try run("\(line) \(more)").layers[0].plan }
    let roomy = try plan("--memory 16GiB")
    #expect(!roomy.compressesTiles && !roomy.mayKeepTiles)
    let dense = try plan("--memory 16GiB --tile-tolerance 0")
    for name in ["kernel", "solve"] {
      #expect(roomy.stages.first { $0.name == name } == dense.stages.first { $0.name == name })
    }
    #expect(try plan("--memory 16GiB --tile-tolerance 3e-4").compressesTiles)
    #expect(!(try plan("--memory 16GiB --tile-tolerance 3e-4 --solver cholesky").compressesTiles))
    let plans = try stride(from: 700, to: 3000, by: 20).map { try plan("--memory \($0)MiB") }.filter(\.fits)
    #expect(plans.contains { $0.storedShare < 0.9 })
    #expect(plans.allSatisfy { $0.compressesTiles == ($0.storedShare < 0.9) || abs($0.storedShare - 0.9) < 0.02 })
  }

  /// Tiles that another chain of `--tune` wants lie beside the root, too: within the budget where they were planned for.
  @Test func tilesForAnotherChainHaveRoomBesideTheRoot() throws {
    let budget = 16 << 30
    let line = "--dataset cifar10 --samples 16000 --agop class"
    let roomy = try run(line, memory: budget).layers[0].plan
    let root = try #require(roomy.stages.first { $0.name == "root" }).bytes
    let left = budget - root
    #expect(roomy.keepsTiles && roomy.hasRoom(forTiles: left, throughRoot: true))
    #expect(roomy.hasRoom(forTiles: left + 1) && !roomy.hasRoom(forTiles: left + 1, throughRoot: true))
    // What stays because factors are small may be under the plan's peak as far as the larger of the two stages leaves room.
    let plans = try stride(from: 700, to: 4000, by: 20).map { try run("\(line) --memory \($0)MiB").layers[0].plan }
    let plan = try #require(plans.first { $0.fits && $0.mayKeepTiles })
    let stages = plan.stages.filter { ["agop", "root"].contains($0.name) }
    let most = try #require(stages.map(\.bytes).max())
    let rest = plan.peak - most
    #expect(plan.hasRoom(forTiles: rest, throughRoot: true) && !plan.hasRoom(forTiles: rest + 1, throughRoot: true))
  }

  /// train itself refuses what the plan does.
  @Test func trainRefusesTheSame() throws {
    let dense = try run("--dataset cifar10 --memory 1GiB --solver cholesky").layers[0].load
    let error = #expect(throws: InputError.self) {
      try MemoryPlan(dense, budget: 1 << 30, resident: 1 << 28, wantedRank: 0)
    }
    #expect(error?.description.contains("--solver cg") == true)
  }

  // MARK: Seconds

  /// Layers of one width go to the AGOP by different routes: each way is measured, and counted.
  @Test func eachRouteHasItsRates() throws {
    let run = try run("--dataset mnist --samples 4000 --features cosine --layers 3")
    #expect(run.layers.map { $0.load.width } == [784, 784, 784])
    #expect(run.widths.map(\.route) == [.gram, .class])
    let seconds = run.seconds(unitRates(run), fast)
    #expect(seconds[1][.agop] > 4000 * 4000 && seconds[1][.agop] == seconds[2][.agop])
  }

  /// A thousand classes of four rows: no segment is as high as a tile.
  @Test func manySmallClasses() throws {
    let shape = ProblemShape(samples: 4000, testSamples: 0, width: 512, outputs: 1000)
    let run = RunPlan(
      try options("--layers 2").train, shape, ranks: 1, nodes: 1, threads: 2, budget: 4 << 30, program: 40 << 20)
    #expect(run.fits)
    // Of a tile's rows, 512, the gradients alone would take 5 GB.
    let gradients = run.layers[1].plan.items.first { $0.name == "gradients" }
    #expect((gradients?.bytes ?? .max) < 2 << 30)
  }

  /// Ranks of one node let one of them factor K with the cores of all; those of two iterate.
  @Test func aFactorisationIsOfOneNode() throws {
    let shape = ProblemShape(samples: 4000, testSamples: 0, width: 512, outputs: 1000)
    func plan(ranks: Int, nodes: Int, budget: Int = 8 << 30) throws -> RunPlan {
      RunPlan(
        try options("--layers 1").train, shape, ranks: ranks, nodes: nodes, threads: 1, budget: budget,
        program: 40 << 20)
    }
    let (one, two) = (try plan(ranks: 1, nodes: 1), try plan(ranks: 2, nodes: 1))
    let apart = try plan(ranks: 2, nodes: 2)
    #expect(one.layers[0].load.isDense && two.layers[0].load.isDense && !apart.layers[0].load.isDense)
    let rates = unitRates(two)
    let alone = one.layers[0].seconds(rates, fast)[.solve]
    let together = two.layers[0].seconds(rates, fast)
    #expect(together[.solve] < 0.75 * alone)
    // Each rank stores all of its tiles, or K is not factored.
    let layers = try stride(from: 50, to: 800, by: 10).map { try plan(ranks: 2, nodes: 1, budget: $0 << 20).layers[0] }
    #expect(layers.contains { !$0.load.isDense && $0.plan.fits } && layers.contains { $0.load.isDense })
    #expect(layers.allSatisfy { !$0.load.isDense || ($0.plan.fits && $0.plan.storedShare == 1) })
    // From a run that factored nothing is known of the iterations on more nodes but the plan's own.
    var measured = LayerMetrics()
    (measured.layer, measured.solver.method, measured.seconds) = (1, .cholesky, together)
    let model = ScalingModel(
      .strong, base: two, layer: 1, measured: measured, ranksPerNode: 2, alone: rates, full: rates, network: fast)
    let four = try plan(ranks: 4, nodes: 2).layers[0]
    #expect(!four.load.isDense && four.iterations > 0)
    #expect(model.seconds(4)[.solve] == four.seconds(rates, fast)[.solve])
    #expect(abs(model.seconds(2)[.solve] / together[.solve] - 1) < 1e-12)
  }

  @Test func workIsShared() throws {
    let line = "--dataset cifar10 --samples 16000 --layers 3"
    let (one, two) = (try run(line), try run(line, ranks: 2))
    let (single, double) = (one.seconds(unitRates(one), fast), two.seconds(unitRates(two), fast))
    for (a, b) in zip(single, double) {
      // Half the pairs, and of the diagonal's tiles, which are made whole, as many.
      #expect(abs(b[.kernel] / a[.kernel] - 0.5) < 0.02 && abs(b[.metrics] / a[.metrics] - 0.5) < 0.1)
      #expect(b[.root] == a[.root] && a[.communication] == 0 && b[.communication] == 0)
      #expect(abs(a.total - a.values.dropLast().reduce(0, +)) <= 1e-9 * a.total)
    }
    // The AGOP, the solve and the rest count the same operations however they are shared.
    for (a, b) in zip(one.layers, two.layers) where a.plan.route == b.plan.route {
      #expect(a.operations[.solve] == b.operations[.solve] && a.operations[.features] == b.operations[.features])
    }
  }

  @Test func aSlowNetworkIsWaitedFor() throws {
    let run = try run("--dataset cifar10 --samples 16000 --layers 2", ranks: 8, nodes: 8)
    var rates = unitRates(run)
    (rates.product, rates.doubleProduct) = (1e-12, 1e-12)
    var (quick, slow) = (Network(), Network())
    (quick.latency, quick.bandwidth) = (1e-6, 1e10)
    (slow.latency, slow.bandwidth) = (1e-3, 1e7)
    #expect(run.seconds(rates, quick)[0][.communication] < run.seconds(rates, slow)[0][.communication] / 100)
  }

  @Test func iterationsFallWithDepthWhereDataCollapses() throws {
    let mnist = try run("--dataset mnist --samples 4000").layers.map(\.iterations)
    #expect(mnist[19] < mnist[4] / 3)
    let looser = try run("--dataset mnist --samples 4000 --tolerance 1e-2").layers.map(\.iterations)
    #expect(zip(looser, mnist).allSatisfy { $0 <= $1 } && looser[4] < mnist[4])
    #expect(try run("--dataset mnist --max-iterations 7").layers.allSatisfy { $0.iterations <= 7 })
    #expect(try run("--dataset cifar10 --samples 2000 --solver cholesky").layers[0].iterations == 0)
  }

  // MARK: Scaling

  private func scaling(
    _ kind: ScalingKind, _ change: (inout LayerMetrics.Seconds) -> Void = { _ in }, network: Network? = nil
  ) throws -> ScalingModel {
    let base = try run("--dataset cifar10 --samples 8000 --layers 2", threads: 1)
    var rates = unitRates(base)
    // Seconds of the size that a machine takes.
    (rates.product, rates.doubleProduct, rates.smallEigen, rates.largeEigen) = (1e-11, 2e-11, 1e-9, 1e-9)
    (rates.tileElement, rates.exactTileElement, rates.factorElement) = (1e-9, 2e-9, 1e-9)
    rates.vectorByte = 1e-10
    for width in rates.widths.keys { rates.widths[width] = secondsOfAMachine }
    var measured = LayerMetrics()
    measured.layer = 2
    measured.solver.iterations = 20
    measured.seconds = base.layers[1].seconds(rates, network ?? fast)
    change(&measured.seconds)
    return ScalingModel(
      kind, base: base, layer: 2, measured: measured, ranksPerNode: 2, alone: rates, full: rates,
      network: network ?? fast)
  }

  private var secondsOfAMachine: WidthRates {
    var width = WidthRates()
    (width.tilePair, width.predictorPair, width.pivotPair) = (6e-9, 6e-9, 1e-8)
    (width.gradientPair, width.gramPair, width.gramProduct) = (1e-7, 1e-8, 1e-11)
    (width.normalisedRow, width.regroupedRow, width.mappedRow) = (1e-6, 1e-6, 1e-5)
    return width
  }

  @Test func theModelMeetsTheMeasuredRun() throws {
    let model = try scaling(.strong) {
      $0[.kernel] *= 1.5
      $0[.agop] *= 0.7
      $0.total = $0.values.dropLast().reduce(0, +) + 0.25
    }
    for (found, measured) in zip(model.seconds(1).values, model.measured.seconds.values) {
      #expect(abs(found - measured) <= 1e-9 * measured)
    }
    // The factor stays, and what no phase counts does not shrink.
    let plain = try scaling(.strong)
    #expect(abs(model.seconds(16)[.kernel] / plain.seconds(16)[.kernel] - 1.5) < 1e-9)
    #expect(model.seconds(1024).total > 0.25)
  }

  @Test func strongScalingEnds() throws {
    let model = try scaling(.strong)
    let points = model.points(upTo: 1024)
    #expect(points.map(\.ranks) == (0...10).map { 1 << $0 } && points.last?.nodes == 512)
    #expect(points[0].efficiency == 1 && points[1].efficiency > 0.9)
    #expect(zip(points, points.dropFirst()).allSatisfy { $0.efficiency > $1.efficiency })
    let limit = try #require(model.limit(points))
    #expect([.root, .preconditioner, .features].contains(limit.phase) && limit.ranks > 2)
    // The root stays what it is while all else shrinks.
    let large = try #require(model.ranksOfLargeRoot(points))
    #expect(large > 2 && points.allSatisfy { ($0.seconds[.root] > $0.seconds.total / 2) == ($0.ranks >= large) })
    // A slow network is what stops it where there is one.
    var slow = Network()
    (slow.latency, slow.bandwidth) = (5e-3, 1e7)
    let waiting = try scaling(.strong, network: slow)
    #expect(waiting.limit(waiting.points(upTo: 1024))?.phase == .communication)
  }

  @Test func weakScalingKeepsThePairs() throws {
    let model = try scaling(.weak)
    let points = model.points(upTo: 64)
    #expect(points.map(\.samples) == [8000, 11314, 16000, 22627, 32000, 45255, 64000])
    for point in points { #expect(abs(point.seconds[.kernel] / points[0].seconds[.kernel] - 1) < 0.1) }
  }

  @Test func scalingOptions() throws {
    #expect(throws: InputError.self) { try self.options("--scaling strong") }
    #expect(throws: InputError.self) { try self.options("--calibrate nowhere --scaling weak") }
  }
}
