import MPI
import KernelMachine
import LinearAlgebra
import Measures

extension DebugProblem {
  /// NC1 and NC2 as a layer reports them, of its input, the projected rows and the mapped ones, against the formulas. None without classes.
  public func checkCollapse(
    _ map: FeatureMap<Double>,
    reference: (Matrix<Double>, [Int], Int) -> (nc1: Double, nc2: Double) = Reference.collapse
  ) throws -> [Check] {
    guard samples.targets.classes != nil else { return [] }
    var after = samples
    var metrics = try training.measure(1, samples, fit(.cholesky))
    try training.apply(map, to: &after, &metrics)
    let expected = [x, Reference.product(x, map.projection), Reference.features(x, map)].map {
      reference($0, labels, classes)
    }
    let nc1 = [metrics.nc1.input, metrics.nc1.projected, metrics.nc1.mapped]
    let nc2 = [metrics.nc2.input, metrics.nc2.projected, metrics.nc2.mapped]
    func worst(_ found: [Double], _ expected: [Double]) -> Double {
      zip(found, expected).map(collapseError).reduce(0) { $1 <= $0 ? $0 : $1 }
    }
    return [
      Check("collapse: NC1", error: worst(nc1, expected.map(\.nc1)), bound: 1e-11),
      Check("collapse: NC2", error: worst(nc2, expected.map(\.nc2)), bound: 1e-11),
    ]
  }
}

/// Relative to the reference implementation's. Both measures are made of squares of numbers about 1: where they vanish, rounding is left.
private func collapseError(_ found: Double, _ expected: Double) -> Double {
  if found == expected || found.isNaN && expected.isNaN { return 0 }
  return abs(found - expected) / (expected + .ulpOfOne)
}
