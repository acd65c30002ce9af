import CKernels
import COpenBLAS

extension Float: Scalar {
  public static var precision: Precision { .float32 }

  public static func gemm(
    _ transposeA: Bool, _ transposeB: Bool, _ m: Int, _ n: Int, _ k: Int,
    _ alpha: Float, _ a: UnsafePointer<Float>, _ lda: Int, _ b: UnsafePointer<Float>, _ ldb: Int,
    _ beta: Float, _ c: UnsafeMutablePointer<Float>, _ ldc: Int
  ) {
    cblas_sgemm(
      CblasRowMajor, transposeA ? CblasTrans : CblasNoTrans, transposeB ? CblasTrans : CblasNoTrans,
      Int32(m), Int32(n), Int32(k), alpha, a, Int32(lda), b, Int32(ldb), beta, c, Int32(ldc))
  }

  public static func syrk(
    _ transposed: Bool, _ n: Int, _ k: Int, _ alpha: Float, _ a: UnsafePointer<Float>, _ lda: Int,
    _ beta: Float, _ c: UnsafeMutablePointer<Float>, _ ldc: Int
  ) {
    cblas_ssyrk(
      CblasRowMajor, CblasLower, transposed ? CblasTrans : CblasNoTrans, Int32(n), Int32(k), alpha, a,
      Int32(lda), beta, c, Int32(ldc))
  }

  public static func potrf(_ n: Int, _ a: UnsafeMutablePointer<Float>, _ lda: Int) -> Int {
    // Row-major lower is column-major upper.
    var n = Int32(n)
    var lda = Int32(lda)
    var info: Int32 = 0
    spotrf_("U", &n, a, &lda, &info)
    return Int(info)
  }

  public static func potrs(
    _ n: Int, _ rightHandSides: Int, _ a: UnsafePointer<Float>, _ lda: Int, _ b: UnsafeMutablePointer<Float>,
    _ ldb: Int
  ) -> Int {
    var n = Int32(n)
    var count = Int32(rightHandSides)
    var lda = Int32(lda)
    var ldb = Int32(ldb)
    var info: Int32 = 0
    spotrs_("U", &n, &count, a, &lda, b, &ldb, &info)
    return Int(info)
  }

  public static func kernelDeviation(
    _ g: UnsafePointer<Float>, _ out: UnsafeMutablePointer<Float>, _ rows: Int, _ columns: Int,
    _ gStride: Int, _ outStride: Int, _ terms: TileTerms<Float>, _ form: TileForm
  ) -> Bool {
    deeprfm_kernel_deviation_f32(
      g, out, rows, columns, gStride, outStride, terms.alpha, terms.beta, terms.rowNorm, terms.columnNorm,
      form.c) != 0
  }

  public static func gradientWeight(
    _ g: UnsafePointer<Float>, _ out: UnsafeMutablePointer<Float>, _ rows: Int, _ columns: Int,
    _ gStride: Int, _ outStride: Int, _ terms: TileTerms<Float>, _ form: TileForm
  ) -> Bool {
    deeprfm_gradient_weight_f32(
      g, out, rows, columns, gStride, outStride, terms.alpha, terms.beta, terms.rowNorm, terms.columnNorm,
      form.c) != 0
  }

  public static func weightOfDeviation(
    _ e: UnsafePointer<Float>, _ out: UnsafeMutablePointer<Float>, _ rows: Int, _ columns: Int,
    _ eStride: Int, _ outStride: Int, _ nearest: Double, _ form: TileForm
  ) -> Bool {
    deeprfm_weight_of_deviation_f32(e, out, rows, columns, eStride, outStride, nearest, form.c) != 0
  }

  public static func widen(_ x: UnsafePointer<Float>, _ out: UnsafeMutablePointer<Double>, _ count: Int) {
    deeprfm_widen_f32(x, out, count)
  }

  public static func accumulate(_ x: UnsafePointer<Float>, _ out: UnsafeMutablePointer<Double>, _ count: Int) {
    deeprfm_accumulate_f32(x, out, count)
  }

  public static func scaleRows(
    _ x: UnsafePointer<Float>, _ xStride: Int, _ scale: UnsafePointer<Float>, _ scaleStride: Int,
    _ rows: Int, _ columns: Int, _ out: UnsafeMutablePointer<Float>
  ) {
    deeprfm_scale_rows_f32(x, xStride, scale, scaleStride, rows, columns, out)
  }

  public static func squareDistance(
    _ x: UnsafePointer<Float>, _ y: UnsafePointer<Float>, _ a: UnsafePointer<Double>, _ b: UnsafePointer<Double>,
    _ count: Int
  ) -> Double {
    deeprfm_square_distance_f32(x, y, a, b, count)
  }

  public static func pairWeights(
    _ q: UnsafeMutablePointer<Float>, _ qStride: Int, _ p: UnsafePointer<Float>, _ r: UnsafePointer<Float>,
    _ prStride: Int,
    _ h: UnsafePointer<Float>, _ hStride: Int, _ rows: Int, _ columns: Int
  ) {
    deeprfm_pair_weights_f32(q, qStride, p, r, prStride, h, hStride, rows, columns)
  }

  public static func multiplyEntries(
    _ w: UnsafeMutablePointer<Float>, _ wStride: Int, _ h: UnsafePointer<Float>, _ hStride: Int, _ rows: Int,
    _ columns: Int
  ) {
    deeprfm_multiply_entries_f32(w, wStride, h, hStride, rows, columns)
  }

  public static func addSums(
    _ q: UnsafePointer<Float>, _ stride: Int, _ rows: Int, _ columns: Int, _ rowSums: UnsafeMutablePointer<Double>,
    _ columnSums: UnsafeMutablePointer<Double>
  ) {
    deeprfm_add_sums_f32(q, stride, rows, columns, rowSums, columnSums)
  }

  public static func transpose(
    _ m: Int, _ n: Int, _ a: UnsafePointer<Float>, _ lda: Int, _ b: UnsafeMutablePointer<Float>, _ ldb: Int
  ) {
    cblas_somatcopy(CblasRowMajor, CblasTrans, Int32(m), Int32(n), 1, a, Int32(lda), b, Int32(ldb))
  }

  public static func tileProduct<V: Scalar>(
    _ e: UnsafePointer<Float>, _ rows: Int, _ columns: Int, _ stride: Int, _ vectors: Int, _ length: Int,
    _ spacing: Int, _ columnVector: UnsafePointer<V>, _ rowVector: UnsafePointer<V>,
    _ columnSums: UnsafeMutablePointer<Double>, _ rowSums: UnsafeMutablePointer<Double>, _ sides: ProductSides
  ) {
    switch V.precision {
    case .float32:
      deeprfm_tile_product_f32_f32(
        e, rows, columns, stride, vectors, length, spacing, rebound(columnVector, as: Float.self),
        rebound(rowVector, as: Float.self), columnSums, rowSums, sides.rawValue)
    case .float64:
      deeprfm_tile_product_f32_f64(
        e, rows, columns, stride, vectors, length, spacing, rebound(columnVector, as: Double.self),
        rebound(rowVector, as: Double.self), columnSums, rowSums, sides.rawValue)
    }
  }
}
