import LinearAlgebra

/// Random numbers, the same on every rank.
func noise(_ rows: Int, _ columns: Int, seed: UInt64) -> Matrix<Double> {
  let random = RandomStream(seed: seed, layer: 1, purpose: .probe)
  let matrix = Matrix<Double>(rows: rows, columns: columns)
  for i in 0..<rows {
    for j in 0..<columns { matrix[i, j] = random.normal(row: i, column: j) }
  }
  return matrix
}
