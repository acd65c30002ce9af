import MPI
import KernelMachine
import LinearAlgebra

#if canImport(Glibc)
  import Glibc
#endif

extension DebugProblem {
  /// Mapped rows, deviations and centres together, against the plain formula.
  public func checkFeatures(
    _ map: FeatureMap<Double>,
    twin: (Matrix<Double>, FeatureMap<Double>) -> Matrix<Double> = plainFeatures
  ) throws -> [Check] {
    let mapped = rows.mapped(by: map)
    let next = Rows(
      mapped.deviations, rowCount: n, centres: mapped.centres, segments: rows.segments,
      layout: samples.layout, context: training.context)
    let error = relativeError(plainRows(next), twin(x, map))
    return [Check("features: \(map.kind)", error: error, bound: 1e-12)]
  }

  /// The layer's map behind a root.
  public func map(_ kind: FeatureKind, _ root: Matrix<Double>) -> FeatureMap<Double> {
    FeatureMap(
      drawing: kind, projection: root, width: training.options.width,
      scale: training.options.featureScale,
      seed: training.options.seed, layer: 1)
  }
}

/// relu(X R W^T), or sqrt(2 / d) cos(X R W^T + u).
public func plainFeatures(_ x: Matrix<Double>, _ map: FeatureMap<Double>) -> Matrix<Double> {
  let w = Matrix<Double>(rows: map.weights.columns, columns: map.weights.rows)
  w.fill { map.weights[$1, $0] }
  let result = plainProduct(plainProduct(x, map.projection), w)
  for i in 0..<result.rows {
    for k in 0..<result.columns {
      let t = result[i, k]
      switch map.kind {
      case .relu: result[i, k] = t > 0 ? t : 0
      case .cosine:
        result[i, k] = (2 / Double(x.columns)).squareRoot() * cos(t + (map.phases?[0, k] ?? .nan))
      }
    }
  }
  return result
}
