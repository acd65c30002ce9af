/// Memory for a matrix whose shape changes from use to use: made once for the largest, kept between uses. For one thread at a time.
public final class Workspace<Element: Scalar> {
  private var memory = Matrix<Element>(uninitialisedRows: 1, columns: 0)

  public init() {}

  /// A matrix of this shape, not cleared. It is the memory of all earlier ones.
  public func matrix(rows: Int, columns: Int) -> MatrixView<Element> {
    if rows * columns > memory.count { memory = Matrix(uninitialisedRows: 1, columns: rows * columns) }
    return memory.reshaped(rows: rows, columns: columns)
  }
}

extension MatrixView {
  /// All elements of whole rows, which lie one behind the other.
  public var elements: UnsafeMutableBufferPointer<Element> {
    precondition(stride == columns || rows <= 1)
    return UnsafeMutableBufferPointer(start: pointer, count: rows * columns)
  }
}
