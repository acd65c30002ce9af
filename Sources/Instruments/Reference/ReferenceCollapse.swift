import LinearAlgebra

extension Reference {
  /// NC1 = tr(S_W) / tr(S_B): S_W = sum_i |x_i - m_{y_i}|^2 / (K N), S_B = sum_c |m_c - m_G|^2 / K. NC2 = mean over the K x K
  /// entries of (<u_a, u_b> - S_ab)^2, u the centred class means over their norms, S_aa = 1, S_ab = -1 / (K - 1).
  /// Over the classes that have samples; NC2 of one class is NaN.
  public static func collapse(_ x: Matrix<Double>, _ labels: [Int], _ classes: Int) -> (nc1: Double, nc2: Double) {
    let present = (0..<classes).filter { labels.contains($0) }
    let (n, k, d) = (Double(x.rows), Double(present.count), x.columns)
    var means: [[Double]] = []
    var within = 0.0
    for c in present {
      let own = labels.indices.filter { labels[$0] == c }
      let mean = (0..<d).map { p in own.reduce(0) { $0 + x[$1, p] } / Double(own.count) }
      for i in own {
        for p in 0..<d { within += (x[i, p] - mean[p]) * (x[i, p] - mean[p]) / (k * n) }
      }
      means.append(mean)
    }
    let global = (0..<d).map { p in means.reduce(0) { $0 + $1[p] } / k }
    let centred = means.map { mean in (0..<d).map { mean[$0] - global[$0] } }
    func inner(_ a: [Double], _ b: [Double]) -> Double { zip(a, b).reduce(0) { $0 + $1.0 * $1.1 } }
    let between = centred.reduce(0) { $0 + inner($1, $1) / k }
    var nc2 = 0.0
    for (a, u) in centred.enumerated() {
      for (b, v) in centred.enumerated() {
        let cosine = inner(u, v) / (inner(u, u) * inner(v, v)).squareRoot()
        let simplex = a == b ? 1 : -1 / (k - 1)
        nc2 += (cosine - simplex) * (cosine - simplex) / (k * k)
      }
    }
    return (within / between, k > 1 ? nc2 : .nan)
  }
}
