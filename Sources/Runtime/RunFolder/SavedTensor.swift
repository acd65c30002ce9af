import LinearAlgebra

/// A matrix of any precision under a name, as a checkpoint keeps it: the elements' bytes, row-major.
public struct SavedTensor: @unchecked Sendable {
  public let name: String
  public let rows, columns: Int
  /// Bytes of an element: 4, float32, or 8, float64.
  public let scalarBytes: Int
  public let bytes: UnsafeMutableRawBufferPointer
  /// Keeps the memory.
  private let owner: AnyObject

  public init<T: Scalar>(_ name: String, _ matrix: Matrix<T>) {
    self.name = name
    rows = matrix.rows
    columns = matrix.columns
    scalarBytes = MemoryLayout<T>.stride
    bytes = UnsafeMutableRawBufferPointer(matrix.buffer)
    owner = matrix
  }

  /// One row.
  public init(_ name: String, _ values: [Double]) {
    self.init(name, Matrix<Double>(rows: 1, columns: values.count, values))
  }

  /// Memory to be filled.
  init(_ name: String, rows: Int, columns: Int, scalarBytes: Int) {
    if scalarBytes == 4 {
      self.init(name, Matrix<Float>(uninitialisedRows: rows, columns: columns))
    } else {
      self.init(name, Matrix<Double>(uninitialisedRows: rows, columns: columns))
    }
  }
}

extension [SavedTensor] {
  /// The tensor of that name and precision.
  public func matrix<T: Scalar>(_ name: String, as type: T.Type = T.self) throws -> Matrix<T> {
    guard let tensor = first(where: { $0.name == name }), tensor.scalarBytes == MemoryLayout<T>.stride else {
      throw CheckpointError("it has no \(name)")
    }
    let matrix = Matrix<T>(uninitialisedRows: tensor.rows, columns: tensor.columns)
    withExtendedLifetime(tensor) {
      UnsafeMutableRawBufferPointer(matrix.buffer).copyMemory(from: UnsafeRawBufferPointer(tensor.bytes))
    }
    return matrix
  }

  public func values(_ name: String) throws -> [Double] {
    try matrix(name, as: Double.self).values
  }

  /// Copies into a matrix that must have the saved one's shape.
  public func restore<T: Scalar>(_ name: String, into matrix: Matrix<T>) throws {
    let saved = try self.matrix(name, as: T.self)
    guard saved.rows == matrix.rows && saved.columns == matrix.columns else {
      throw CheckpointError(
        "its \(name) is \(saved.rows) x \(saved.columns), and \(matrix.rows) x \(matrix.columns) is needed")
    }
    withExtendedLifetime(saved) { matrix.pointer.update(from: saved.pointer, count: matrix.count) }
  }
}

/// A checkpoint that cannot be used. Nobody's fault that would have to end the run: an older one is taken.
public struct CheckpointError: Error, Sendable, Equatable, CustomStringConvertible {
  public let description: String

  public init(_ description: String) { self.description = description }
}
