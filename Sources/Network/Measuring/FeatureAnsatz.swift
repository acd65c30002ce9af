import LinearAlgebra
import Measures
import Runtime

/// The correlation of W^T W with the AGOP at a layer's input, and with its root (the Neural Feature Ansatz: Radhakrishnan, Beaglehole,
/// Pandit, Belkin 2024).
enum FeatureAnsatz {
  /// *Local.* - Parameters:
  ///   - weights: W; (outputs x width).
  ///   - agop: M; (width x width).
  static func correlations(
    weights: Matrix<Double>, agop: Matrix<Double>, pool: ThreadPool
  ) throws -> (agop: Double, root: Double) {
    let gram = Matrix<Double>(rows: agop.rows, columns: agop.rows)
    pool.addGram(of: weights.view, beta: 0, intoLower: gram.view)
    mirrorLower(gram.view)
    guard agop.buffer.allSatisfy(\.isFinite) else { return (.nan, .nan) }
    return (correlation(gram, agop), correlation(gram, try symmetricRoot(agop, pool: pool)))
  }

  /// Pearson's, of two matrices' entries; nan where one of them is constant. *Local.*
  static func correlation(_ a: Matrix<Double>, _ b: Matrix<Double>) -> Double {
    let count = Double(a.count)
    let (meanA, meanB) = (a.buffer.reduce(0, +) / count, b.buffer.reduce(0, +) / count)
    var (ab, aa, bb) = (0.0, 0.0, 0.0)
    for k in 0..<a.count {
      let (x, y) = (a.pointer[k] - meanA, b.pointer[k] - meanB)
      ab += x * y
      aa += x * x
      bb += y * y
    }
    return aa > 0 && bb > 0 ? ab / (aa * bb).squareRoot() : .nan
  }
}
