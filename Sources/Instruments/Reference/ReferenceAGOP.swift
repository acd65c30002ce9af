import KernelMachine
import LinearAlgebra

extension Reference {
  /// M = sum over samples i and classes c of grad f_c(x_i) grad f_c(x_i)^T, (d x d); not divided by anything.
  public static func agop(_ kernel: Kernel, _ x: Matrix<Double>, _ a: Matrix<Double>) -> Matrix<Double> {
    agop(samples: x.rows, width: x.columns) { gradients(kernel, x, a, at: $0) }
  }

  /// The same of x -> f(x R), from f's gradients by u = x R at the rows u: grad_x = R grad_u, R symmetric; (d x d).
  static func agop(_ kernel: Kernel, _ u: Matrix<Double>, _ a: Matrix<Double>, through r: Matrix<Double>)
    -> Matrix<Double>
  {
    agop(samples: u.rows, width: r.rows) { product(gradients(kernel, u, a, at: $0), r) }
  }

  /// The same from finite differences of f alone.
  public static func agopByDifferences(_ kernel: Kernel, _ x: Matrix<Double>, _ a: Matrix<Double>) -> Matrix<Double> {
    agop(samples: x.rows, width: x.columns) {
      gradientsByDifferences(kernel, x, a, at: $0, along: Array(0..<x.columns))
    }
  }

  /// M = sum_i G_i^T G_i, from the gradients G_i (K x d) of each sample.
  static func agop(samples: Int, width: Int, gradients: (_ sample: Int) -> Matrix<Double>) -> Matrix<Double> {
    let m = Matrix<Double>(rows: width, columns: width)
    for i in 0..<samples {
      let all = gradients(i)
      for c in 0..<all.rows {
        let g = all.row(c)
        for p in g.indices where g[p] != 0 {
          let row = m.row(p)
          for q in g.indices { row[q] += g[p] * g[q] }
        }
      }
    }
    return m
  }
}
