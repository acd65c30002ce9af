import KernelMachine
import LinearAlgebra

#if canImport(Glibc)
  import Glibc
#endif

extension DebugProblem {
  /// The tiled operator times a random block, against the double loop.
  public func checkKernel(
    twin: (Matrix<Double>, Kernel) -> Matrix<Double> = plainKernel
  ) throws -> [Check] {
    let v = Matrix<Double>(rows: n, columns: classes)
    let random = RandomStream(seed: training.options.seed, layer: 0, purpose: .probe)
    v.fill { random.normal(row: $0, column: $1) }
    let product = Matrix<Double>(rows: n, columns: classes)
    try kernelOperator().apply(v, into: product, in: Double.self)
    let error = relativeError(product, plainProduct(twin(x, kernel), v))
    return [Check("kernel: tiles times a block, \(kernel.kind)", error: error, bound: 1e-12)]
  }
}

/// k(x_i, x_j) = exp(-D / s), or exp(-D^2 / (2 s^2)), D = |x_i - x_j|.
public func plainKernel(_ x: Matrix<Double>, _ kernel: Kernel) -> Matrix<Double> {
  let k = Matrix<Double>(rows: x.rows, columns: x.rows)
  for i in 0..<x.rows {
    for j in 0..<x.rows {
      k[i, j] = plainKernel(distance: plainDistance(x.row(i), x.row(j)), kernel)
    }
  }
  return k
}

func plainKernel(distance: Double, _ kernel: Kernel) -> Double {
  let s = kernel.bandwidth
  switch kernel.kind {
  case .laplace: return exp(-distance / s)
  case .gaussian: return exp(-distance * distance / (2 * s * s))
  }
}

/// |x - z|
func plainDistance(
  _ x: UnsafeMutableBufferPointer<Double>, _ z: UnsafeMutableBufferPointer<Double>
) -> Double {
  var sum = 0.0
  for k in x.indices { sum += (x[k] - z[k]) * (x[k] - z[k]) }
  return sum.squareRoot()
}

/// A B
public func plainProduct(_ a: Matrix<Double>, _ b: Matrix<Double>) -> Matrix<Double> {
  let c = Matrix<Double>(rows: a.rows, columns: b.columns)
  for i in 0..<a.rows {
    for k in 0..<a.columns {
      for j in 0..<b.columns { c[i, j] += a[i, k] * b[k, j] }
    }
  }
  return c
}
