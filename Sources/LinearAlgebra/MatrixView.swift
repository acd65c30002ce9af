/// A rectangle of a row-major matrix, which it keeps alive.
///
/// Disjoint views may be written concurrently; that they are disjoint is the caller's to see to.
public struct MatrixView<Element: Scalar>: @unchecked Sendable {
  public let pointer: UnsafeMutablePointer<Element>
  public let rows: Int
  public let columns: Int
  /// Elements from one row's start to the next's.
  public let stride: Int
  /// A view often is the last use of its matrix, whose memory would go before the view's.
  @usableFromInline let owner: Matrix<Element>

  /// A rectangle of `owner` that begins at `pointer`.
  @inlinable public init(
    _ owner: Matrix<Element>, pointer: UnsafeMutablePointer<Element>, rows: Int, columns: Int, stride: Int
  ) {
    self.owner = owner
    self.pointer = pointer
    self.rows = rows
    self.columns = columns
    self.stride = stride
  }

  @inlinable public func rows(_ range: Range<Int>) -> MatrixView {
    precondition(range.lowerBound >= 0 && range.upperBound <= rows)
    return MatrixView(
      owner, pointer: pointer + range.lowerBound * stride, rows: range.count, columns: columns, stride: stride)
  }

  @inlinable public func columns(_ range: Range<Int>) -> MatrixView {
    precondition(range.lowerBound >= 0 && range.upperBound <= columns)
    return MatrixView(owner, pointer: pointer + range.lowerBound, rows: rows, columns: range.count, stride: stride)
  }

  /// The same elements, which must lie without gaps, in rows of another length.
  @inlinable public func reshaped(rows: Int, columns: Int) -> MatrixView {
    precondition(rows * columns == self.rows * self.columns && (stride == self.columns || self.rows <= 1))
    return MatrixView(owner, pointer: pointer, rows: rows, columns: columns, stride: columns)
  }

  @inlinable public subscript(row: Int, column: Int) -> Element {
    get { pointer[row * stride + column] }
    nonmutating set { pointer[row * stride + column] = newValue }
  }

  @inlinable public func row(_ index: Int) -> UnsafeMutableBufferPointer<Element> {
    UnsafeMutableBufferPointer(start: pointer + index * stride, count: columns)
  }

  /// Takes over all elements of another of the same shape.
  public func copy(from other: MatrixView) {
    precondition(rows == other.rows && columns == other.columns)
    for i in 0..<rows { (pointer + i * stride).update(from: other.pointer + i * other.stride, count: columns) }
  }

  public func fill(_ value: Element) {
    for i in 0..<rows { row(i).update(repeating: value) }
  }
}
