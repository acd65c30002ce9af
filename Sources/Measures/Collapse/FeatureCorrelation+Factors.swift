import LinearAlgebra

/// One rank's work on one layer: W is (outputs x d), and the AGOP of its input comes from the gradients in its output y = W x.
extension FeatureCorrelation {
  /// *Local.* With an AGOP that is there, (d x d), both triangles; not a number where it is not finite.
  public init(of weights: Matrix<Double>, with agop: Matrix<Double>, pool: ThreadPool) throws {
    guard agop.buffer.allSatisfy(\.isFinite) else {
      self.init(agop: .nan, root: .nan)
      return
    }
    let products = Matrix<Double>(rows: weights.columns, columns: weights.columns)
    pool.addGram(of: weights.view, beta: 0, intoLower: products.view)  // W^T W
    let root = try symmetricRoot(agop, pool: pool)
    self.init(agop: Self.correlation(products, agop), root: Self.correlation(products, root))
  }

  /// *Local.* With M = W^T S W, S the sum of dy dy^T over all gradients in y, (outputs x outputs), both triangles: nothing of d x d is made.
  ///
  ///     G = W W^T,  r = W 1,  H = S^(1/2) G S^(1/2) = U L U^T,  M^(1/2) = W^T S^(1/2) U L^(-1/2) U^T S^(1/2) W
  ///
  ///                  sum of entries                      sum of squares       with W^T W
  ///     W^T W        |r|^2                               |G|^2
  ///     M            r^T S r                             tr(S G S G)          tr(S G^2)
  ///     M^(1/2)      sum (u_k . S^(1/2) r)^2 / sqrt l_k  tr(S G)              sum |G S^(1/2) u_k|^2 / sqrt l_k
  public init(of weights: Matrix<Double>, outputGradients s: Matrix<Double>, pool: ThreadPool) throws {
    precondition(s.rows == weights.rows && s.columns == weights.rows)
    guard s.buffer.allSatisfy(\.isFinite) else {
      self.init(agop: .nan, root: .nan)
      return
    }
    let n = weights.rows
    let gram = Matrix<Double>(rows: n, columns: n)
    pool.addOuterGram(of: weights.view, beta: 0, intoLower: gram.view)  // G
    mirrorLower(gram.view)
    let sums = (0..<n).map { weights.row($0).reduce(0, +) }  // r
    let entries = Double(weights.columns) * Double(weights.columns)
    let (sg, gs) = (Matrix<Double>(rows: n, columns: n), Matrix<Double>(rows: n, columns: n))
    pool.multiply(s.view, gram.view, into: sg.view)
    transpose(sg.view, into: gs.view)
    let weightPart = Entries(sum: sums.reduce(0) { $0 + $1 * $1 }, squares: Self.inner(gram, gram))
    let agopPart = Entries(sum: Self.form(s, sums), squares: Self.inner(sg, gs))
    let rootPart = try RootEntries(s, gram, sums, pool)
    self.init(
      agop: weightPart.correlation(agopPart, products: Self.inner(gs, gram), of: entries),
      root: weightPart.correlation(
        Entries(sum: rootPart.sum, squares: (0..<n).reduce(0) { $0 + sg[$1, $1] }), products: rootPart.products,
        of: entries))
  }

  /// Sums over a matrix's entries.
  private struct Entries {
    let sum, squares: Double

    /// Pearson's.
    func correlation(_ other: Entries, products: Double, of count: Double) -> Double {
      let (own, others) = (squares - sum * sum / count, other.squares - other.sum * other.sum / count)
      return (products - sum * other.sum / count) / own.squareRoot() / others.squareRoot()
    }
  }

  /// What M^(1/2) needs of the eigenvectors u_k of H, those apart whose eigenvalue is rounding.
  private struct RootEntries {
    private(set) var sum = 0.0
    /// With W^T W.
    private(set) var products = 0.0

    init(_ s: Matrix<Double>, _ gram: Matrix<Double>, _ sums: [Double], _ pool: ThreadPool) throws {
      let n = s.rows
      let root = try symmetricRoot(s, pool: pool)
      let (part, h) = (Matrix<Double>(rows: n, columns: n), Matrix<Double>(rows: n, columns: n))
      pool.multiply(root.view, gram.view, into: part.view)  // S^(1/2) G
      pool.multiply(part.view, root.view, into: h.view)  // H
      let eigen = try pool.withThreadedLAPACK(order: n) { try SymmetricEigen(of: h) }
      let images = Matrix<Double>(rows: n, columns: n)
      pool.multiply(eigen.vectors.view, part.view, into: images.view)  // row k: G S^(1/2) u_k
      let rooted = (0..<n).map { i in (0..<n).reduce(0) { $0 + root[i, $1] * sums[$1] } }  // S^(1/2) r
      let least = Double(n) * .ulpOfOne * (eigen.values.last ?? 0)
      for k in 0..<n where eigen.values[k] > least {
        let weight = 1 / eigen.values[k].squareRoot()
        let height = (0..<n).reduce(0) { $0 + eigen.vectors[k, $1] * rooted[$1] }
        sum += height * height * weight
        products += squaredNorm(images.pointer + k * n, n) * weight
      }
    }
  }

  /// The sum of the products of entries.
  private static func inner(_ a: Matrix<Double>, _ b: Matrix<Double>) -> Double {
    (0..<a.rows).reduce(0) { sum, i in
      let (x, y) = (a.pointer + i * a.columns, b.pointer + i * a.columns)
      return sum + (0..<a.columns).reduce(0) { $0 + x[$1] * y[$1] }
    }
  }

  /// r^T S r
  private static func form(_ s: Matrix<Double>, _ r: [Double]) -> Double {
    (0..<s.rows).reduce(0) { sum, i in sum + r[i] * (0..<s.columns).reduce(0) { $0 + s[i, $1] * r[$1] } }
  }
}

/// *Local.* M = W^T S W, (d x d), S the sum of dy dy^T over the gradients in y = W x, (outputs x outputs), both triangles.
public func outerProduct(
  of weights: Matrix<Double>, outputGradients s: Matrix<Double>, pool: ThreadPool
) -> Matrix<Double> {
  let part = Matrix<Double>(uninitialisedRows: weights.rows, columns: weights.columns)
  pool.multiply(s.view, weights.view, into: part.view)
  let agop = Matrix<Double>(uninitialisedRows: weights.columns, columns: weights.columns)
  pool.multiply(weights.view, part.view, transposeA: true, into: agop.view)
  mirrorLower(agop.view)
  return agop
}
