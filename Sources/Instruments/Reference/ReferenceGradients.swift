import KernelMachine
import LinearAlgebra

extension Reference {
  /// grad f_c(x_i) of every class, (K x d). Laplace: (1/s) sum_j A_jc k(x_i, x_j) / D_ij (x_j - x_i), the terms of coincident
  /// points left out; gaussian: (1/s^2) sum_j A_jc k(x_i, x_j) (x_j - x_i).
  static func gradients(
    _ kernel: Kernel, _ x: Matrix<Double>, _ a: Matrix<Double>, at i: Int
  ) -> Matrix<Double> {
    let gradients = Matrix<Double>(rows: a.columns, columns: x.columns)
    let (point, s) = (x.row(i), kernel.bandwidth)
    for j in 0..<x.rows where !coincide(x, i, j) {
      let (d, z) = (distance(x, i, x, j), x.row(j))
      let weight =
        switch kernel.kind {
        case .laplace: value(kernel, d) / (s * d)
        case .gaussian: value(kernel, d) / (s * s)
        }
      for c in 0..<a.columns {
        let (row, scale) = (gradients.row(c), weight * a[j, c])
        for k in row.indices { row[k] += scale * (z[k] - point[k]) }
      }
    }
    return gradients
  }

  /// The same along some coordinates, (K x coordinates), from f alone by central finite differences of fourth order: it knows no
  /// gradient's formula. For laplace, whose kernel has a kink there, without the terms of points that coincide.
  public static func gradientsByDifferences(
    _ kernel: Kernel, _ x: Matrix<Double>, _ a: Matrix<Double>, at i: Int, along coordinates: [Int]
  ) -> Matrix<Double> {
    let others = (0..<x.rows).filter { kernel.kind == .gaussian || !coincide(x, i, $0) }
    let (centres, weights) = (rows(x, others), rows(a, others))
    let nearest = others.map { distance(x, i, x, $0) }.filter { $0 > 0 }.min() ?? 1
    let h = min(1e-3, nearest / 64)
    let point = rows(x, [i])
    let result = Matrix<Double>(rows: a.columns, columns: coordinates.count)
    for (column, k) in coordinates.enumerated() {
      let middle = point[0, k]
      for (steps, weight) in [(1.0, 8.0), (2, -1)] {
        point[0, k] = middle + steps * h
        let after = outputs(kernel, at: point, centres, weights)
        point[0, k] = middle - steps * h
        let before = outputs(kernel, at: point, centres, weights)
        for c in 0..<a.columns { result[c, column] += weight * (after[0, c] - before[0, c]) / (12 * h) }
      }
      point[0, k] = middle
    }
    return result
  }

  /// Some rows of a matrix.
  private static func rows(_ x: Matrix<Double>, _ chosen: [Int]) -> Matrix<Double> {
    let result = Matrix<Double>(rows: chosen.count, columns: x.columns)
    result.fill { x[chosen[$0], $1] }
    return result
  }
}
