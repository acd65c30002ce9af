import Datasets
import DeepRFM
import Files
import Foundation
import Instruments
import KernelMachine
import LinearAlgebra
import MPI
import Measures
import Runtime
import Testing

/// Whole runs, through the files they write, against the golden values.
@Suite(.serialized) struct GoldenRunTests {
  private func train(_ options: TrainOptions, _ output: String, _ world: Communicator) throws {
    var options = options
    options.output = output
    options.quiet = true
    try DeepRFM.train(options, host: Host(surveying: world, threads: 1), world: world)
  }

  private func options(_ golden: Golden.Options) throws -> TrainOptions {
    var options = TrainOptions()
    options.layers = golden.layers
    options.kernel = try #require(Kernel.Kind(rawValue: golden.kernel))
    options.bandwidth = golden.bandwidth
    options.ridge = golden.ridge
    options.features = try #require(FeatureKind(rawValue: golden.features))
    options.featureScale = golden.featureScale
    options.width = golden.width
    options.seed = golden.seed
    options.precision = .float64
    options.tolerance = 1e-11
    return options
  }

  private func relative(_ value: Double, _ expected: Double) -> Double {
    abs(value - expected) / max(abs(expected), 1e-300)
  }

  // MARK: - Digits

  @Test(arguments: Golden.combinations) func digits(name: String) throws {
    let golden = try Golden.read("digits-" + name, as: Golden.Digits.self)
    var options = try options(golden.options)
    options.samples = 300
    options.testSamples = 200
    let world = try TestWorld.all
    try withFolder(of: world) { folder, world in
      let run = RunFolder(folder + "/run")
      _ = try train(options, run.path, world)
      guard world.rank == 0 else { return }
      let data = try SafetensorsFile(run.data)
      #expect(try data.read("order", as: Int.self) == golden.order)
      for (scale, expected) in zip(try data.read("scale", as: Double.self), golden.scale) {
        #expect(expected == 0 ? scale == .infinity || scale == 0 : relative(scale, expected) < 1e-13)
      }
      for (mean, expected) in zip(try data.read("mean", as: Double.self), golden.mean) {
        #expect(abs(mean - expected) <= 1e-13 * max(1, abs(expected)))
      }
      let metrics = try run.readMetrics()
      #expect(metrics.count == golden.layers.count)
      for (layer, (metric, expected)) in zip(metrics, golden.layers).enumerated() {
        check(metric, expected, ranks: world.size)
        try check(SafetensorsFile(run.layer(layer + 1)), expected)
      }
    }
  }

  private func check(_ metric: LayerMetrics, _ expected: Golden.Digits.Layer, ranks: Int) {
    let nc1 = [metric.nc1.input, metric.nc1.projected, metric.nc1.mapped]
    let nc2 = [metric.nc2.input, metric.nc2.projected, metric.nc2.mapped]
    for (value, golden) in zip(nc1 + nc2, expected.nc1.values + expected.nc2.values) {
      #expect(relative(value, golden) < 1e-8)
    }
    #expect(metric.accuracy.train == expected.accuracy.train)
    #expect(metric.accuracy.test == expected.accuracy.test)
    #expect(relative(metric.meanSquaredError.train, expected.meanSquaredError.train) < 1e-6)
    #expect(relative(metric.meanSquaredError.test ?? .nan, expected.meanSquaredError.test) < 1e-8)
    #expect(metric.solver.converged && metric.solver.residual <= 1e-11)
    #expect(metric.ranks == ranks && metric.samples == 300)
  }

  private func check(_ file: SafetensorsFile, _ expected: Golden.Digits.Layer) throws {
    try check(file, "coefficients", expected.coefficients, 1e-8)
    try check(file, "agop", expected.agop, 1e-8)
    // The root of eigenvalues that are rounding: 1e-8 and its companions.
    try check(file, "projection", expected.root, 1e-6)
    try check(file, "weights", expected.weights, 1e-14)
    let agop = try file.read("agop", as: Double.self)
    let width = try file.tensor("agop").rows
    let trace = (0..<width).reduce(0) { $0 + agop[$1 * width + $1] }
    #expect(relative(trace, expected.agopTrace) < 1e-8)
    #expect(agop.max() == 1)
  }

  private func check(
    _ file: SafetensorsFile, _ name: String, _ expected: Golden.Digits.Summary, _ bound: Double
  ) throws {
    let values = try file.read(name, as: Double.self)
    let columns = try file.tensor(name).rowCount
    let norm = values.reduce(0) { $0 + $1 * $1 }.squareRoot()
    #expect(relative(norm, expected.frobenius) < bound, "\(name)")
    for entry in expected.entries {
      let value = values[Int(entry[0]) * columns + Int(entry[1])]
      // Entries are about norm / size: errors are relative to the whole matrix.
      #expect(abs(value - entry[2]) <= bound * expected.frobenius, "\(name)")
    }
  }

  // MARK: - Twelve samples from NPY files

  @Test(arguments: Golden.combinations) func tiny(name: String) throws {
    let golden = try Golden.read("present-" + name, as: Golden.Tiny.self)
    var options = try options(golden.options)
    let world = try TestWorld.all
    try withFolder(of: world) { folder, world in
      if world.rank == 0 { try NPYFile.write(golden.input, to: folder) }
      try world.barrier()
      options.dataset = .npy
      options.data = folder
      let run = RunFolder(folder + "/run")
      _ = try train(options, run.path, world)
      guard world.rank == 0 else { return }
      for (metric, layer) in zip(try run.readMetrics(), golden.layers) {
        let file = try SafetensorsFile(run.layer(metric.layer))
        #expect(try error(file, "coefficients", layer.coefficients) < 1e-7)
        #expect(try error(file, "agop", layer.agop) < 1e-7)
        #expect(try error(file, "projection", layer.root) < 1e-6)
        #expect(try error(file, "weights", layer.weights) < 1e-14)
        if let phases = layer.phases { #expect(try error(file, "phases", [phases]) < 1e-14) }
        let nc1 = [metric.nc1.input, metric.nc1.projected, metric.nc1.mapped]
        for (value, expected) in zip(nc1, layer.nc1.values) { #expect(relative(value, expected) < 1e-6) }
        let nc2 = [metric.nc2.input, metric.nc2.projected, metric.nc2.mapped]
        for (value, expected) in zip(nc2, layer.nc2.values) { #expect(relative(value, expected) < 1e-6) }
        #expect(metric.accuracy.test == layer.accuracy.test)
        #expect(relative(metric.meanSquaredError.train, layer.meanSquaredError.train) < 1e-6)
        #expect(relative(metric.meanSquaredError.test ?? .nan, layer.meanSquaredError.test) < 1e-6)
      }
      // The last layer's X.
      let centers = try #require(golden.layers.last).x
      #expect(try error(SafetensorsFile(run.model), "centers", centers) < 1e-6)
    }
  }

  private func error(_ file: SafetensorsFile, _ name: String, _ expected: Golden.Rows) throws -> Double {
    let values = try file.read(name, as: Double.self)
    let golden = Matrix(expected)
    guard values.count == golden.count else { return .infinity }
    return relativeError(Matrix<Double>(rows: golden.rows, columns: golden.columns, values), golden)
  }

  // MARK: - Fewer samples than ranks

  /// Two to five samples, on all ranks and on one: the same layers.
  @Test(arguments: 2...5, Golden.combinations) func fewSamples(count: Int, name: String) throws {
    let golden = try Golden.read("tiny-" + name, as: Golden.Tiny.self)
    var options = try options(golden.options)
    options.dataset = .npy
    options.samples = count
    let world = try TestWorld.all
    let alone = try world.split(color: world.rank, key: 0)
    try withFolder(of: world) { folder, world in
      if world.rank == 0 { try NPYFile.write(golden.input, to: folder) }
      try world.barrier()
      options.data = folder
      let (all, one) = (RunFolder(folder + "/all"), RunFolder(folder + "/one-\(world.rank)"))
      _ = try train(options, all.path, world)
      _ = try train(options, one.path, alone)
      try world.barrier()
      for layer in 1...3 {
        let (a, b) = (try SafetensorsFile(all.layer(layer)), try SafetensorsFile(one.layer(layer)))
        for name in ["agop", "projection", "weights", "coefficients"] {
          let (x, y) = (try a.read(name, as: Double.self), try b.read(name, as: Double.self))
          let (left, right) = (Matrix(rows: 1, columns: x.count, x), Matrix(rows: 1, columns: y.count, y))
          #expect(relativeError(left, right) < 1e-5, "layer \(layer) \(name)")
        }
      }
    }
  }
}
