import MPI
import KernelMachine
import LinearAlgebra
import Measures

extension DebugProblem {
  /// NC1 and NC2 as a layer reports them, of its input, the projected rows and the mapped ones, against the formulas.
  public func checkCollapse(
    _ map: FeatureMap<Double>,
    twin: (Matrix<Double>, [Int], Int) -> (nc1: Double, nc2: Double) = plainCollapse
  ) throws -> [Check] {
    var after = samples
    var metrics = try training.measure(1, samples, fit(.cholesky))
    try training.apply(map, to: &after, &metrics)
    let plain = [x, plainProduct(x, map.projection), plainFeatures(x, map)].map {
      twin($0, labels, classes)
    }
    let nc1 = [metrics.nc1.input, metrics.nc1.projected, metrics.nc1.mapped]
    let nc2 = [metrics.nc2.input, metrics.nc2.projected, metrics.nc2.mapped]
    func worst(_ found: [Double], _ expected: [Double]) -> Double {
      zip(found, expected).map(collapseError).reduce(0) { $1 <= $0 ? $0 : $1 }
    }
    return [
      Check("collapse: NC1", error: worst(nc1, plain.map(\.nc1)), bound: 1e-11),
      Check("collapse: NC2", error: worst(nc2, plain.map(\.nc2)), bound: 1e-11),
    ]
  }
}

/// Relative to the twin's. Both measures are made of squares of numbers about 1: where they vanish, rounding is left.
private func collapseError(_ found: Double, _ expected: Double) -> Double {
  if found == expected || found.isNaN && expected.isNaN { return 0 }
  return abs(found - expected) / (expected + .ulpOfOne)
}

/// NC1 = tr(S_W) / tr(S_B): S_W = sum_i |x_i - m_{y_i}|^2 / (K N), S_B = sum_c |m_c - m_G|^2 / K. NC2 = mean over the K x K
/// entries of (<u_a, u_b> - S_ab)^2, u the centred class means over their norms, S_aa = 1, S_ab = -1 / (K - 1).
/// Over the classes that have samples.
public func plainCollapse(_ x: Matrix<Double>, _ labels: [Int], _ classes: Int) -> (
  nc1: Double, nc2: Double
) {
  let present = (0..<classes).filter { labels.contains($0) }
  let (n, k, d) = (Double(x.rows), Double(present.count), x.columns)
  var means: [[Double]] = []
  var within = 0.0
  for c in present {
    let own = labels.indices.filter { labels[$0] == c }
    let mean = (0..<d).map { p in own.reduce(0) { $0 + x[$1, p] } / Double(own.count) }
    for i in own {
      for p in 0..<d { within += (x[i, p] - mean[p]) * (x[i, p] - mean[p]) / (k * n) }
    }
    means.append(mean)
  }
  let global = (0..<d).map { p in means.reduce(0) { $0 + $1[p] } / k }
  let centred = means.map { mean in (0..<d).map { mean[$0] - global[$0] } }
  func inner(_ a: [Double], _ b: [Double]) -> Double { zip(a, b).reduce(0) { $0 + $1.0 * $1.1 } }
  let between = centred.reduce(0) { $0 + inner($1, $1) / k }
  var nc2 = 0.0
  for (a, u) in centred.enumerated() {
    for (b, v) in centred.enumerated() {
      let cosine = inner(u, v) / (inner(u, u) * inner(v, v)).squareRoot()
      let simplex = a == b ? 1 : -1 / (k - 1)
      nc2 += (cosine - simplex) * (cosine - simplex) / (k * k)
    }
  }
  return (within / between, k > 1 ? nc2 : .nan)
}
