import DeepRFM
import KernelMachine
import LinearAlgebra
import MPI

extension DebugProblem {
  /// A plain RFM's second layer: U = X R, and the AGOP by x of f(x R) over its largest entry.
  func checkPlainRFM(
    _ root: Matrix<Double>,
    reference: (Kernel, Matrix<Double>, Matrix<Double>, Matrix<Double>) -> Matrix<Double> = {
      Reference.agop($0, $1, $2, through: $3)
    }
  ) throws -> [Check] {
    let training = training { ($0.model, $0.normalise, $0.solver) = (.rfm, .none, .cholesky) }
    var (after, metrics) = (samples, LayerMetrics())
    try training.prepare(&after)
    try training.apply(.projection(root), to: &after, &metrics)
    let u = Reference.product(x, root)
    let layer = try training.layer(2, after)
    var kept: KernelOperator<Double>?
    let fit = try training.fit(layer, after, &kept)
    let agop = try training.computeAGOP(layer, after, fit, &kept).matrix
    let expected = reference(kernel, u, fit.coefficients, root)
    let largest = expected.buffer.max() ?? 0
    if largest > 0 { for k in 0..<expected.count { expected.pointer[k] /= largest } }
    return [
      Check("plain RFM: rows, \(kernel.kind)", error: relativeError(after.rows.assembled(), u), bound: 1e-12),
      Check("plain RFM: AGOP, \(kernel.kind)", error: relativeError(agop, expected), bound: 1e-9),
    ]
  }

  /// The alignment of K with the targets against the formula.
  func checkAlignment(
    reference: (Matrix<Double>, Matrix<Double>) -> Double = Reference.kernelAlignment
  ) throws -> [Check] {
    let (found, expected) = (try kernelAlignment(of: kernelOperator(), y), reference(k, y))
    let isUndefined = found.isNaN && !(expected.magnitude <= 1)
    return [
      Check("kernel alignment, \(kernel.kind)", error: isUndefined ? 0 : abs(found - expected), bound: 1e-12)
    ]
  }
}
