import LinearAlgebra
import Runtime

/// What the rows of a chunk gather as they meet pieces: T_I = sum over pieces of Q_IJ D_J, and sums of Q's rows by class.
final class ChunkSums<T: Real>: @unchecked Sendable {
  let segments: [Segment]
  let range: Range<Int>
  /// T_I; (chunk rows x width).
  let product: Matrix<T>
  /// z_ib of the classes b that are not the row's own; (centres x chunk rows).
  let classSums: Matrix<Double>

  init(_ panel: WeightPanel<T>, width: Int, centres: Int) {
    segments = panel.segments
    range = panel.range
    product = Matrix(rows: range.count, columns: width)
    classSums = Matrix(rows: centres, columns: range.count)
  }

  static func bytes(rows: Int, _ sizes: AGOPCost) -> Int {
    rows * (sizes.width * MemoryLayout<T>.stride + sizes.centres * 8)
  }

  var saved: [SavedTensor] { [SavedTensor("product", product), SavedTensor("classSums", classSums)] }

  /// Throws `CheckpointError`.
  func restore(_ saved: [SavedTensor]) throws {
    try saved.restore("product", into: product)
    try saved.restore("classSums", into: classSums)
  }
}

/// A chunk of own rows, I, and the pieces J that come by.
final class ChunkMeeting<T: Real>: @unchecked Sendable {
  private let context: Context
  private let panel: WeightPanel<T>
  private let rows: PairwiseRows<T>
  private let terms: SampleTerms<T>
  private let target: ChunkSums<T>
  /// H^2, then Q, of the pair; (chunk rows x piece rows).
  private let pairs: Matrix<T>
  private let scratch: [Scratch]
  private let tileRows: Int
  /// z_ja of the piece's rows j from the chunk's classes a != j's own, after `add`; (centres x piece rows), one for each worker.
  private(set) var pieceSums: [Matrix<Double>] = []

  private struct Scratch {
    /// A A^T and A B^T + B A^T of a tile.
    let squares, products: Matrix<T>

    /// So many rows of a tile at a time stay in the L2 cache.
    static var stripeRows: Int { 128 }

    init(tileRows: Int) {
      squares = Matrix(uninitialisedRows: Self.stripeRows, columns: tileRows)
      products = Matrix(uninitialisedRows: Self.stripeRows, columns: tileRows)
    }
  }

  init(
    _ agop: PairwiseAGOP<T>, _ rows: PairwiseRows<T>, _ panel: WeightPanel<T>, _ terms: SampleTerms<T>,
    _ target: ChunkSums<T>,
    pieceRows: Int
  ) {
    self.rows = rows
    context = agop.context
    stripRows = agop.world.size > 1 ? 2048 : 8192
    self.panel = panel
    self.terms = terms
    self.target = target
    pairs = Matrix(uninitialisedRows: panel.range.count, columns: pieceRows)
    let tileRows = agop.layout.tileRows
    self.tileRows = tileRows
    scratch = (0..<agop.pool.count).map { _ in Scratch(tileRows: tileRows) }
  }

  static func bytes(rows: Int, pieceRows: Int, _ sizes: AGOPCost) -> Int {
    let scratch = sizes.threads * 2 * Scratch.stripeRows * sizes.tileRows
    return (rows * pieceRows + scratch) * MemoryLayout<T>.stride + sizes.threads * sizes.centres * pieceRows * 8
  }

  /// *Local.* T_I += Q_IJ D_J and the class sums of Q_IJ's rows and columns; false, and nothing has been added, if `stop` was set
  /// in the long product that comes first.
  /// - Parameters:
  ///   - own: the chunk's segments to use, one after another.
  ///   - isOwn: the piece is the beginning of `own`: each pair of its rows counts once, the diagonal by half.
  func add(
    _ piece: PanelPiece<T>, _ own: [Segment], isOwn: Bool, stop: StopSwitch? = nil
  ) -> Bool {
    let centres = target.classSums.rows
    pieceSums = []  // The last piece's go before these come.
    pieceSums = (0..<context.pool.count).map { _ in Matrix(rows: centres, columns: piece.rowRange.count) }
    let range = own.rowRange
    let q = pairs.reshaped(rows: range.count, columns: piece.rowRange.count)
    guard multiplyWeights(panel.weights(range), piece.weights, isOwn, stop, into: q) else { return false }
    let limit = GradientWeights<T>.sideRows(of: range.count, tileRows: tileRows, workers: context.pool.count)
    let columnSides = piece.segments.sides(ofAtMost: limit)
    // Sides of an own piece are the same as rows and as columns.
    let rowSides =
      isOwn
      ? columnSides + Array(own.dropFirst(piece.segments.count)).sides(ofAtMost: limit) : own.sides(ofAtMost: limit)
    context.pool.forEach(0..<rowSides.count) { index, worker in
      let side = rowSides[index]
      for columns in columnSides {
        let tile = q.rows(side.rowRange.shifted(by: -range.lowerBound))
          .columns(columns.rowRange.shifted(by: -piece.rowRange.lowerBound))
        if isOwn && columns.rowRange.lowerBound > side.rowRange.lowerBound {
          tile.fill(0)
          continue
        }
        let isDiagonal = isOwn && columns == side
        self.finish(tile, side, piece, columns, worker)
        if isDiagonal { self.keepLower(tile, side.rowRange) }
        self.addClassSums(tile, side, piece, columns, isDiagonal, worker)
      }
    }
    multiplyRows(q, piece, columnSides, range, isOwn)
    return true
  }

  /// (H^2)_IJ = H_I H_J^T; of the square of an own piece the lower triangle. False if it was broken off.
  private func multiplyWeights(
    _ h: MatrixView<T>, _ other: MatrixView<T>, _ isOwn: Bool, _ stop: StopSwitch?, into out: MatrixView<T>
  ) -> Bool {
    let square = isOwn ? other.rows : 0
    if isOwn { context.pool.addOuterGram(of: other, beta: 0, intoLower: out.rows(0..<square)) }
    for rows in (square..<h.rows).pieces(ofAtMost: stripRows) {
      if stop?.isRequested == true { return false }
      context.progress()
      context.pool.multiply(h.rows(rows), other, transposeB: true, into: out.rows(rows))
    }
    return true
  }

  /// T_I += Q_IJ D_J; the square of an own piece without most of the zeros above its diagonal.
  private func multiplyRows(
    _ q: MatrixView<T>, _ piece: PanelPiece<T>, _ sides: [[Segment]], _ range: Range<Int>, _ isOwn: Bool
  ) {
    let out = target.product.rows(range.shifted(by: -target.range.lowerBound))
    let x = piece.deviations
    if isOwn {
      for side in sides {
        let rows = side.rowRange.shifted(by: -range.lowerBound)
        context.pool.multiply(
          q.rows(rows).columns(0..<rows.upperBound), x.rows(0..<rows.upperBound), beta: 1, into: out.rows(rows))
      }
    }
    for rows in ((isOwn ? x.rows : 0)..<q.rows).pieces(ofAtMost: stripRows) {
      context.progress()
      context.pool.multiply(q.rows(rows), x, beta: 1, into: out.rows(rows))
    }
  }

  /// Rows of one call of BLAS: between two of them messages are moved on.
  private let stripRows: Int

  /// Turns a tile of H^2 into one of Q (without the diagonal's |b_i|^2).
  private func finish(
    _ tile: MatrixView<T>, _ side: [Segment], _ piece: PanelPiece<T>, _ columns: [Segment], _ worker: Int
  ) {
    let rowPlace = side.rowRange.shifted(by: panel.place.lowerBound - panel.range.lowerBound)
    let columnPlace = columns.rowRange.shifted(by: piece.shardStart)
    let h = panel.weights(side.rowRange).columns(columnPlace)
    for stripe in (0..<tile.rows).pieces(ofAtMost: Scratch.stripeRows) {
      let samples = stripe.shifted(by: rowPlace.lowerBound)
      let squares = scratch[worker].squares.reshaped(rows: stripe.count, columns: tile.columns)
      let products = scratch[worker].products.reshaped(rows: stripe.count, columns: tile.columns)
      multiply(terms.coefficients(samples), terms.coefficients(columnPlace), transposeB: true, into: squares)
      multiply(terms.both(samples), terms.swapped(columnPlace), transposeB: true, into: products)
      pairWeights(tile.rows(stripe), times: squares, minus: products, times: h.rows(stripe))
    }
  }

  /// Adds up a tile's rows and columns, each pair of segments on its own, but for those of one centre.
  private func addClassSums(
    _ tile: MatrixView<T>, _ side: [Segment], _ piece: PanelPiece<T>, _ columns: [Segment], _ isDiagonal: Bool,
    _ worker: Int
  ) {
    let (ownSums, otherSums) = (target.classSums, pieceSums[worker])
    for row in side {
      let (centre, stripe) = (rows.centre(of: row), tile.rows(row.rows.shifted(by: -side.rowRange.lowerBound)))
      // Above the diagonal is nothing.
      for column in columns where !(isDiagonal && column.rows.lowerBound >= row.rows.lowerBound) {
        let other = rows.centre(of: column)
        guard centre != other else { continue }
        addSums(
          of: stripe.columns(column.rows.shifted(by: -columns.rowRange.lowerBound)),
          rows: ownSums.pointer + other * ownSums.columns + row.rows.lowerBound - target.range.lowerBound,
          columns: otherSums.pointer + centre * otherSums.columns + column.rows.lowerBound - piece.rowRange.lowerBound)
      }
    }
  }

  /// Of a tile on the diagonal: nothing above, half of the diagonal, which here gets its |b_i|^2. - Parameter rows: of the shard.
  private func keepLower(_ tile: MatrixView<T>, _ rows: Range<Int>) {
    let first = rows.lowerBound + panel.place.lowerBound - panel.range.lowerBound
    for i in 0..<tile.rows {
      tile[i, i] = (tile[i, i] + terms.squaredProduct(first + i)) / 2
      for j in (i + 1)..<tile.columns where i + 1 < tile.columns { tile[i, j] = 0 }
    }
  }
}
