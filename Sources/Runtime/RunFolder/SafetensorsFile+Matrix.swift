import Files
import LinearAlgebra

/// Tensors of a file that somebody else may have written: shapes and values are looked at before use.
extension SafetensorsFile {
  /// Rows and columns of a tensor. Throws `InputError` unless it has two dimensions, none of them 0.
  public func matrixShape(_ name: String) throws(InputError) -> (rows: Int, columns: Int) {
    let shape = try tensor(name).shape
    guard shape.count == 2, shape.allSatisfy({ 1...Int(Int32.max) ~= $0 }) else {
      throw InputError("\(path): tensor \"\(name)\" has the shape \(shape), which is no matrix's")
    }
    return (shape[0], shape[1])
  }

  /// Throws `InputError` unless the tensor has this shape.
  public func expect(_ name: String, _ shape: [Int]) throws(InputError) {
    let found = try tensor(name).shape
    guard found == shape else {
      throw InputError("\(path): tensor \"\(name)\" has the shape \(found), and \(shape) is needed")
    }
  }

  /// A matrix's rows, all unless told. Throws `InputError` where a number is not finite.
  public func matrix(_ name: String, rows: Range<Int>? = nil) throws -> Matrix<Double> {
    let shape = try matrixShape(name)
    let rows = rows ?? 0..<shape.rows
    let result = Matrix<Double>(uninitialisedRows: rows.count, columns: shape.columns)
    try read(name, rows: rows, into: result.buffer)
    guard result.buffer.allSatisfy(\.isFinite) else {
      throw InputError("\(path): tensor \"\(name)\" holds a number that is not finite")
    }
    return result
  }

  /// A tensor of one dimension. Throws `InputError` if it has another length than `count`.
  public func vector<Element: TensorElement>(
    _ name: String, count: Int? = nil, as type: Element.Type = Element.self
  ) throws -> [Element] {
    try expect(name, [count ?? tensor(name).rows])
    return try read(name)
  }
}
