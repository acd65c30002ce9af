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

/// Runs of `--model rfm`, through the files they write, against an independent program's numbers.
@Suite(.serialized) struct GoldenPlainRFMTests {
  private struct Numbers: Decodable {
    let options: Options
    let input: Input
    let x, y: Golden.Rows
    let layers: [Layer]

    struct Options: Decodable {
      let kernel: String
      let bandwidth, ridge: Double
      let layers: Int
    }

    struct Input: Decodable {
      let trainX, testX: Golden.Rows
      let trainY, testY: Targets
    }

    struct Layer: Decodable {
      let testPredictions, agop, root: Golden.Rows
      let kernelAlignment: Double
    }

    /// Labels or rows of values.
    enum Targets: Decodable {
      case labels([Int])
      case values(Golden.Rows)

      init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        self =
          try (try? container.decode([Int].self)).map { .labels($0) } ?? .values(container.decode(Golden.Rows.self))
      }

      /// Outputs in the units that are fitted: values less the training rows' mean, over their unbiased deviation.
      func standardised(_ outputs: Matrix<Double>) -> Matrix<Double> {
        guard case .values(let rows) = self else { return outputs }
        let result = Matrix<Double>(rows: outputs.rows, columns: outputs.columns)
        for c in 0..<outputs.columns {
          let mean = rows.reduce(0) { $0 + $1[c] } / Double(rows.count)
          let squares = rows.reduce(0) { $0 + ($1[c] - mean) * ($1[c] - mean) }
          let deviation = (squares / Double(rows.count - 1)).squareRoot()
          for i in 0..<outputs.rows { result[i, c] = (outputs[i, c] - mean) / deviation }
        }
        return result
      }

      func write(_ path: String) throws {
        switch self {
        case .labels(let labels): try NPYWriter.write(path, shape: [labels.count], labels)
        case .values(let rows):
          try NPYWriter.write(path, shape: [rows.count, rows[0].count], rows.flatMap { $0 })
        }
      }
    }

    func write(to folder: String) throws {
      for (name, rows) in [("train_x", input.trainX), ("test_x", input.testX)] {
        try NPYWriter.write("\(folder)/\(name).npy", shape: [rows.count, rows[0].count], rows.flatMap { $0 })
      }
      try input.trainY.write(folder + "/train_y.npy")
      try input.testY.write(folder + "/test_y.npy")
    }

    var kernel: Kernel { Kernel(Kernel.Kind(rawValue: options.kernel) ?? .laplace, bandwidth: options.bandwidth) }
  }

  /// *Collective.* The run of a golden file.
  private func train(
    _ golden: Numbers, _ precision: Precision, _ folder: SharedFolder, _ world: Communicator, agop: AGOPRoute = .auto
  ) throws -> RunFolder {
    if world.rank == 0 { try golden.write(to: folder.path) }
    try world.barrier()
    var options = TrainOptions()
    options.adopt(.rfm)
    (options.dataset, options.data, options.output) = (.npy, folder.path, folder.path + "/run")
    (options.kernel, options.bandwidth, options.ridge) = (
      golden.kernel.kind, golden.options.bandwidth, golden.options.ridge
    )
    (options.precision, options.tolerance, options.quiet) = (precision, precision == .float64 ? 1e-11 : 1e-6, true)
    options.agop = agop
    #expect(options.layers == golden.options.layers)
    #expect(try DeepRFM.train(options, host: Host(surveying: world, threads: 1), world: world) == .done)
    try world.barrier()
    return RunFolder(folder.path + "/run")
  }

  private func matrix(_ file: SafetensorsFile, _ name: String) throws -> Matrix<Double> {
    let (rows, columns) = (try file.tensor(name).rows, try file.tensor(name).rowCount)
    return Matrix(rows: rows, columns: columns, try file.read(name, as: Double.self))
  }

  private func check(
    _ golden: Numbers, _ run: RunFolder, residual: Double, agop: Double, rows: Double
  ) throws {
    let order = try SafetensorsFile(run.data).read("order", as: Int.self)
    let metrics = try run.readMetrics()
    #expect(metrics.count == golden.layers.count)
    let x = Matrix<Double>(golden.x)
    var u = x
    for (line, expected) in zip(metrics, golden.layers) {
      let file = try SafetensorsFile(run.layer(line.layer))
      #expect(file.tensors.map(\.name).contains("weights") == false)
      // Class-sorted rows of A in the file's order again.
      let (sorted, a) = (try matrix(file, "coefficients"), Matrix<Double>(rows: u.rows, columns: golden.y[0].count))
      for (place, row) in order.enumerated() { for c in 0..<a.columns { a[row, c] = sorted[place, c] } }
      let k = Reference.kernel(golden.kernel, u, u)
      let found = Reference.residual(k, ridge: golden.options.ridge, a, Matrix(golden.y))
      #expect(found <= residual, "layer \(line.layer)")
      #expect(relativeError(try matrix(file, "agop"), Matrix(expected.agop)) <= agop, "layer \(line.layer)")
      #expect(abs(line.kernelAlignment - expected.kernelAlignment) <= agop, "layer \(line.layer)")
      #expect(line.bandwidth == golden.options.bandwidth && line.outputWidth == line.inputWidth)
      if line.layer == golden.layers.count {
        let centers = try matrix(SafetensorsFile(run.model), "centers")
        let expected = Matrix<Double>(rows: u.rows, columns: u.columns)
        for (place, row) in order.enumerated() { for p in 0..<u.columns { expected[place, p] = u[row, p] } }
        #expect(relativeError(centers, expected) <= rows)
      }
      u = Reference.product(x, Matrix(expected.root))
    }
  }

  @Test(arguments: ["laplace", "gaussian"], ["classes", "values"])
  func float64(kernel: String, task: String) throws {
    let world = try TestWorld.all
    let golden = try Golden.read("rfm-\(kernel)-\(task)", as: Numbers.self)
    for route in [AGOPRoute.class, .gram] {
      let folder = try SharedFolder(world)
      let run = try train(golden, .float64, folder, world, agop: route)
      // A root is as far off as the root of what its matrix is off by.
      if world.rank == 0 { try check(golden, run, residual: 1e-9, agop: 1e-9, rows: 1e-6) }
      try world.barrier()
      withExtendedLifetime(folder) {}
    }
  }

  @Test(arguments: ["laplace", "gaussian"], ["classes", "values"])
  func float32(kernel: String, task: String) throws {
    let world = try TestWorld.all
    let golden = try Golden.read("rfm-\(kernel)-\(task)", as: Numbers.self)
    let folder = try SharedFolder(world)
    let run = try train(golden, .float32, folder, world)
    // Coefficients belong to rows that float32 has rounded: a residual of 1e-6 there is one of |A| u, and u's rounding in K, here.
    if world.rank == 0 { try check(golden, run, residual: 1e-2, agop: 1e-4, rows: 1e-3) }
    try world.barrier()
    withExtendedLifetime(folder) {}
  }

  /// Every layer predicts as the golden program does: with the stored centers, and with those made again from the data.
  @Test(arguments: ["laplace", "gaussian"], ["classes", "values"])
  func predictions(kernel: String, task: String) throws {
    let world = try TestWorld.all
    let golden = try Golden.read("rfm-\(kernel)-\(task)", as: Numbers.self)
    let folder = try SharedFolder(world)
    let run = try train(golden, .float64, folder, world)
    for (layer, expected) in golden.layers.enumerated() {
      var options = PredictOptions()
      (options.model, options.output) = (run.path, folder.path + "/p.npy")
      (options.input, options.layer) = (folder.path + "/test_x.npy", layer + 1)
      #expect(try predict(options, world: world) == .done)
      try world.barrier()
      let (shape, values) = try NPYFile.read(folder.path + "/p.npy")
      let outputs = golden.input.trainY.standardised(Matrix(rows: shape[0], columns: shape[1], values))
      #expect(relativeError(outputs, Matrix(expected.testPredictions)) < 1e-7, "layer \(layer + 1)")
      try world.barrier()
    }
    withExtendedLifetime(folder) {}
  }
}
