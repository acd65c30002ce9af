import LinearAlgebra
import Network
import Testing

/// A network of every convolutional layer kind beside PyTorch's in float64 (Tests/Golden/convolutions.py), the rows spread over the ranks.
@Suite(.serialized) struct ConvolutionGoldenTests {
  private struct File: Decodable {
    let input: [Int]
    let x, c: [Double]
    let parameters: [String: [Double]]
    let train, evaluate: Found
  }

  private struct Found: Decodable {
    let outputs: [Double]
    let gradients: [String: [Double]]
    /// After the pass.
    let statistics: [String: [Double]]
  }

  @Test func agreesWithPyTorch() throws {
    let golden = try Golden.read("convolutions", as: File.self)
    let input = FeatureShape(channels: golden.input[0], height: golden.input[1], width: golden.input[2])
    let problem = try NetworkProblem(input: input, batchRows: golden.c.count / 3) { Self.builder(input, rows: $0) }
    let weights = problem.network.weights
    #expect(Set(weights.parameters.map(\.name)) == Set(golden.parameters.keys))
    for parameter in weights.parameters {
      let values = try #require(golden.parameters[parameter.name])
      try #require(values.count == parameter.range.count)
      for (k, value) in values.enumerated() { weights.matrix(parameter).pointer[k] = value }
    }
    problem.setRows(x: golden.x, c: golden.c)
    for (mode, expected) in [(Pass<Double>.Mode.train, golden.train), (.evaluate, golden.evaluate)] {
      let outputs = try problem.network.forward(problem.x.view, mode, batchRows: problem.batchRows)
      close(Array(outputs.elements), problem.own(expected.outputs))
      try problem.network.backward(problem.c.copy().view)
      var gradient = Array(weights.gradients.buffer.prefix(weights.count))
      try problem.world.sum(&gradient)
      #expect(Set(weights.parameters.map(\.name)) == Set(expected.gradients.keys))
      for parameter in weights.parameters {
        close(Array(gradient[parameter.range]), expected.gradients[parameter.name] ?? [])
      }
      #expect(Set(weights.statistics.map(\.name)) == Set(expected.statistics.keys))
      for statistic in weights.statistics {
        close(Array(weights.values(of: statistic)), expected.statistics[statistic.name] ?? [])
      }
    }
  }

  private func close(_ found: [Double], _ expected: [Double]) {
    #expect(found.count == expected.count)
    let scale = max(1, expected.map { abs($0) }.max() ?? 0)
    for (a, b) in zip(found, expected) { #expect(abs(a - b) <= 1e-11 * scale) }
  }

  private static func builder(_ input: FeatureShape, rows: Int) -> NetworkBuilder<Double> {
    var builder = NetworkBuilder<Double>(rows: rows, threads: 2)
    var shape = input
    func append(_ layer: any NetworkLayer<Double>) {
      builder.append(layer)
      shape = layer.output
    }
    append(
      Convolution("0", from: shape, to: 4, kernel: 5, stride: 2, padding: 2, hasBias: false, .constant(0), &builder))
    append(BatchNorm("1", of: shape, &builder))
    append(Activation(.relu, of: shape, &builder))
    append(MaxPool(of: shape, kernel: 3, stride: 2, padding: 1, &builder))
    append(BasicBlock("4", from: shape, to: 4, stride: 1, &builder))
    append(BasicBlock("5", from: shape, to: 6, stride: 2, &builder))
    append(Convolution("6", from: shape, to: 5, kernel: 3, padding: 1, hasBias: true, .constant(0), &builder))
    append(Activation(.relu, of: shape, &builder))
    append(AveragePool(of: shape, to: 2, 2, &builder))
    append(Linear("10", from: shape, to: 3, .constant(0), &builder))
    return builder
  }
}
