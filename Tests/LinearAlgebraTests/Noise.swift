import LinearAlgebra

/// Random matrices that are the same in every run.
enum Noise {
  /// Standard normal entries.
  static func matrix<T: Scalar>(
    _ rows: Int, _ columns: Int, seed: UInt64, as type: T.Type = T.self
  ) -> Matrix<T> {
    let random = RandomStream(seed: seed, layer: 0, purpose: .probe)
    let matrix = Matrix<T>(rows: rows, columns: columns)
    for i in 0..<rows {
      for j in 0..<columns { matrix[i, j] = T(random.normal(row: i, column: j)) }
    }
    return matrix
  }

  /// G G^T + shift I with G (n x rank): symmetric positive semidefinite of that rank where shift is 0.
  static func semidefinite<T: Scalar>(
    _ n: Int, rank: Int, shift: T = 0, seed: UInt64, as type: T.Type = T.self
  ) -> Matrix<T> {
    let g = matrix(n, rank, seed: seed, as: Double.self)
    let product = referenceProduct(g, g, transposeB: true)
    for i in 0..<n { product[i, i] += Double(shift) }
    return product.converted()
  }
}

/// op(A) op(B), the double loop, in double precision.
func referenceProduct<T: Scalar>(
  _ a: Matrix<T>, _ b: Matrix<T>, transposeA: Bool = false, transposeB: Bool = false
) -> Matrix<Double> {
  let (m, k) = transposeA ? (a.columns, a.rows) : (a.rows, a.columns)
  let n = transposeB ? b.rows : b.columns
  let result = Matrix<Double>(rows: m, columns: n)
  for i in 0..<m {
    for j in 0..<n {
      for l in 0..<k {
        let x = transposeA ? a[l, i] : a[i, l]
        let y = transposeB ? b[j, l] : b[l, j]
        result[i, j] += Double(x) * Double(y)
      }
    }
  }
  return result
}

/// The Frobenius norm.
func norm<T: Scalar>(_ a: Matrix<T>) -> Double {
  a.buffer.reduce(0) { $0 + Double($1) * Double($1) }.squareRoot()
}

/// |A - B| / (eps n |B|) in the precision of A: a few, if A is B up to rounding.
func scaledError<T: Scalar>(_ a: Matrix<T>, _ b: Matrix<Double>, scale: Double? = nil) -> Double {
  let difference = Matrix<Double>(rows: a.rows, columns: a.columns)
  for i in 0..<a.count { difference.pointer[i] = Double(a.pointer[i]) - b.pointer[i] }
  let size = Double(max(1, a.rows, a.columns)) * (scale ?? norm(b))
  return norm(difference) / (Double(T.ulpOfOne) * max(size, .leastNormalMagnitude))
}
