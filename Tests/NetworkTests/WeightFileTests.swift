import Files
import Network
import TestSupport
import Testing

/// What a file of weights may hold of batch norm's statistics.
@Suite struct WeightFileTests {
  /// Reads batch norm of two channels from a file with this statistic beside its parameters.
  private func read(_ name: String, _ shape: [Int], _ values: [Double]) throws -> [Double] {
    var builder = NetworkBuilder<Float>(rows: 1, threads: 1)
    builder.append(BatchNorm("bn1", of: FeatureShape(channels: 2, height: 1, width: 1), &builder))
    let weights = NetworkWeights<Float>(builder.parameters, builder.statistics)
    let folder = try ScratchDirectory()
    let path = folder.file("weights.safetensors")
    let tensors = weights.parameters.map { TensorInfo($0.name, .float32, $0.shape) }
    let writer = try SafetensorsWriter(path, tensors + [TensorInfo(name, .float64, shape)])
    for parameter in weights.parameters {
      try writer.append([Float](repeating: 1, count: parameter.range.count))
    }
    try writer.append(values)
    try writer.finish()
    try weights.read(SafetensorsFile(path))
    let statistic = try #require(weights.statistics.first { $0.name == name })
    return Array(weights.values(of: statistic))
  }

  @Test func statisticsAreTaken() throws {
    #expect(try read("bn1.running_mean", [2], [-3, 4]) == [-3, 4])
    #expect(try read("bn1.running_var", [2], [0, 4]) == [0, 4])
    #expect(try read("bn1.num_batches_tracked", [], [0x1p53]) == [0x1p53])
  }

  /// In one sentence that names the file and the tensor: a count that is none would end the program where it is written.
  @Test(
    arguments: [
      ("bn1.running_mean", [2], [1, Double.nan], "not finite"), ("bn1.running_mean", [2], [1, 1e300], "not finite"),
      ("bn1.running_var", [2], [Double.infinity, 1], "not finite"), ("bn1.running_var", [2], [1, -1e-3], "below 0"),
      ("bn1.num_batches_tracked", [], [Double.nan], "no number of batches"),
      ("bn1.num_batches_tracked", [], [0x1p54], "no number of batches"),
      ("bn1.num_batches_tracked", [], [-1], "no number of batches"),
      ("bn1.num_batches_tracked", [], [0.5], "no number of batches"),
    ] as [(String, [Int], [Double], String)])
  func statisticsAreRefused(name: String, shape: [Int], values: [Double], reason: String) {
    #expect {
      _ = try read(name, shape, values)
    } throws: { error in
      let sentence = (error as? InputError)?.description ?? ""
      return sentence.contains("weights.safetensors: tensor \"\(name)\"") && sentence.contains(reason)
    }
  }
}
