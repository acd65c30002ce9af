import LinearAlgebra

extension Reference {
  /// Iterations that block conjugate gradient (O'Leary, 1980) takes for (K + ridge I) A = B to |r| <= tolerance |b| of each column: one
  /// vector after the other, each made conjugate to all before it.
  public static func blockIterations(
    _ k: Matrix<Double>, ridge: Double, _ b: Matrix<Double>, tolerance: Double
  ) -> Int {
    func inner(_ u: [Double], _ v: [Double]) -> Double { zip(u, v).reduce(0) { $0 + $1.0 * $1.1 } }
    func image(_ v: [Double]) -> [Double] { v.indices.map { inner(Array(k.row($0)), v) + ridge * v[$0] } }
    var residuals = (0..<b.columns).map { c in (0..<b.rows).map { b[$0, c] } }
    let targets = residuals.map { tolerance * tolerance * inner($0, $0) }
    var known: [(vector: [Double], image: [Double])] = []
    for iteration in 0..<10_000 {
      let large = residuals.indices.filter { inner(residuals[$0], residuals[$0]) > targets[$0] }
      guard !large.isEmpty else { return iteration }
      for start in large.map({ residuals[$0] }) {
        var p = start
        // Twice: the first time leaves rounding.
        for (vector, image) in known + known {
          let part = inner(image, p)
          for i in p.indices { p[i] -= part * vector[i] }
        }
        guard inner(p, p) > 1e-16 * inner(start, start) else { continue }
        var q = image(p)
        let length = inner(p, q).squareRoot()
        for i in p.indices { (p[i], q[i]) = (p[i] / length, q[i] / length) }
        known.append((p, q))
        for c in residuals.indices {
          let step = inner(p, residuals[c])
          for i in q.indices { residuals[c][i] -= step * q[i] }
        }
      }
    }
    return 10_000
  }
}
