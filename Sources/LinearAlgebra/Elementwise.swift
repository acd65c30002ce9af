import CKernels

#if canImport(Glibc)
  import Glibc
#endif

/// What one tile of distances has in common: both sides lie each in one class, with means m_a and m_b.
public struct TileForm: Sendable {
  var c: deeprfm_tile_form

  /// - Parameters:
  ///   - gaussian: exp(-D^2 rate) rather than exp(-D rate).
  ///   - distance: |m_b - m_a|; 0 inside a class.
  ///   - rate: 1 / s for laplace, 1 / (2 s^2) for gaussian.
  ///   - near: pairs with D^2 below near (|row|^2 + |column|^2 + distance^2) have lost digits and are reported.
  public init(gaussian: Bool, distance: Double, rate: Double, near: Double) {
    let constant = gaussian ? exp(-distance * distance * rate) : exp(-distance * rate)
    c = deeprfm_tile_form(
      gaussian: gaussian ? 1 : 0, distance: distance, rate: rate, constant: constant, near: near)
  }

  // What `init` was given.
  public var gaussian: Bool { c.gaussian != 0 }
  public var distance: Double { c.distance }
  var rate: Double { c.rate }
  /// The kernel at the distance of the two means.
  public var constant: Double { c.constant }
  public var near: Double { c.near }
}

/// The vectors that turn a tile's inner products g_ij = d_i . d_j of deviations from the class means into distances:
/// D_ij^2 = distance^2 + alpha_i + beta_j - 2 g_ij, with, for Delta = m_b - m_a,
/// alpha_i = |d_i|^2 - 2 d_i . Delta and beta_j = |d_j|^2 + 2 d_j . Delta.
public struct TileTerms<T: Scalar> {
  public var alpha: UnsafePointer<T>
  public var beta: UnsafePointer<T>
  /// |d_i|^2 and |d_j|^2: the scale of the rounding errors.
  public var rowNorm: UnsafePointer<T>
  public var columnNorm: UnsafePointer<T>

  public init(
    alpha: UnsafePointer<T>, beta: UnsafePointer<T>, rowNorm: UnsafePointer<T>, columnNorm: UnsafePointer<T>
  ) {
    self.alpha = alpha
    self.beta = beta
    self.rowNorm = rowNorm
    self.columnNorm = columnNorm
  }
}

/// out_ij = k(D_ij) - k(distance), the kernel's deviation from its value at the class means, accurate relative to
/// itself (docs/method.md: expm1 of the centred distance). Returns whether some pair is nearer than `form.near` allows.
/// *Local.* Reference implementation: `kernelDeviation`.
@inlinable public func kernelDeviation<T: Scalar>(
  of g: MatrixView<T>, _ terms: TileTerms<T>, _ form: TileForm, into out: MatrixView<T>
) -> Bool {
  T.kernelDeviation(g.pointer, out.pointer, g.rows, g.columns, g.stride, out.stride, terms, form)
}

/// out_ij = k(D_ij) / D_ij for laplace, k(D_ij) for gaussian: the weight of x_j - x_i in a gradient, but for the
/// factor 1 / s or 1 / s^2. Returns whether some pair is nearer than `form.near` allows. *Local.*
@inlinable public func gradientWeight<T: Scalar>(
  of g: MatrixView<T>, _ terms: TileTerms<T>, _ form: TileForm, into out: MatrixView<T>
) -> Bool {
  T.gradientWeight(g.pointer, out.pointer, g.rows, g.columns, g.stride, out.stride, terms, form)
}

/// The same from a tile of the kernel's deviations, e_ij = k(D_ij) - k(distance): D = distance - s log1p(e / k(distance)) for laplace.
/// Returns whether some D is below `nearest`. Where D is far below `distance`, or k(D) below k(distance), digits are lost. *Local.*
/// Reference implementation: `gradientWeight(deviation:_:)`.
@inlinable public func gradientWeight<T: Scalar>(
  ofDeviation e: MatrixView<T>, nearest: Double, _ form: TileForm, into out: MatrixView<T>
) -> Bool {
  precondition(e.rows == out.rows && e.columns == out.columns)
  return T.weightOfDeviation(e.pointer, out.pointer, e.rows, e.columns, e.stride, out.stride, nearest, form)
}

/// The reference implementation of `gradientWeight(ofDeviation:...)`, one pair, by the C library.
public func gradientWeight(deviation e: Double, _ form: TileForm) -> Double {
  if form.gaussian { return form.constant + e }
  let d = laplaceDistance(deviation: e, form)
  return d > 0 ? (form.constant + e) / d : 0
}

/// D of a laplace kernel's deviation from its value at the class means.
public func laplaceDistance(deviation e: Double, _ form: TileForm) -> Double {
  form.distance - log1p(e / form.constant) / form.rate
}

/// k(D) - k(distance) from t = D^2 - distance^2, one pair, by the C library. The reference implementation of `kernelDeviation`.
public func kernelDeviation(squareExcess t: Double, _ form: TileForm) -> Double {
  let t = max(t, -form.distance * form.distance)
  if form.constant < DEEPRFM_NEGLIGIBLE {
    return kernelValue(square: form.distance * form.distance + t, form) - form.constant
  }
  if form.gaussian { return form.constant * expm1(-form.rate * t) }
  let d = (form.distance * form.distance + t).squareRoot()
  let excess = form.distance > 0 ? t / (d + form.distance) : d
  return form.constant * expm1(-form.rate * excess)
}

private func kernelValue(square: Double, _ form: TileForm) -> Double {
  exp(-form.rate * (form.gaussian ? square : square.squareRoot()))
}

/// k(D) / D (laplace; 0 at D = 0) or k(D) (gaussian) of one pair. The reference implementation of `gradientWeight`.
public func gradientWeight(square: Double, _ form: TileForm) -> Double {
  if form.gaussian { return exp(-form.rate * square) }
  let d = square.squareRoot()
  return d > 0 ? exp(-form.rate * d) / d : 0
}

// MARK: - Weights of pairs

/// q_ij = p_ij q_ij - r_ij h_ij. *Local.* Reference implementation: `referencePairWeights`.
@inlinable public func pairWeights<T: Scalar>(
  _ q: MatrixView<T>, times p: MatrixView<T>, minus r: MatrixView<T>, times h: MatrixView<T>
) {
  precondition(p.stride == r.stride && p.rows == q.rows && r.rows == q.rows && h.rows == q.rows)
  precondition(p.columns == q.columns && r.columns == q.columns && h.columns == q.columns)
  T.pairWeights(q.pointer, q.stride, p.pointer, r.pointer, p.stride, h.pointer, h.stride, q.rows, q.columns)
}

/// The reference implementation of `pairWeights`, entry by entry in double precision.
public func referencePairWeights<T: Scalar>(
  _ q: MatrixView<T>, times p: MatrixView<T>, minus r: MatrixView<T>, times h: MatrixView<T>
) {
  for i in 0..<q.rows {
    for j in 0..<q.columns { q[i, j] = T(Double(p[i, j]) * Double(q[i, j]) - Double(r[i, j]) * Double(h[i, j])) }
  }
}

/// w_ij = w_ij h_ij. *Local.*
@inlinable public func multiplyEntries<T: Scalar>(_ w: MatrixView<T>, by h: MatrixView<T>) {
  precondition(w.rows == h.rows && w.columns == h.columns)
  T.multiplyEntries(w.pointer, w.stride, h.pointer, h.stride, w.rows, w.columns)
}

/// Adds a matrix's row sums and column sums, in double precision. *Local.* Reference implementation: `addReferenceSums`.
@inlinable public func addSums<T: Scalar>(
  of q: MatrixView<T>, rows: UnsafeMutablePointer<Double>, columns: UnsafeMutablePointer<Double>
) {
  T.addSums(q.pointer, q.stride, q.rows, q.columns, rows, columns)
}

/// The reference implementation of `addSums`.
public func addReferenceSums<T: Scalar>(
  of q: MatrixView<T>, rows: UnsafeMutablePointer<Double>, columns: UnsafeMutablePointer<Double>
) {
  for i in 0..<q.rows {
    for j in 0..<q.columns {
      rows[i] += Double(q[i, j])
      columns[j] += Double(q[i, j])
    }
  }
}

/// The sum of some elements as 64-bit words, which wraps around: reads them as fast as memory gives. *Local.*
public func wordSum(of a: Matrix<Double>, _ elements: Range<Int>) -> UInt64 {
  precondition(elements.lowerBound >= 0 && elements.upperBound <= a.count)
  let words = UnsafeRawPointer(a.pointer + elements.lowerBound).assumingMemoryBound(to: UInt64.self)
  return withExtendedLifetime(a) { deeprfm_read_words(words, elements.count) }
}

// MARK: - Product of a tile

/// Elements of a row, padded with zeros to what the loops of `addProduct` read. (DEEPRFM_PADDING)
public func paddedForProduct(_ columns: Int) -> Int {
  let padding = Int(DEEPRFM_PADDING)
  return (columns + padding - 1) / padding * padding
}

extension MatrixView {
  /// Whether its rows are those of a matrix from the first column on, with room for what the loops of `addProduct` read. What lies there
  /// has to be finite.
  public var isPaddedForProduct: Bool {
    owner.columns == stride && paddedForProduct(columns) <= stride
      && (pointer - owner.pointer) % Swift.max(1, stride) == 0
  }
}

/// What a tile's product computes: E x_columns, E^T x_rows, or both from one reading.
public struct ProductSides: OptionSet, Sendable {
  public let rawValue: Int32
  public init(rawValue: Int32) { self.rawValue = rawValue }

  static let rowSums = ProductSides(rawValue: DEEPRFM_ROW_SUMS)
  static let columnSums = ProductSides(rawValue: DEEPRFM_COLUMN_SUMS)
}

/// y_rows += E x_columns and y_columns += E^T x_rows, reading E from memory once. *Local.* Reference implementations: `addReferenceProduct`,
/// `addReferenceTransposedProduct`.
///
/// In precision V over at most 128 rows or E's columns, in double across them: a solver's directions nearly cancel in K, and float32 sums over 512
/// rows cost a sixth of the iterations more.
/// - Parameters:
///   - e: (rows x columns), rows padded with zeros in memory.
///   - columnVector: x_columns transposed, (K x columns), padded like E with finite values.
///   - rowVector: x_rows, (rows x K), contiguous.
///   - columnSums: y_columns transposed, (K x columns).
///   - rowSums: y_rows, (rows x K), contiguous.
public func addProducts<T: Scalar, V: Scalar>(
  of e: MatrixView<T>, columnVector: MatrixView<V>, rowVector: MatrixView<V>, columnSums: MatrixView<Double>,
  rowSums: MatrixView<Double>
) {
  check(e, rowSums: rowSums, columnVector: columnVector)
  check(e, columnSums: columnSums, rowVector: rowVector)
  precondition(rowSums.columns == columnSums.rows)
  T.tileProduct(
    e.pointer, e.rows, e.columns, e.stride, rowSums.columns, columnVector.stride, columnSums.stride,
    columnVector.pointer, rowVector.pointer, columnSums.pointer, rowSums.pointer, [.rowSums, .columnSums])
}

/// y_rows += E x_columns as `addProducts`. *Local.* Reference implementation: `addReferenceProduct`.
public func addProduct<T: Scalar, V: Scalar>(
  of e: MatrixView<T>, columnVector: MatrixView<V>, rowSums: MatrixView<Double>
) {
  check(e, rowSums: rowSums, columnVector: columnVector)
  let unused = (x: UnsafePointer(columnVector.pointer), y: rowSums.pointer)
  T.tileProduct(
    e.pointer, e.rows, e.columns, e.stride, rowSums.columns, columnVector.stride, 0, columnVector.pointer, unused.x,
    unused.y, rowSums.pointer, .rowSums)
}

/// y_columns += E^T x_rows as `addProducts`. *Local.* Reference implementation: `addReferenceTransposedProduct`.
public func addTransposedProduct<T: Scalar, V: Scalar>(
  of e: MatrixView<T>, rowVector: MatrixView<V>, columnSums: MatrixView<Double>
) {
  check(e, columnSums: columnSums, rowVector: rowVector)
  let unused = (x: UnsafePointer(rowVector.pointer), y: columnSums.pointer)
  T.tileProduct(
    e.pointer, e.rows, e.columns, e.stride, columnSums.rows, 0, columnSums.stride, unused.x, rowVector.pointer,
    columnSums.pointer, unused.y, .columnSums)
}

private func check<T, V>(_ e: MatrixView<T>, rowSums: MatrixView<Double>, columnVector: MatrixView<V>) {
  precondition(e.stride >= paddedForProduct(e.columns) && columnVector.stride >= paddedForProduct(e.columns))
  precondition(columnVector.columns >= e.columns && rowSums.columns == columnVector.rows)
  precondition(rowSums.rows >= e.rows && rowSums.columns == rowSums.stride)
}

private func check<T, V>(_ e: MatrixView<T>, columnSums: MatrixView<Double>, rowVector: MatrixView<V>) {
  precondition(e.stride >= paddedForProduct(e.columns) && columnSums.columns >= e.columns)
  precondition(rowVector.rows >= e.rows && rowVector.columns == rowVector.stride)
  precondition(rowVector.columns == columnSums.rows)
}

/// The reference implementation of `addProduct`: the sums as they are written down, in double precision.
public func addReferenceProduct<T: Scalar, V: Scalar>(
  of e: MatrixView<T>, columnVector: MatrixView<V>, rowSums: MatrixView<Double>
) {
  for c in 0..<rowSums.columns {
    for i in 0..<e.rows {
      rowSums[i, c] += (0..<e.columns).reduce(0.0) { $0 + Double(e[i, $1]) * Double(columnVector[c, $1]) }
    }
  }
}

/// The reference implementation of `addTransposedProduct`.
public func addReferenceTransposedProduct<T: Scalar, V: Scalar>(
  of e: MatrixView<T>, rowVector: MatrixView<V>, columnSums: MatrixView<Double>
) {
  for c in 0..<columnSums.rows {
    for j in 0..<e.columns {
      columnSums[c, j] += (0..<e.rows).reduce(0.0) { $0 + Double(e[$1, j]) * Double(rowVector[$1, c]) }
    }
  }
}
