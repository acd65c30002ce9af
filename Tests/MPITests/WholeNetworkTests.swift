import LinearAlgebra
import Network
import TestSupport
import Testing

/// Whole vgg11 and resnet18 networks beside PyTorch's in float64 (Tests/Golden/networks.py), the rows spread over the ranks: outputs, and
/// every parameter's gradient by its norm and its inner product with a vector, in training and in evaluating mode.
@Suite(.serialized) struct WholeNetworkTests {
  private struct File: Decodable {
    let architecture: String
    let input: [Int]
    let rows, width, depth, classes: Int
    /// In the order of the salts.
    let parameters: [String]
    let train, evaluate: Found
  }

  private struct Found: Decodable {
    let outputs: [Double]
    let gradients: [String: Digest]
  }

  private struct Digest: Decodable {
    let norm, probe: Double
    let first: [Double]
  }

  @Test(arguments: ["vgg11", "resnet18"]) func agreesWithPyTorch(architecture: String) throws {
    let golden = try #require(
      Golden.read("networks", as: [File].self).first { $0.architecture == architecture })
    let input = FeatureShape(channels: golden.input[0], height: golden.input[1], width: golden.input[2])
    var form = NetworkForm(try #require(Architecture(rawValue: architecture)), input: input, classes: golden.classes)
    (form.width, form.depth) = (golden.width, golden.depth)
    let problem = try NetworkProblem(input: input, batchRows: golden.rows, scale: 0) {
      try form.build(rows: $0, threads: 2)
    }
    try fill(problem, golden)
    for (mode, expected) in [(Pass<Double>.Mode.train, golden.train), (.evaluate, golden.evaluate)] {
      let outputs = try problem.network.forward(problem.x.view, mode, batchRows: problem.batchRows)
      let scale = expected.outputs.reduce(0) { max($0, abs($1)) }
      for (a, b) in zip(Array(outputs.elements), problem.own(expected.outputs)) { #expect(abs(a - b) <= 1e-10 * scale) }
      try problem.network.backward(problem.c.copy().view)
      try expectGradients(problem, expected.gradients)
    }
  }

  /// Parameters, rows, and the numbers that the outputs are multiplied by.
  private func fill(_ problem: NetworkProblem, _ golden: File) throws {
    let weights = problem.network.weights
    #expect(Set(golden.parameters) == Set(weights.parameters.map(\.name)))
    for parameter in weights.parameters {
      let salt = try #require(golden.parameters.firstIndex(of: parameter.name))
      let isVector = parameter.shape.count == 1
      let scale = isVector ? 0.25 : (6 / Double(parameter.columns)).squareRoot()
      let offset = isVector && parameter.name.hasSuffix("weight") ? 1.0 : 0
      PlaceHash.fill(
        weights.matrix(parameter).pointer, count: parameter.range.count, salt: salt, scale: scale, offset: offset)
    }
    problem.setRows(
      x: (0..<(golden.rows * problem.x.columns)).map { PlaceHash.uniform($0, 1000) * 1.7 },
      c: (0..<(golden.rows * golden.classes)).map { PlaceHash.uniform($0, 1001) })
  }

  private func expectGradients(_ problem: NetworkProblem, _ expected: [String: Digest]) throws {
    let weights = problem.network.weights
    try problem.world.sum(UnsafeMutableBufferPointer(rebasing: weights.gradients.buffer[0..<weights.count]))
    #expect(expected.count == weights.parameters.count)
    for parameter in weights.parameters {
      let wanted = try #require(expected[parameter.name])
      let g = weights.gradient(parameter).pointer
      let (square, probe) = PlaceHash.digest(g, count: parameter.range.count, salt: 1002)
      // A difference of 1e-9 |g| in any direction moves the inner product by about half of that.
      let bound = 1e-9 * wanted.norm
      #expect(abs(square.squareRoot() - wanted.norm) <= bound, "\(parameter.name)")
      #expect(abs(probe - wanted.probe) <= bound, "\(parameter.name)")
      for (k, value) in wanted.first.enumerated() { #expect(abs(g[k] - value) <= bound, "\(parameter.name)") }
    }
  }
}
