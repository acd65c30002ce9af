/// The precision a run stores and multiplies in.
public enum Precision: String, Sendable, Codable, CaseIterable {
  case float32, float64
}

/// A real number that BLAS and the elementwise loops know: `Float` or `Double`.
///
/// The requirements are one C call each; `Scalar+Float.swift` and `Scalar+Double.swift` supply them. Use the
/// functions of `Products.swift` and `Elementwise.swift` instead: they take views and check shapes.
public protocol Scalar: BinaryFloatingPoint & Sendable & BitwiseCopyable {
  static var precision: Precision { get }

  /// C (m x n) = alpha op(A) op(B) + beta C, row-major.
  static func gemm(
    _ transposeA: Bool, _ transposeB: Bool, _ m: Int, _ n: Int, _ k: Int,
    _ alpha: Self, _ a: UnsafePointer<Self>, _ lda: Int, _ b: UnsafePointer<Self>, _ ldb: Int,
    _ beta: Self, _ c: UnsafeMutablePointer<Self>, _ ldc: Int)

  /// Lower triangle of C (n x n) = alpha op(A) op(A)^T + beta C, row-major; A is (n x k), or (k x n) transposed.
  static func syrk(
    _ transposed: Bool, _ n: Int, _ k: Int, _ alpha: Self, _ a: UnsafePointer<Self>, _ lda: Int,
    _ beta: Self, _ c: UnsafeMutablePointer<Self>, _ ldc: Int)

  /// Cholesky factor in place, row-major lower. Returns LAPACK's info.
  static func potrf(_ n: Int, _ a: UnsafeMutablePointer<Self>, _ lda: Int) -> Int

  /// Solves with the factor of `potrf`; right-hand sides one after the other, each of length n.
  static func potrs(
    _ n: Int, _ rightHandSides: Int, _ a: UnsafePointer<Self>, _ lda: Int, _ b: UnsafeMutablePointer<Self>,
    _ ldb: Int
  ) -> Int

  /// See `kernelDeviation(of:...)`.
  static func kernelDeviation(
    _ g: UnsafePointer<Self>, _ out: UnsafeMutablePointer<Self>, _ rows: Int, _ columns: Int,
    _ gStride: Int, _ outStride: Int, _ terms: TileTerms<Self>, _ form: TileForm
  ) -> Bool

  /// See `gradientWeight(of:...)`.
  static func gradientWeight(
    _ g: UnsafePointer<Self>, _ out: UnsafeMutablePointer<Self>, _ rows: Int, _ columns: Int,
    _ gStride: Int, _ outStride: Int, _ terms: TileTerms<Self>, _ form: TileForm
  ) -> Bool

  /// See `gradientWeight(ofDeviation:...)`.
  static func weightOfDeviation(
    _ e: UnsafePointer<Self>, _ out: UnsafeMutablePointer<Self>, _ rows: Int, _ columns: Int,
    _ eStride: Int, _ outStride: Int, _ nearest: Double, _ form: TileForm
  ) -> Bool

  /// out = x as Double, element by element.
  static func widen(_ x: UnsafePointer<Self>, _ out: UnsafeMutablePointer<Double>, _ count: Int)

  /// out += x, element by element, in Double.
  static func accumulate(_ x: UnsafePointer<Self>, _ out: UnsafeMutablePointer<Double>, _ count: Int)

  /// out (rows x columns) = diag(scale) x.
  static func scaleRows(
    _ x: UnsafePointer<Self>, _ xStride: Int, _ scale: UnsafePointer<Self>, _ scaleStride: Int,
    _ rows: Int, _ columns: Int, _ out: UnsafeMutablePointer<Self>)

  /// |(x + a) - (y + b)|^2 in Double; equal pointers a and b cancel before they are read.
  static func squareDistance(
    _ x: UnsafePointer<Self>, _ y: UnsafePointer<Self>, _ a: UnsafePointer<Double>, _ b: UnsafePointer<Double>,
    _ count: Int
  ) -> Double

  /// See `pairWeights(_:...)`.
  static func pairWeights(
    _ q: UnsafeMutablePointer<Self>, _ qStride: Int, _ p: UnsafePointer<Self>, _ r: UnsafePointer<Self>,
    _ prStride: Int,
    _ h: UnsafePointer<Self>, _ hStride: Int, _ rows: Int, _ columns: Int)

  /// w = w o h, entry by entry.
  static func multiplyEntries(
    _ w: UnsafeMutablePointer<Self>, _ wStride: Int, _ h: UnsafePointer<Self>, _ hStride: Int, _ rows: Int,
    _ columns: Int)

  /// See `addSums(of:...)`.
  static func addSums(
    _ q: UnsafePointer<Self>, _ stride: Int, _ rows: Int, _ columns: Int, _ rowSums: UnsafeMutablePointer<Double>,
    _ columnSums: UnsafeMutablePointer<Double>)

  /// B (n x m) = A^T, row-major.
  static func transpose(
    _ m: Int, _ n: Int, _ a: UnsafePointer<Self>, _ lda: Int, _ b: UnsafeMutablePointer<Self>, _ ldb: Int)

  /// See `addProduct(of:...)`. Float vectors go with Float tiles only.
  static func tileProduct<V: Scalar>(
    _ e: UnsafePointer<Self>, _ rows: Int, _ columns: Int, _ stride: Int, _ vectors: Int, _ length: Int,
    _ spacing: Int, _ columnVector: UnsafePointer<V>, _ rowVector: UnsafePointer<V>,
    _ columnSums: UnsafeMutablePointer<Double>, _ rowSums: UnsafeMutablePointer<Double>, _ sides: ProductSides)
}

/// The same memory under the type it is known to have.
func rebound<A: Scalar, B: Scalar>(_ pointer: UnsafePointer<A>, as type: B.Type) -> UnsafePointer<B> {
  UnsafeRawPointer(pointer).assumingMemoryBound(to: B.self)
}

func rebound<A: Scalar, B: Scalar>(_ pointer: UnsafeMutablePointer<A>, as type: B.Type) -> UnsafeMutablePointer<B> {
  UnsafeMutableRawPointer(pointer).assumingMemoryBound(to: B.self)
}
