/// A dense row-major matrix that owns its memory, 64-byte aligned.
///
/// A class, so that a copy is always written out: in this program an unseen copy of a matrix is a bug.
/// Concurrent use of disjoint parts is the caller's to arrange, hence `@unchecked Sendable`.
public final class Matrix<Element: Scalar>: @unchecked Sendable {
  public let rows: Int
  public let columns: Int
  /// Row-major storage, `rows * columns` elements.
  public let pointer: UnsafeMutablePointer<Element>
  /// Whose memory this is, where it is not its own.
  private let lender: Matrix?

  /// A matrix of zeros.
  public convenience init(rows: Int, columns: Int) {
    self.init(uninitialisedRows: rows, columns: columns)
    pointer.initialize(repeating: 0, count: rows * columns)
  }

  /// A matrix whose memory is not touched: for what is written whole before it is read.
  public init(uninitialisedRows rows: Int, columns: Int) {
    precondition(rows >= 0 && columns >= 0)
    self.rows = rows
    self.columns = columns
    MatrixMemory.add(rows * columns * MemoryLayout<Element>.stride)
    let bytes = max(1, rows * columns) * MemoryLayout<Element>.stride
    let memory =
      Self.isLarge(bytes)
      ? LargeBlocks.shared.take(bytes) : UnsafeMutableRawPointer.allocate(byteCount: bytes, alignment: 64)
    pointer = memory.bindMemory(to: Element.self, capacity: max(1, rows * columns))
    lender = nil
    if MatrixWatch.isWatching { MatrixWatch.made(bytes, buffer) }
  }

  /// The beginning of another matrix's memory as a matrix: what is written to the one is in the other too.
  public init(rows: Int, columns: Int, sharing memory: Matrix) {
    precondition(rows >= 0 && columns >= 0 && rows * columns <= memory.count)
    self.rows = rows
    self.columns = columns
    pointer = memory.pointer
    lender = memory
  }

  /// A matrix with elements given row after row.
  public convenience init(rows: Int, columns: Int, _ elements: some Collection<Element>) {
    precondition(elements.count == rows * columns)
    self.init(uninitialisedRows: rows, columns: columns)
    for (i, element) in elements.enumerated() { pointer[i] = element }
  }

  private static func isLarge(_ bytes: Int) -> Bool { bytes >= 2 * LargeBlocks.page }

  deinit {
    if lender != nil { return }
    MatrixMemory.add(-count * MemoryLayout<Element>.stride)
    if Self.isLarge(count * MemoryLayout<Element>.stride) {
      LargeBlocks.shared.give(pointer)
    } else {
      UnsafeMutableRawPointer(pointer).deallocate()
    }
  }

  @inlinable public var count: Int { rows * columns }

  /// All elements, row after row.
  @inlinable public var buffer: UnsafeMutableBufferPointer<Element> {
    UnsafeMutableBufferPointer(start: pointer, count: count)
  }

  /// A copy of all elements, row after row.
  public var values: [Element] { withExtendedLifetime(self) { Array(buffer) } }

  @inlinable public var view: MatrixView<Element> {
    MatrixView(self, pointer: pointer, rows: rows, columns: columns, stride: columns)
  }

  /// The first rows * columns elements as a matrix of that shape: scratch for tiles of many sizes.
  @inlinable public func reshaped(rows: Int, columns: Int) -> MatrixView<Element> {
    precondition(rows * columns <= count)
    return MatrixView(self, pointer: pointer, rows: rows, columns: columns, stride: columns)
  }

  @inlinable public func rows(_ range: Range<Int>) -> MatrixView<Element> { view.rows(range) }

  @inlinable public func row(_ index: Int) -> UnsafeMutableBufferPointer<Element> {
    precondition(index >= 0 && index < rows)
    return UnsafeMutableBufferPointer(start: pointer + index * columns, count: columns)
  }

  /// Not checked against the shape.
  @inlinable public subscript(row: Int, column: Int) -> Element {
    get { pointer[row * columns + column] }
    set { pointer[row * columns + column] = newValue }
  }

  /// The same elements in memory of their own.
  public func copy() -> Matrix {
    let other = Matrix(uninitialisedRows: rows, columns: columns)
    other.pointer.update(from: pointer, count: count)
    return other
  }

  /// Element by element, rounded to the nearest.
  @specialized(where Element == Float, Other == Double)
  @specialized(where Element == Double, Other == Float)
  public func converted<Other: Scalar>(to type: Other.Type = Other.self) -> Matrix<Other> {
    let other = Matrix<Other>(uninitialisedRows: rows, columns: columns)
    for i in 0..<count { other.pointer[i] = Other(pointer[i]) }
    return other
  }
}

extension Matrix {
  /// Sets every element from its row and column.
  @inlinable public func fill(_ element: (_ row: Int, _ column: Int) -> Element) {
    for i in 0..<rows { for j in 0..<columns { self[i, j] = element(i, j) } }
  }
}
