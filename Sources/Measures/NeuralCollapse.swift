import LinearAlgebra
import Runtime

/// NC1: tr(S_W) / tr(S_B), S_W = sum_i |x_i - m_{y_i}|^2 / (K N), S_B = sum_c |m_c - m_G|^2 / K, m_G the mean of the class means.
/// Over the classes that have samples. (The paper's code; its 1 / (K N) is K times smaller than the usual definition.)
/// - Parameter scatter: sum over all samples of |x_i - m_{y_i}|^2.
public func nc1(scatter: Double, means: Matrix<Double>, layout: Layout) -> Double {
  let present = layout.presentClasses
  let centred = centredMeans(means, present)
  let between = centred.buffer.reduce(0) { $0 + $1 * $1 } / Double(present.count)
  return scatter / Double(present.count * layout.sampleCount) / between
}

/// NC2: mean over the K x K entries of (<u_a, u_b> - S_ab)^2, u the centred class means divided by their norms, S the simplex:
/// 1 on the diagonal, -1 / (K - 1) off it. Over the classes that have samples; nan for a single one.
public func nc2(means: Matrix<Double>, layout: Layout) -> Double {
  let present = layout.presentClasses
  let u = centredMeans(means, present)
  for a in 0..<u.rows { divideByNorm(u.row(a)) }
  var sum = 0.0
  for a in 0..<u.rows {
    for b in 0..<u.rows {
      let inner = zip(u.row(a), u.row(b)).reduce(0) { $0 + $1.0 * $1.1 }
      let simplex = a == b ? 1 : -1 / Double(u.rows - 1)
      sum += (inner - simplex) * (inner - simplex)
    }
  }
  return u.rows > 1 ? sum / Double(u.rows * u.rows) : .nan
}

/// The means of the present classes minus the mean of these means.
private func centredMeans(_ means: Matrix<Double>, _ present: [Int]) -> Matrix<Double> {
  let result = Matrix<Double>(rows: present.count, columns: means.columns)
  for k in 0..<means.columns {
    let centre = present.reduce(0) { $0 + means[$1, k] } / Double(max(1, present.count))
    for (row, c) in present.enumerated() { result[row, k] = means[c, k] - centre }
  }
  return result
}
