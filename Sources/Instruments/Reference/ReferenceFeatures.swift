import KernelMachine
import LinearAlgebra
import MPI

#if canImport(Glibc)
  import Glibc
#endif

extension Reference {
  /// relu(X R W^T), or sqrt(2 / d) cos(X R W^T + u): R the projection, W the weights, u the phases of `map`; (N x width).
  public static func features(_ x: Matrix<Double>, _ map: FeatureMap<Double>) -> Matrix<Double> {
    let w = Matrix<Double>(rows: map.weights.columns, columns: map.weights.rows)
    w.fill { map.weights[$1, $0] }
    let result = product(product(x, map.projection), w)
    for i in 0..<result.rows {
      for k in 0..<result.columns {
        let t = result[i, k]
        switch map.kind {
        case .relu: result[i, k] = t > 0 ? t : 0
        case .cosine: result[i, k] = (2 / Double(x.columns)).squareRoot() * cos(t + (map.phases?[0, k] ?? .nan))
        }
      }
    }
    return result
  }
}
