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
  guard u.rows > 1 else { return .nan }
  let (other, limit) = (-1 / Double(u.rows - 1), max(16, (1 << 18) / u.rows))
  let memory = Matrix<Double>(uninitialisedRows: min(limit, u.rows), columns: u.rows)
  var sum = 0.0
  for rows in (0..<u.rows).pieces(ofAtMost: limit) {
    let inner = Matrix(rows: rows.count, columns: u.rows, sharing: memory)
    multiply(u.rows(rows), u.view, transposeB: true, into: inner.view)
    for (i, a) in rows.enumerated() {
      for b in 0..<u.rows {
        let difference = inner[i, b] - (a == b ? 1 : other)
        sum += difference * difference
      }
    }
  }
  return sum / Double(u.rows * u.rows)
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
