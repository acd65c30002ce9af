import KernelMachine
import LinearAlgebra

#if canImport(Glibc)
  import Glibc
#endif

extension Reference {
  /// |x_i - z_j|
  public static func distance(_ x: Matrix<Double>, _ i: Int, _ z: Matrix<Double>, _ j: Int) -> Double {
    let (row, other) = (x.row(i), z.row(j))
    var sum = 0.0
    for k in row.indices { sum += (row[k] - other[k]) * (row[k] - other[k]) }
    return sum.squareRoot()
  }

  /// Whether rounding alone separates two rows (of norm about 1).
  static func coincide(_ x: Matrix<Double>, _ i: Int, _ j: Int) -> Bool { distance(x, i, x, j) <= 1e-12 }

  /// k = exp(-D / s) (laplace) or exp(-D^2 / (2 s^2)) (gaussian) of a distance D.
  public static func value(_ kernel: Kernel, _ distance: Double) -> Double {
    let s = kernel.bandwidth
    switch kernel.kind {
    case .laplace: return exp(-distance / s)
    case .gaussian: return exp(-distance * distance / (2 * s * s))
    }
  }

  /// k(Z, X): entry (i, j) = k(z_i, x_j), (rows of z x rows of x).
  public static func kernel(_ kernel: Kernel, _ z: Matrix<Double>, _ x: Matrix<Double>) -> Matrix<Double> {
    let k = Matrix<Double>(rows: z.rows, columns: x.rows)
    for i in 0..<z.rows { for j in 0..<x.rows { k[i, j] = value(kernel, distance(z, i, x, j)) } }
    return k
  }

  /// f(Z) = k(Z, X) A: f_c(z) = sum_j A_jc k(z, x_j), (rows of z x K).
  public static func outputs(
    _ kernel: Kernel, at z: Matrix<Double>, _ x: Matrix<Double>, _ a: Matrix<Double>
  ) -> Matrix<Double> {
    product(self.kernel(kernel, z, x), a)
  }

  /// A B
  public static func product(_ a: Matrix<Double>, _ b: Matrix<Double>) -> Matrix<Double> {
    let c = Matrix<Double>(rows: a.rows, columns: b.columns)
    for i in 0..<a.rows {
      let row = c.row(i)
      for k in 0..<a.columns {
        let (factor, other) = (a[i, k], b.row(k))
        for j in row.indices { row[j] += factor * other[j] }
      }
    }
    return c
  }
}
