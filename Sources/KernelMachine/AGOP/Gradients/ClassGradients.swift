import LinearAlgebra
import Runtime

/// The exact AGOP by class (docs/method.md): with H_ij the gradient's weight of the pair,
///
///     G_c = H diag(A_c) X - diag(H A_c) X,   M = sum over outputs c of G_c^T G_c
///
/// in 2 N^2 K d + N d^2 K operations. Sums run over deviations from the class means; the means come in through the class sums of the
/// weights, so that nothing large cancels.
struct ClassGradients<T: Real>: GradientRoute {
  let source: AGOPSource<T>

  static var route: AGOPRoute { .class }
  static var sums: [String] { ["total"] }

  func chunk(_ segments: [Segment], outputs: Int) -> ClassChunk<T> { ClassChunk(source, segments, outputs: outputs) }

  /// M of a pass's only sum.
  func agop(_ sums: [Matrix<Double>]) -> Matrix<Double> {
    let (total, factor) = (sums[0], source.builder.kernel.gradientFactor)
    for k in 0..<total.count { total.pointer[k] *= factor * factor }
    mirrorLower(total.view)
    return total
  }
}
