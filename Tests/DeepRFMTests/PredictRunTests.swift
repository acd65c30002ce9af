import DeepRFM
import Files
import Foundation
import Runtime
import Testing

/// The files of a run that fit each other, but for what a test changes.
private struct RunFiles {
  let scratch: ScratchDirectory
  var samples = 4
  var widths = [3, 2]
  var classes = 2
  var order = [2, 0, 3, 1]
  var labels = [0, 0, 1, 1]
  var mean = [0.0, 1, 2]
  var scale = [1, 2, Double.infinity]
  var layers = 2

  init() throws { scratch = try ScratchDirectory() }

  var path: String { scratch.file("run") }

  func write() throws {
    var options = TrainOptions()
    options.layers = layers
    let configuration = RunConfiguration(options: options, ranks: 1, threads: 1, hosts: [], blasKernels: "")
    let directory = try RunFolder.create(path, configuration)
    try write(
      directory.data,
      [
        ("order", [order.count], order), ("labels", [labels.count], labels), ("mean", [mean.count], mean),
        ("scale", [scale.count], scale),
      ])
    for (index, width) in widths.enumerated() {
      let next = index + 1 < widths.count ? widths[index + 1] : 5
      try write(
        directory.layer(index + 1),
        [
          ("projection", [width, width], ones(width * width)), ("weights", [next, width], ones(next * width)),
          ("coefficients", [samples, classes], ones(samples * classes)),
        ])
    }
  }

  private func ones(_ count: Int) -> [Double] { [Double](repeating: 1, count: count) }

  private func write(_ path: String, _ tensors: [(String, [Int], any Sequence)]) throws {
    let writer = try SafetensorsWriter(
      path, tensors.map { TensorInfo($0.0, $0.2 is [Int] ? .int64 : .float64, $0.1) })
    for (_, _, values) in tensors {
      if let whole = values as? [Int] { try writer.append(whole) }
      if let real = values as? [Double] { try writer.append(real) }
    }
    try writer.finish()
  }
}

struct PredictRunTests {
  private static let changes: [(String, @Sendable (inout RunFiles) -> Void)] = [
    ("an order that names a sample twice", { $0.order = [2, 0, 3, 3] }),
    ("an order beyond the samples", { $0.order = [2, 0, 4, 1] }),
    ("a negative order", { $0.order = [2, 0, -1, 1] }),
    ("labels that do not ascend", { $0.labels = [0, 1, 0, 1] }),
    ("a label beyond the classes", { $0.labels = [0, 0, 1, 2] }),
    ("a negative label", { $0.labels = [-1, 0, 1, 1] }),
    ("fewer labels than samples", { $0.labels = [0, 0, 1] }),
    ("no samples", { ($0.order, $0.labels, $0.samples) = ([], [], 0) }),
    ("other samples in the layers", { $0.samples = 5 }),
    ("no classes", { $0.classes = 0 }),
    ("another width in the data", { ($0.mean, $0.scale) = ([0, 1], [1, 1]) }),
    ("fewer scales than means", { $0.scale = [1, 1] }),
    ("a scale of zero", { $0.scale[0] = 0 }),
    ("a scale that is no number", { $0.scale[0] = .nan }),
    ("a mean that is not finite", { $0.mean[0] = .infinity }),
    ("a layer that is missing", { $0.layers = 3 }),
  ]

  @Test func aRunThatFitsIsRead() throws {
    let files = try RunFiles()
    try files.write()
    _ = try TrainedRun(files.path)
    _ = try TrainedRun(files.path, layer: 1)
  }

  @Test(arguments: changes.indices) func whatDoesNotFitIsRefused(_ index: Int) throws {
    var files = try RunFiles()
    Self.changes[index].1(&files)
    try files.write()
    #expect(throws: InputError.self, "\(Self.changes[index].0)") { try TrainedRun(files.path) }
  }

  @Test(arguments: [0, 3, -1, Int.max]) func layersThatTheRunHasNotAreRefused(_ layer: Int) throws {
    let files = try RunFiles()
    try files.write()
    #expect(throws: InputError.self) { try TrainedRun(files.path, layer: layer) }
  }

  @Test func noRunIsRefused() throws {
    let scratch = try ScratchDirectory()
    #expect(throws: InputError.self) { try TrainedRun(scratch.file("none")) }
    #expect(throws: InputError.self) { try TrainedRun(scratch.path) }
  }

  @Test(arguments: ["config.json", "data.safetensors", "layers/01.safetensors", "layers/02.safetensors"])
  func filesCutOffAnywhereAreRefused(_ name: String) throws {
    let files = try RunFiles()
    try files.write()
    let whole = try files.scratch.bytes("run/" + name)
    for length in stride(from: 0, to: whole.count - 2, by: 7) {
      try Data(whole[..<length]).write(to: URL(fileURLWithPath: files.path + "/" + name))
      #expect(throws: InputError.self, "\(length) bytes") { try TrainedRun(files.path) }
    }
  }

  /// Whatever a byte becomes, a run is read or refused; a test that ends has passed.
  @Test(arguments: ["data.safetensors", "layers/01.safetensors"])
  func changedBytesNeverEndTheProgram(_ name: String) throws {
    let files = try RunFiles()
    try files.write()
    let whole = try files.scratch.bytes("run/" + name)
    for index in whole.indices {
      for value in [0, 0x39, 0xff] as [UInt8] {
        var bytes = whole
        bytes[index] = value
        try Data(bytes).write(to: URL(fileURLWithPath: files.path + "/" + name))
        do { _ = try TrainedRun(files.path) } catch is InputError {}
      }
    }
  }
}
