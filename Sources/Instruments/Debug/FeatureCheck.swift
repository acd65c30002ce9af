import MPI
import KernelMachine
import LinearAlgebra

extension DebugProblem {
  /// Mapped rows, deviations and centres together, against the formula.
  public func checkFeatures(
    _ map: FeatureMap<Double>,
    reference: (Matrix<Double>, FeatureMap<Double>) -> Matrix<Double> = Reference.features
  ) throws -> [Check] {
    let mapped = rows.mapped(by: map)
    let next = Rows(
      mapped.deviations, rowCount: n, centres: mapped.centres, segments: rows.segments,
      layout: samples.layout, context: training.context)
    let error = relativeError(next.assembled(), reference(x, map))
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
