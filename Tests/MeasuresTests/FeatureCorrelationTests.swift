import LinearAlgebra
import Measures
import Testing

/// The feature ansatz of an AGOP M = W^T S W by its factors, beside the same of M itself.
@Suite struct FeatureCorrelationTests {
  private let pool = ThreadPool(count: 2)

  private func noise(_ rows: Int, _ columns: Int, _ layer: Int) -> Matrix<Double> {
    let random = RandomStream(seed: 11, layer: layer, purpose: .probe)
    let matrix = Matrix<Double>(rows: rows, columns: columns)
    matrix.fill { random.normal(row: $0, column: $1) + 0.3 }
    return matrix
  }

  /// Outputs, inputs, and the rank of S: M has the least of the three, and the root of what has not full rank is its eigenvalues' rounding
  /// off, whose root that is.
  @Test(arguments: [
    (5, 9, 5, 1e-7), (9, 5, 9, 1e-11), (6, 6, 6, 1e-11), (7, 12, 3, 1e-7), (1, 4, 1, 1e-7), (8, 3, 2, 1e-7),
  ])
  func byFactorsAsByEntries(outputs: Int, inputs: Int, rank: Int, bound: Double) throws {
    let (w, gradients) = (noise(outputs, inputs, 0), noise(rank, outputs, 1))
    let s = Matrix<Double>(rows: outputs, columns: outputs)
    multiply(gradients.view, gradients.view, transposeA: true, into: s.view)
    let agop = outerProduct(of: w, outputGradients: s, pool: pool)
    // Its definition: the sum over gradients g of (W^T g)(W^T g)^T.
    let jacobians = Matrix<Double>(rows: rank, columns: inputs)
    multiply(gradients.view, w.view, into: jacobians.view)
    for i in 0..<inputs {
      for j in 0..<inputs {
        let entry = (0..<rank).reduce(0) { $0 + jacobians[$1, i] * jacobians[$1, j] }
        #expect(abs(agop[i, j] - entry) <= 1e-12 * agop[i, i].squareRoot() * agop[j, j].squareRoot())
      }
    }
    let (known, found) = (
      try FeatureCorrelation(of: w, with: agop, pool: pool),
      try FeatureCorrelation(of: w, outputGradients: s, pool: pool)
    )
    #expect(abs(found.agop - known.agop) <= 1e-11)
    #expect(abs(found.root - known.root) <= bound)
    #expect(abs(found.root) <= 1 + 1e-12 && abs(found.agop) <= 1 + 1e-12)
  }

  /// Where all gradients are 0 nothing is said.
  @Test func withoutGradients() throws {
    let (w, s) = (noise(3, 5, 2), Matrix<Double>(rows: 3, columns: 3))
    let found = try FeatureCorrelation(of: w, outputGradients: s, pool: pool)
    #expect(found.agop.isNaN && found.root.isNaN)
    s[1, 1] = .infinity
    #expect(try FeatureCorrelation(of: w, outputGradients: s, pool: pool).root.isNaN)
  }
}
