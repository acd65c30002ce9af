import LinearAlgebra

extension PairwiseTotal {
  /// Directions of T_I that are multiplied in double precision.
  private static var largest: Int { 16 }

  /// *Local.* T_I has a half of every pair's Q, so that what cancels in Q D is still in it, and cancels in D^T T + T^T D only: nearly all of it
  /// along a few directions V (CIFAR-10: 98 % of its square along one). With T = T V^T V + T', D^T T V^T V is added in double precision,
  /// and T' is left. V: a random sketch's rows (arXiv 0909.4061, algorithm 4.1).
  func takeOutLargest(_ x: MatrixView<T>, _ t: Matrix<T>, _ pool: ThreadPool) {
    let count = min(Self.largest, t.rows, t.columns)
    guard count > 0 else { return }
    let random = RandomStream(seed: 0, layer: 0, purpose: .probe)
    let v = Matrix<Double>(rows: count, columns: t.columns)
    let signs = Matrix<Double>(uninitialisedRows: t.rows, columns: count)
    signs.fill { random.uniform(row: $0, column: $1) < 0.5 ? -1 : 1 }
    forEachWide(t.view) { range, wide in
      pool.multiply(signs.rows(range), wide, transposeA: true, beta: 1, into: v.view)
    }
    orthonormaliseRows(v)
    let product = Matrix<Double>(rows: x.columns, columns: count)
    let wideX = Matrix<Double>(uninitialisedRows: Self.wideRows, columns: x.columns)
    forEachWide(t.view) { range, wide in
      let along = Matrix<Double>(uninitialisedRows: range.count, columns: count)
      for (k, i) in range.enumerated() {
        T.widen(x.pointer + i * x.stride, wideX.pointer + k * wideX.columns, x.columns)
      }
      pool.multiply(wide, v.view, transposeB: true, into: along.view)
      pool.multiply(along.view, v.view, alpha: -1, beta: 1, into: wide)
      pool.multiply(wideX.rows(0..<range.count), along.view, transposeA: true, beta: 1, into: product.view)
      for (k, i) in range.enumerated() {
        let (source, target) = (wide.pointer + k * wide.stride, t.pointer + i * t.columns)
        for j in 0..<t.columns { target[j] = T(source[j]) }
      }
    }
    let square = Matrix<Double>(uninitialisedRows: x.columns, columns: x.columns)
    pool.multiply(product.view, v.view, into: square.view)
    addSymmetric(square, pool)
  }

  /// Bytes that `takeOutLargest` takes beside M's two squares; its rows in double precision are two more parts.
  static func directionBytes(rows: Int, _ sizes: AGOPCost) -> Int {
    guard T.precision == .float32 else { return 0 }
    let count = min(largest, rows, sizes.width)
    return 8 * (count * (2 * sizes.width + rows) + wideRows * sizes.width)
  }

  /// By Gram and Schmidt, twice; a row that depends on those before it becomes 0.
  private func orthonormaliseRows(_ v: Matrix<Double>) {
    for i in 0..<v.rows {
      let before = v.row(i).reduce(0) { $0 + $1 * $1 }
      for _ in 0..<2 {
        for j in 0..<i {
          var dot = 0.0
          for k in 0..<v.columns { dot += v[i, k] * v[j, k] }
          for k in 0..<v.columns { v[i, k] -= dot * v[j, k] }
        }
      }
      let square = v.row(i).reduce(0) { $0 + $1 * $1 }
      let scale = square > 1e-20 * before ? 1 / square.squareRoot() : 0
      for k in 0..<v.columns { v[i, k] *= scale }
    }
  }
}
