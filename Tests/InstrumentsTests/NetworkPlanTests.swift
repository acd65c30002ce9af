import Files
import Instruments
import LinearAlgebra
import Network
import Runtime
import Testing

@Suite struct NetworkPlanTests {
  private func options(_ line: String) throws -> NetworkPlanOptions {
    try NetworkPlanOptions.parse(line.split(separator: " ").map(String.init))
  }

  private func run(_ line: String, ranks: Int = 1, nodes: Int = 1, memory: Int = 8 << 30) throws -> NetworkRunPlan {
    let options = try options(line).network
    return try NetworkRunPlan(
      options, NetworkShape(of: options), ranks: ranks, nodes: nodes, threads: 2, budget: options.memory ?? memory,
      program: 40 << 20, of: Float.self)
  }

  // MARK: Options and sizes

  @Test func networksOptionsAndItsOwn() throws {
    let options = try options(
      "--architecture vgg11 --dataset cifar10 --samples 2000 --epochs 60 --ranks 8 --nodes 2 --network-latency 2.5 "
        + "--network-bandwidth 12 --memory 2GiB --json")
    #expect(options.network.architecture == .vgg11 && options.network.samples == 2000 && options.network.epochs == 60)
    #expect(options.network.memory == 2 << 30 && options.ranks == 8 && options.nodes == 2 && options.json)
    #expect(options.latency == 2.5 && options.bandwidth == 12)
    #expect(throws: InputError.self) { try self.options("--layers 3") }
    #expect(throws: InputError.self) { try self.options("--dataset npy") }
    #expect(throws: InputError.self) { try self.options("--momentum 0.5 --optimizer adam") }
    #expect(throws: InputError.self) { try self.options("--ranks 3 --nodes 2").validate(ranks: 1) }
  }

  @Test func sizes() throws {
    let official = try NetworkShape(of: options("--dataset cifar10 --samples 2005").network)
    #expect(official.classCounts.reduce(0, +) == 2005 && official.classCounts.count == 10)
    #expect(official.features == 3072 && official.testSamples == 10_000)
    // As the labels are.
    let digits = try NetworkShape(of: options("--samples 300 --test-samples 50").network)
    #expect(digits.samples == 300 && digits.testSamples == 50 && digits.features == 64)
    #expect(digits.classCounts.count == 10 && Set(digits.classCounts).count > 1)
    #expect(throws: InputError.self) { try NetworkShape(of: self.options("--dataset cifar10 --samples 50001").network) }
    #expect(throws: InputError.self) { try self.run("--dataset synthetic --architecture vgg11") }
  }

  @Test(arguments: [(1, 10), (61, 10), (62, 10), (7, 1), (5, 100)]) func measurements(epochs: Int, every: Int) throws {
    let options = try options("--epochs \(epochs) --measure-every \(every)").network
    #expect(options.measurements == (0..<epochs).count { $0 % every == 0 || $0 == epochs - 1 })
  }

  // MARK: Memory

  /// The program itself takes what is planned: by the same items.
  @Test(arguments: [1, 2]) func memoryIsTheProgramsOwn(ranks: Int) throws {
    let run = try run("--architecture resnet18 --dataset cifar10 --samples 2000 --optimizer adam", ranks: ranks)
    let options = try options("--architecture resnet18 --dataset cifar10 --samples 2000 --optimizer adam").network
    let form = try options.form(features: 3072, shape: nil, classes: 10)
    let layout = Layout(classCounts: [Int](repeating: 200, count: 10), ranks: ranks)
    let memory = try NetworkMemory(
      options, form, layout, testRows: 10_000 / ranks, rows: run.rows, threads: 2, of: Float.self)
    #expect(run.memory.items.map(\.key) == memory.items.map(\.key))
    #expect(run.memory.items.map(\.bytes) == memory.items.map(\.bytes))
    #expect(run.peak == 40 << 20 + memory.items.reduce(0) { $0 + $1.bytes })
    // More than a batch's, and no more than there may be between two safe points.
    #expect(run.fits && run.refusal == nil && run.rows > 128 && run.rows <= 256 && run.rows == run.blockRows)
  }

  @Test func lessMemoryTakesFewerRowsAndThenNone() throws {
    let line = "--architecture resnet18 --dataset cifar10 --samples 2000 --test-samples 500"
    let whole = try run(line)
    let tight = try run(line, memory: whole.peak - 1)
    #expect(tight.fits && tight.rows < whole.rows && tight.peak < whole.peak)
    let none = try run(line + " --memory 100MiB")
    #expect(!none.fits && none.rows == 128)
    let refusal = try #require(none.refusal)
    #expect(refusal.contains("100 MiB") && !refusal.contains("\n"))
    let remedies = try none.remedies(of: Float.self)
    let least = try #require(remedies.first { $0.hasPrefix("--memory ") }?.split(separator: ",").first)
    #expect(try run("\(line) \(least)").fits)
    #expect(try !run(line, memory: none.peak - 1).fits)
  }

  /// Narrow layers take more rows at once, and what takes long no more than there may be between two safe points.
  @Test func rowsOfABlock() throws {
    let (narrow, wide) = (try run("--dataset mnist"), try run("--dataset mnist --width 1024"))
    #expect(narrow.rows == 1024 && narrow.blockRows == 1024 && wide.rows == 512 && wide.blockRows == 512)
    let images = try run("--architecture vgg11 --dataset cifar10 --samples 2000")
    // Convolutions of 8 x 8 and 4 x 4 positions and the others: 134 million multiplications, and 5 million of the head.
    let most: Int = (1 << 33) / 134_000_000
    // A batch's rows, which are more.
    #expect(images.rows == 128 && images.blockRows <= most && images.blockRows > most / 2)
  }

  // MARK: Operations and seconds

  @Test func operationsOfARun() throws {
    let run = try run("--samples 300 --test-samples 50 --depth 1 --width 8 --epochs 12 --measure-every 5", ranks: 2)
    // 64 x 8 and 8 x 10; measured after epochs 0, 5, 10 and 11.
    let forward = 2.0 * (512 + 80)
    let correlation = 64.0 * 64 + 21 * 512
    #expect(run.operations.train == 300 * (3 * forward - 2 * 512) && run.operations.evaluate == 350 * forward)
    let sweeps: Double = 10 * (2 * 80 + 8 * 9)
    #expect(run.operations.measure == 300 * (2 * forward + sweeps) + correlation)
    #expect(run.allOperations.train == 12 * run.operations.train)
    #expect(run.allOperations.measure == 4 * run.operations.measure)
  }

  private var rates: NetworkRates {
    var rates = NetworkRates()
    (rates.forward, rates.backward, rates.update) = (1e-3, 2e-3, 1e-4)
    (rates.evaluatedRow, rates.measuredRow) = (1e-5, 1e-4)
    (rates.correlation, rates.smallCorrelation) = (1e-9, 1e-10)
    return rates
  }

  private func network(latency: Double, bandwidth: Double) -> Interconnect {
    var network = Interconnect()
    (network.localLatency, network.localBandwidth) = (latency, bandwidth)
    return network
  }

  @Test func secondsOfAnEpoch() throws {
    let run = try run("--samples 300 --test-samples 50 --depth 1 --width 8 --batch 128 --epochs 12 --measure-every 5")
    let free = network(latency: 0, bandwidth: .infinity)
    let (plain, measured) = (
      run.seconds(rates, free, measures: false), run.seconds(rates, free, measures: true)
    )
    #expect(abs(plain.train - (300.0 / 128 * 3e-3 + 3 * 1e-4)) < 1e-12 && abs(plain.evaluate - 350e-5) < 1e-12)
    #expect(plain.measure == 0 && plain.exchange == 0 && measured.exchange == 0)
    #expect(abs(measured.measure - (300e-4 + 1e-10 * (64 * 64 + 21 * 512))) < 1e-12)
    let whole = run.allSeconds(rates, free)
    #expect(abs(whole.total - (12 * plain.total + 4 * measured.measure)) < 1e-9)
  }

  @Test func aSlowNetworkIsWaitedFor() throws {
    let run = try run("--samples 300 --architecture mlp --width 512", ranks: 2)
    let quick = run.seconds(rates, network(latency: 1e-6, bandwidth: 1e11), measures: false)
    let slow = run.seconds(rates, network(latency: 1e-3, bandwidth: 1e7), measures: false)
    #expect(quick.exchange > 0 && slow.exchange > 100 * quick.exchange && slow.train == quick.train)
  }

  /// Two ranks of each node send two thirds of their bytes to the other node, over its one line.
  @Test func ranksShareTheirNodesLine() throws {
    let run = try run("--samples 300 --architecture mlp --width 16", ranks: 4, nodes: 2)
    var network = Interconnect()
    (network.latency, network.bandwidth) = (0, 1e6)
    let seconds = run.seconds(NetworkRates(), network, measures: false)
    let bytes = run.exchange.rows + run.exchange.gradients
    #expect(abs(seconds.exchange / (bytes * 2 / 3 / 2e6) - 1) < 1e-9)
  }

  /// Two threads find the correlations of three small layers: the largest one's are the longest turn, and more than half of all.
  @Test func smallLayersAreSharedOut() throws {
    let run = try run("--samples 300 --depth 3 --width 8")
    let free = network(latency: 0, bandwidth: .infinity)
    let largest = 64.0 * 64 + 21 * 512
    let wanted = 300 * rates.measuredRow + 1e-10 * largest
    #expect(abs(run.seconds(rates, free, measures: true).measure - wanted) < 1e-12)
  }
}
