import LinearAlgebra
import Runtime

/// What is kept of a tile between two products. A kind that is two thin factors (U, V) has its place here.
enum TileStorage<T: Real>: Sendable {
  /// Nothing: the tile is made from the rows for each product.
  case recomputed
  /// (rows x columns), each row padded with zeros as the product wants it.
  case dense(MatrixView<T>)
}

/// A tile of the kernel's deviations: a segment of this rank's rows by a segment of another block's.
public struct KernelTile<T: Real>: Sendable {
  public let rows: Segment
  public let columns: Segment
  /// On the diagonal of K: the transposed direction is the same one.
  public let isDiagonal: Bool
  var storage = TileStorage<T>.recomputed

  public init(_ rows: Segment, _ columns: Segment, isDiagonal: Bool) {
    self.rows = rows
    self.columns = columns
    self.isDiagonal = isDiagonal
  }

  var isRecomputed: Bool { if case .recomputed = storage { true } else { false } }

  /// Its elements, if they are kept.
  var dense: MatrixView<T>? { if case .dense(let view) = storage { view } else { nil } }

  /// Elements in memory if they are kept, padding included.
  public var elements: Int { rows.rows.count * paddedForProduct(columns.rows.count) }

  /// A view of the tile's shape on memory with room for `elements`. *Local.*
  public func view(of memory: Matrix<T>, at start: Int = 0) -> MatrixView<T> {
    MatrixView(
      memory, pointer: memory.pointer + start, rows: rows.rows.count, columns: columns.rows.count,
      stride: paddedForProduct(columns.rows.count))
  }

  /// Builds the deviations in `out`, a view that `view(of:)` made, and zeros behind each row. *Local.*
  /// - Parameter products: the inner products of the rows' deviations, if they are there.
  func build(
    in out: MatrixView<T>, _ builder: TileBuilder<T>, _ own: Rows<T>, _ other: Rows<T>,
    from products: MatrixView<T>? = nil, worker: Int
  ) {
    if let products {
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
}
