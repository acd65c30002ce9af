/// C = alpha op(A) op(B) + beta C, op the transpose where asked for. *Local.* (cblas_sgemm, cblas_dgemm)
@inlinable public func multiply<T: Scalar>(
  _ a: MatrixView<T>, _ b: MatrixView<T>, transposeA: Bool = false, transposeB: Bool = false,
  alpha: T = 1, beta: T = 0, into c: MatrixView<T>
) {
  let (m, k) = transposeA ? (a.columns, a.rows) : (a.rows, a.columns)
  let (k2, n) = transposeB ? (b.columns, b.rows) : (b.rows, b.columns)
  precondition(k == k2 && c.rows == m && c.columns == n, "shapes do not fit")
  guard m > 0 && n > 0 else { return }
  guard k > 0 else {
    for i in 0..<m { for j in 0..<n { c[i, j] = beta == 0 ? 0 : beta * c[i, j] } }
    return
  }
  T.gemm(
    transposeA, transposeB, m, n, k, alpha, a.pointer, a.stride, b.pointer, b.stride, beta, c.pointer,
    c.stride)
}

/// Lower triangle of C = alpha A^T A + beta C; A is (k x n), C (n x n). *Local.* (cblas_ssyrk, cblas_dsyrk)
@inlinable public func addGram<T: Scalar>(
  of a: MatrixView<T>, alpha: T = 1, beta: T = 1, intoLower c: MatrixView<T>
) {
  precondition(c.rows == a.columns && c.columns == a.columns, "shapes do not fit")
  guard a.columns > 0 else { return }
  guard a.rows > 0 else {
    if beta != 1 { for i in 0..<c.rows { for j in 0...i { c[i, j] = beta == 0 ? 0 : beta * c[i, j] } } }
    return
  }
  T.syrk(true, a.columns, a.rows, alpha, a.pointer, a.stride, beta, c.pointer, c.stride)
}

/// Lower triangle of C = alpha A A^T + beta C; A is (n x k), C (n x n). *Local.* (cblas_ssyrk, cblas_dsyrk)
@inlinable public func addOuterGram<T: Scalar>(
  of a: MatrixView<T>, alpha: T = 1, beta: T = 1, intoLower c: MatrixView<T>
) {
  precondition(c.rows == a.rows && c.columns == a.rows, "shapes do not fit")
  guard a.rows > 0 && a.columns > 0 else { return }
  T.syrk(false, a.rows, a.columns, alpha, a.pointer, a.stride, beta, c.pointer, c.stride)
}

/// B = A^T. *Local.* (cblas_somatcopy, cblas_domatcopy)
@inlinable public func transpose<T: Scalar>(_ a: MatrixView<T>, into b: MatrixView<T>) {
  precondition(a.rows == b.columns && a.columns == b.rows, "shapes do not fit")
  guard a.rows > 0 && a.columns > 0 else { return }
  T.transpose(a.rows, a.columns, a.pointer, a.stride, b.pointer, b.stride)
}

/// Copies the lower triangle onto the upper one. *Local.*
@inlinable public func mirrorLower<T: Scalar>(_ a: MatrixView<T>) {
  precondition(a.rows == a.columns)
  let tile = 64  // a block of both triangles stays in the L1 cache
  for i0 in stride(from: 0, to: a.rows, by: tile) {
    for j0 in stride(from: 0, through: i0, by: tile) {
      for i in i0..<min(i0 + tile, a.rows) {
        for j in j0..<min(j0 + tile, i) { a[j, i] = a[i, j] }
      }
    }
  }
}
