import DeepRFM
import Files
import Runtime

/// A small run directory, all of it valid.
enum FuzzRun {
  private static let names = [
    "config.json", "metrics.jsonl", "data.safetensors", "layers/01.safetensors", "layers/02.safetensors",
  ]

  /// Its files by name.
  static let files: [String: [UInt8]] = {
    do {
      let scratch = try ScratchDirectory()
      try write(scratch.file("run"))
      return Dictionary(uniqueKeysWithValues: try names.map { ($0, try scratch.bytes("run/\($0)")) })
    } catch { fatalError("the run of the tests cannot be written: \(error)") }
  }()

  /// 4 samples of 3 features and 2 classes, 2 layers.
  static func write(_ path: String) throws {
    var options = TrainOptions()
    options.layers = 2
    let directory = try RunFolder.create(
      path, RunConfiguration(options: options, ranks: 1, threads: 1, hosts: ["a"], blasKernels: "b"))
    for layer in 1...2 {
      var metrics = LayerMetrics()
      metrics.layer = layer
      try directory.append(metrics)
    }
    let data = try SafetensorsWriter(
      directory.data,
      [
        TensorInfo("order", .int64, [4]), TensorInfo("labels", .int64, [4]), TensorInfo("mean", .float64, [3]),
        TensorInfo("scale", .float64, [3]),
      ], metadata: ["classNames": "[\"a\", \"b\"]", "format": "1"])
    try data.append([2, 0, 3, 1])
    try data.append([0, 0, 1, 1])
    try data.append([0.0, 1, 2])
    try data.append([1, 2, Double.infinity])
    try data.finish()
    for (layer, (width, next)) in [(3, 2), (2, 5)].enumerated() {
      let writer = try SafetensorsWriter(
        directory.layer(layer + 1),
        [
          TensorInfo("projection", .float32, [width, width]), TensorInfo("weights", .float32, [next, width]),
          TensorInfo("coefficients", .float64, [4, 2]), TensorInfo("shown", .int64, [2]),
          TensorInfo("spectrum", .float64, [3]), TensorInfo("gramInput", .float32, [2, 2]),
          TensorInfo("gramProjected", .float32, [2, 2]),
        ])
      try writer.append([Float](repeating: 1, count: width * width))
      try writer.append([Float](repeating: 1, count: next * width))
      try writer.append([Double](repeating: 0.5, count: 8))
      try writer.append([0, 3])
      try writer.append([1, 0.5, 0.1])
      try writer.append([1, 0.5, 0.5, 1] as [Float])
      try writer.append([1, -0.5, -0.5, 1] as [Float])
      try writer.finish()
    }
  }
}
