import Instruments
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
    let problem = try NetworkProblem(input: input, batchRows: golden.c.count / 3) {
      NetworkCheck.convolutions(of: input, rows: $0, threads: 2)
    }
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
}
