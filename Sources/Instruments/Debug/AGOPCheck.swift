import KernelMachine
import LinearAlgebra

/// An exact way of the program to the unnormalised AGOP, which must agree with the plain one.
public struct ExactAGOP: Sendable {
  public let name: String
  /// *Collective, one rank.* (d x d), from A.
  let compute: @Sendable (DebugProblem, Matrix<Double>) throws -> Matrix<Double>

  /// All of them; a new one is one line here.
  static let routes = [
    ExactAGOP(name: "by class") { try $0.agop.compute($1, by: .class).matrix },
    ExactAGOP(name: "by Gram matrices") { try $0.agop.compute($1, by: .gram).matrix },
  ]
}

extension DebugProblem {
  var agop: AGOP<Double> { AGOP(of: rows, kernel) }

  /// Every route against the double loop over samples and classes.
  public func checkAGOP(twin: (DebugProblem) -> Matrix<Double> = plainAGOP) throws -> [Check] {
    let plain = twin(self)
    return try ExactAGOP.routes.map { route in
      let error = relativeError(try route.compute(self, a), plain)
      return Check("AGOP: \(route.name), \(kernel.kind)", error: error, bound: 1e-11)
    }
  }
}

/// M = sum over samples i and classes c of grad f_c(x_i) grad f_c(x_i)^T
public func plainAGOP(_ problem: DebugProblem) -> Matrix<Double> {
  let m = Matrix<Double>(rows: problem.d, columns: problem.d)
  for i in 0..<problem.n {
    addOuterProducts(of: plainGradients(problem, at: i), to: m)
  }
  return m
}

/// m += sum over rows g of g g^T
func addOuterProducts(of gradients: Matrix<Double>, to m: Matrix<Double>) {
  for c in 0..<gradients.rows {
    let g = gradients.row(c)
    for p in g.indices where g[p] != 0 {
      let row = m.row(p)
      for q in g.indices { row[q] += g[p] * g[q] }
    }
  }
}

/// grad f_c(x_i) of every class, (K x d). Laplace: (1/s) sum_j A_jc k(x_i,x_j)/D_ij (x_j - x_i), coincident points left
/// out; gaussian: (1/s^2) sum_j A_jc k(x_i,x_j) (x_j - x_i).
func plainGradients(_ problem: DebugProblem, at i: Int) -> Matrix<Double> {
  let gradients = Matrix<Double>(rows: problem.classes, columns: problem.d)
  let (x, s) = (problem.x.row(i), problem.kernel.bandwidth)
  for j in 0..<problem.n where !problem.coincide(i, j) {
    let z = problem.x.row(j)
    let weight =
      switch problem.kernel.kind {
      case .laplace: problem.k[i, j] / (s * plainDistance(x, z))
      case .gaussian: problem.k[i, j] / (s * s)
      }
    for c in 0..<problem.classes {
      let (row, scale) = (gradients.row(c), weight * problem.a[j, c])
      for k in row.indices { row[k] += scale * (z[k] - x[k]) }
    }
  }
  return gradients
}

extension DebugProblem {
  /// Whether rounding alone separates two rows (of unit norm).
  func coincide(_ i: Int, _ j: Int) -> Bool {
    plainDistance(x.row(i), x.row(j)) <= 1e-12
  }
}
