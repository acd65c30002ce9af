import LinearAlgebra
import Runtime

/// What is kept of a tile between two products.
enum TileStorage<T: Real>: Sendable {
  /// Nothing: the tile is made from the rows for each product.
  case recomputed
  /// (rows x columns), each row padded with zeros as the product wants it.
  case dense(MatrixView<T>)
  /// E ~ L R, two thin factors: of a tile between two centres, where these are less to keep and to multiply.
  case lowRank(LowRankApproximation<T>)
}

/// A tile of the kernel's deviations: a segment of this rank's rows by a segment of another block's. Several short ones together make a side of
/// one tile, in which each pair of them has its own constant.
public struct KernelTile<T: Real>: Sendable {
  /// Of all of a side.
  public let rows: Segment
  public let columns: Segment
  /// Of which there are several only on a side of short ones.
  let rowSegments, columnSegments: [Segment]
  /// On the diagonal of K: the transposed direction is the same one.
  public let isDiagonal: Bool
  var storage = TileStorage<T>.recomputed

  public init(_ rows: Segment, _ columns: Segment, isDiagonal: Bool) {
    self.init([rows], [columns], isDiagonal: isDiagonal)
  }

  init(_ rows: [Segment], _ columns: [Segment], isDiagonal: Bool) {
    (self.rows, self.columns, self.isDiagonal) = (rows.whole, columns.whole, isDiagonal)
    (rowSegments, columnSegments) = (rows, columns)
  }

  /// Whether it is of two segments alone.
  var isSimple: Bool { rowSegments.count == 1 && columnSegments.count == 1 }

  /// Each pair of segments, with its part of a view of the tile's shape. On the diagonal both orders.
  func forEachPart(_ view: MatrixView<T>, _ body: (_ row: Segment, _ column: Segment, _ part: MatrixView<T>) -> Void) {
    for row in rowSegments {
      let stripe = view.rows(row.rows.shifted(by: -rows.rows.lowerBound))
      for column in columnSegments {
        body(row, column, stripe.columns(column.rows.shifted(by: -columns.rows.lowerBound)))
      }
    }
  }

  var isRecomputed: Bool { if case .recomputed = storage { true } else { false } }

  /// Its elements, if they are kept.
  var dense: MatrixView<T>? { if case .dense(let view) = storage { view } else { nil } }

  /// Its factors, if these are kept.
  var lowRank: LowRankApproximation<T>? { if case .lowRank(let factors) = storage { factors } else { nil } }

  /// Elements in memory if all are kept, padding included.
  public var elements: Int { rows.rows.count * paddedForProduct(columns.rows.count) }

  /// Elements that are kept.
  var storedElements: Int {
    switch storage {
    case .recomputed: 0
    case .dense: elements
    case .lowRank(let factors): factors.elements
    }
  }

  /// Elements that a product reads.
  var productElements: Int { lowRank?.elements ?? elements }

  /// A view of the tile's shape on memory with room for `elements`. *Local.*
  public func view(of memory: Matrix<T>, at start: Int = 0) -> MatrixView<T> {
    MatrixView(
      memory, pointer: memory.pointer + start, rows: rows.rows.count, columns: columns.rows.count,
      stride: paddedForProduct(columns.rows.count))
  }

  /// The deviations: where they are, multiplied out of their factors, or made from the rows. *Local.*
  /// - Parameter scratch: with room for `elements`, where they are not kept as they are.
  func deviations(
    in scratch: @autoclosure () -> Matrix<T>, _ builder: TileBuilder<T>, _ own: Rows<T>, _ other: Rows<T>, worker: Int
  ) -> MatrixView<T> {
    if let dense { return dense }
    let view = view(of: scratch())
    if let lowRank {
      lowRank.product(into: view)
    } else {
      build(in: view, builder, own, other, worker: worker)
    }
    return view
  }

  /// Builds the deviations in `out`, a view that `view(of:)` made, and zeros behind each row. *Local.*
  /// - Parameter products: the inner products of the rows' deviations, if they are there.
  func build(
    in out: MatrixView<T>, _ builder: TileBuilder<T>, _ own: Rows<T>, _ other: Rows<T>,
    from products: MatrixView<T>? = nil, worker: Int
  ) {
    if !isSimple {
      buildParts(in: out, builder, own, other, from: products, worker: worker)
    } else if let products {
      builder.build(.kernelDeviation, own, rows, other, columns, from: products, into: out, worker: worker)
    } else if isDiagonal {
      builder.buildSquare(.kernelDeviation, own, rows, into: out, worker: worker)
    } else {
      builder.build(.kernelDeviation, own, rows, other, columns, into: out, worker: worker)
    }
    for i in 0..<out.rows {
      for j in out.columns..<out.stride { out.pointer[i * out.stride + j] = 0 }
    }
  }

  /// The same of several pairs of segments, from one product.
  private func buildParts(
    in out: MatrixView<T>, _ builder: TileBuilder<T>, _ own: Rows<T>, _ other: Rows<T>, from products: MatrixView<T>?,
    worker: Int
  ) {
    if let products {
      out.copy(from: products)
    } else {
      multiply(own.deviations.rows(rows.rows), other.deviations.rows(columns.rows), transposeB: true, into: out)
    }
    forEachPart(out) { row, column, part in
      if isDiagonal && row == column {
        return builder.buildSquare(.kernelDeviation, own, row, into: part, worker: worker)
      }
      if isDiagonal && row.rows.lowerBound < column.rows.lowerBound { return }
      builder.finish(.kernelDeviation, own, row, other, column, products: part, worker: worker)
      guard isDiagonal else { return }
      let mirrored = out.rows(column.rows.shifted(by: -rows.rows.lowerBound))
        .columns(row.rows.shifted(by: -columns.rows.lowerBound))
      transpose(part, into: mirrored)
    }
  }
}
