import KernelMachine
import LinearAlgebra

extension DebugProblem {
  /// The tiled operator times a random block, against the double loop.
  public func checkKernel(
    reference: (Kernel, Matrix<Double>, Matrix<Double>) -> Matrix<Double> = Reference.kernel
  ) throws -> [Check] {
    let v = Matrix<Double>(rows: n, columns: classes)
    let random = RandomStream(seed: training.options.seed, layer: 0, purpose: .probe)
    v.fill { random.normal(row: $0, column: $1) }
    let product = Matrix<Double>(rows: n, columns: classes)
    try kernelOperator().apply(v, into: product, in: Double.self)
    let error = relativeError(product, Reference.product(reference(kernel, x, x), v))
    return [Check("kernel: tiles times a block, \(kernel.kind)", error: error, bound: 1e-12)]
  }
}
