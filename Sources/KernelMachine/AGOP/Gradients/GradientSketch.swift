import LinearAlgebra
import Runtime

/// An unbiased estimate of the AGOP (docs/method.md): instead of each output's gradient, of every sample the gradient
/// of one signed sum of its outputs, g_i = sum over c of sigma_ic grad f_c(x_i). Cross terms cancel on average over the signs and
/// nearly so over neighbouring samples (see `SketchSigns`).
///
/// Two probes with independent signs: M is their mean, and half their difference estimates its error. With W = H o (Sigma A^T), o
/// entry by entry, a probe's gradients are W X - diag(W 1) X: (2 + 2 probes) N^2 d + probes N d^2 operations whatever the number of
/// outputs. The sums are centred as in `ClassGradients`.
struct GradientSketch<T: Real>: GradientRoute {
  let source: AGOPSource<T>
  /// Of purpose `sketch`.
  let random: RandomStream

  static var probes: Int { 2 }

  static var route: AGOPRoute { .sketch }
  static var sums: [String] { (0..<probes).map { "probe\($0)" } }

  func chunk(_ segments: [Segment], outputs: Int) -> SketchChunk<T> {
    SketchChunk(source, segments, SketchSigns(outputs: outputs, random: random))
  }

  /// M, the mean of both probes, and half their difference relative to it in the Frobenius norm.
  func agop(_ sums: [Matrix<Double>]) -> (agop: Matrix<Double>, relativeError: Double) {
    let (x, y) = (sums[0], sums[1])
    let factor = source.builder.kernel.gradientFactor * source.builder.kernel.gradientFactor
    mirrorLower(x.view)
    mirrorLower(y.view)
    var (size, difference) = (0.0, 0.0)
    for k in 0..<x.count {
      let (mean, half) = ((x.pointer[k] + y.pointer[k]) / 2, (x.pointer[k] - y.pointer[k]) / 2)
      size += mean * mean
      difference += half * half
      x.pointer[k] = factor * mean
    }
    return (x, size > 0 ? (difference / size).squareRoot() : 0)
  }
}
