import Datasets
import DeepRFM
import Files
import Foundation
import Instruments
import KernelMachine
import LinearAlgebra
import MPI
import Runtime
import Testing

/// Runs of `--model rfm`, chosen bandwidths, rows as they are and class weights, through the files.
@Suite(.serialized) struct PlainRFMTests {
  private func options(_ output: String, _ change: (inout TrainOptions) -> Void = { _ in }) -> TrainOptions {
    var options = TrainOptions()
    options.adopt(.rfm)
    (options.samples, options.testSamples, options.layers, options.bandwidth) = (150, 50, 3, nil)
    (options.output, options.quiet, options.resume) = (output, true, true)
    change(&options)
    return options
  }

  private func train(
    _ options: TrainOptions, _ world: Communicator, _ stop: StopSwitch = StopSwitch()
  ) throws -> Runtime.ExitStatus {
    try DeepRFM.train(options, host: Host(surveying: world, threads: 1), world: world, stop: stop)
  }

  private func bytes(_ path: String) throws -> Data { try Data(contentsOf: URL(fileURLWithPath: path)) }

  /// Bytes of all that a run computes.
  private func expectSameRun(_ a: RunFolder, _ b: RunFolder, layers: Int) throws {
    for layer in 1...layers { #expect(try bytes(a.layer(layer)) == bytes(b.layer(layer)), "layer \(layer)") }
    #expect(try bytes(a.model) == bytes(b.model))
    for (x, y) in zip(try a.readMetrics(), try b.readMetrics()) {
      #expect(x.bandwidth == y.bandwidth && x.kernelAlignment == y.kernelAlignment && x.nc1 == y.nc1)
      #expect(x.accuracy == y.accuracy && x.bandwidth > 0 && x.bandwidth != 2)
    }
  }

  @Test(arguments: [AGOPRoute.class, .gram], [Precision.float32, .float64])
  func stoppedManyTimes(route: AGOPRoute, precision: Precision) throws {
    let world = try TestWorld.all
    let folder = try SharedFolder(world)
    func change(_ options: inout TrainOptions) {
      (options.agop, options.precision) = (route, precision)
      options.normalise = precision == .float64 ? .rows : .none
      options.classWeights = route == .gram ? .balanced : .none
    }
    #expect(try train(options(folder.path + "/undisturbed", change), world) == .done)
    var stops = 0
    while try train(
      options(folder.path + "/disturbed", change), world, StopSwitch(afterPolls: 24 + 11 * stops)) == .stoppedEarly
    {
      stops += 1
      try #require(stops < 1000)
    }
    #expect(stops >= 2)
    if world.rank == 0 {
      try expectSameRun(RunFolder(folder.path + "/undisturbed"), RunFolder(folder.path + "/disturbed"), layers: 3)
    }
    try world.barrier()
  }

  /// Of a Deep RFM and a plain one: each layer predicts as it did in training, with its own bandwidth.
  @Test(arguments: ModelKind.allCases, [Normalisation.rows, .none])
  func everyLayerPredictsAsItDidInTraining(model: ModelKind, normalise: Normalisation) throws {
    let world = try TestWorld.all
    let folder = try SharedFolder(world)
    let path = folder.path + "/run"
    #expect(
      try train(
        options(path) { ($0.model, $0.normalise, $0.precision, $0.width) = (model, normalise, .float64, 30) }, world)
        == .done)
    try world.barrier()
    for metrics in try RunFolder(path).readMetrics() {
      var predicted = PredictOptions()
      (predicted.model, predicted.output, predicted.layer) = (path, folder.path + "/p.npy", metrics.layer)
      (predicted.dataset, predicted.samples) = (.digits, 50)
      #expect(try predict(predicted, world: world) == .done)
      try world.barrier()
      let outputs = try NPYFile.read(folder.path + "/p.npy").values
      let labels = try Digits().labels(first: 200).suffix(50)
      var (right, error) = (0, 0.0)
      for (i, label) in labels.enumerated() {
        let row = outputs[(10 * i)..<(10 * i + 10)]
        if row.indices.max(by: { row[$0] < row[$1] }).map({ Label($0 - 10 * i) }) == label { right += 1 }
        for (c, output) in row.enumerated() {
          error += (output - (Label(c) == label ? 1 : -1)) * (output - (Label(c) == label ? 1 : -1)) / 500
        }
      }
      #expect(Double(right) / 50 == metrics.accuracy.test)
      #expect(abs(error / (metrics.meanSquaredError.test ?? .nan) - 1) < 1e-8, "layer \(metrics.layer)")
      try world.barrier()
    }
    withExtendedLifetime(folder) {}
  }

  /// One rank's run beside that of all: bandwidths and AGOPs to rounding.
  @Test func theRankCountChangesNothing() throws {
    let world = try TestWorld.all
    let alone = try world.split(color: world.rank, key: 0)
    let folder = try SharedFolder(world)
    func change(_ options: inout TrainOptions) { (options.precision, options.tolerance) = (.float64, 1e-11) }
    #expect(try train(options(folder.path + "/together", change), world) == .done)
    #expect(try train(options(folder.path + "/alone-\(world.rank)", change), alone) == .done)
    try world.barrier()
    let (together, single) = (RunFolder(folder.path + "/together"), RunFolder(folder.path + "/alone-\(world.rank)"))
    for (a, b) in zip(try together.readMetrics(), try single.readMetrics()) {
      #expect(abs(a.bandwidth / b.bandwidth - 1) < 1e-9 && abs(a.kernelAlignment - b.kernelAlignment) < 1e-9)
      let (m, n) = (try SafetensorsFile(together.layer(a.layer)), try SafetensorsFile(single.layer(a.layer)))
      #expect(relativeError(try m.read("agop", as: Double.self), try n.read("agop", as: Double.self)) < 1e-8)
    }
    try world.barrier()
    withExtendedLifetime(folder) {}
  }

  /// Two samples have one distance, and a kernel that is as its targets are.
  @Test func twoSamples() throws {
    let world = try TestWorld.all
    let folder = try SharedFolder(world)
    let options = options(folder.path + "/run") { ($0.samples, $0.layers) = (2, 2) }
    #expect(try train(options, world) == .done)
    try world.barrier()
    let metrics = try RunFolder(folder.path + "/run").readMetrics()
    #expect(metrics.count == 2 && metrics.allSatisfy { $0.bandwidth > 0 && abs($0.kernelAlignment - 1) < 1e-5 })
    try world.barrier()
    withExtendedLifetime(folder) {}
  }
}
