/// A dense row-major matrix that owns its memory, 64-byte aligned.
///
/// A class, so that a copy is always written out: in this program an unseen copy of a matrix is a bug.
/// Concurrent use of disjoint parts is the caller's to arrange, hence `@unchecked Sendable`.
public final class Matrix<Element: Scalar>: @unchecked Sendable {
  public let rows: Int
  public let columns: Int
  /// Row-major storage, `rows * columns` elements.
  public let pointer: UnsafeMutablePointer<Element>

  /// A matrix of zeros.
  public init(rows: Int, columns: Int) {
    precondition(rows >= 0 && columns >= 0)
    self.rows = rows
    self.columns = columns
    let bytes = max(1, rows * columns) * MemoryLayout<Element>.stride
    let memory = UnsafeMutableRawPointer.allocate(byteCount: bytes, alignment: 64)
    memory.initializeMemory(as: UInt8.self, repeating: 0, count: bytes)
    pointer = memory.bindMemory(to: Element.self, capacity: max(1, rows * columns))
  }

  deinit { UnsafeMutableRawPointer(pointer).deallocate() }

  @inlinable public var count: Int { rows * columns }

  @inlinable public var buffer: UnsafeMutableBufferPointer<Element> {
    UnsafeMutableBufferPointer(start: pointer, count: count)
  }

  @inlinable public subscript(row: Int, column: Int) -> Element {
    get { pointer[row * columns + column] }
    set { pointer[row * columns + column] = newValue }
  }
}
