import Files
import LinearAlgebra
import Runtime

/// A rank's rows as the measures read them: a few at a time, in double, by several threads at once.
///
/// Rows may come as differences from a reference point near them, one a class, so that what collapses keeps its digits however the
/// rows are stored.
public protocol RowSource: Sendable {
  /// This rank's rows.
  var rowCount: Int { get }
  var width: Int { get }
  /// What a row of each class is counted from; (classes x width). nil: from 0.
  var references: Matrix<Double>? { get }
  /// Whether the references are the class means, but for rounding, so that the pass that looks for these is not needed.
  var isCentred: Bool { get }
  /// *Local.* Rows minus their classes' references, (range.count x width). Throws what reading throws.
  func read(_ range: Range<Int>, into values: UnsafeMutableBufferPointer<Double>) throws
}

extension RowSource {
  public var references: Matrix<Double>? { nil }
  public var isCentred: Bool { false }
}

/// Rows in memory.
public struct MatrixRows<T: Real>: RowSource {
  private let rows: MatrixView<T>

  /// - Parameter rows: this rank's; (own rows x width).
  public init(_ rows: Matrix<T>) { self.rows = rows.view }

  public var rowCount: Int { rows.rows }
  public var width: Int { rows.columns }

  @specialized(where T == Float)
  @specialized(where T == Double)
  public func read(_ range: Range<Int>, into values: UnsafeMutableBufferPointer<Double>) {
    for (place, i) in range.enumerated() {
      guard let source = rows.row(i).baseAddress, let target = values.baseAddress else { return }
      T.widen(source, target + place * width, width)
    }
  }
}

/// Rows of a file, read where they are needed: no rank holds more than a block of them.
public struct FileRows: RowSource {
  private let array: InputArray
  /// This rank's, in the file.
  private let share: Range<Int>

  public init(_ array: InputArray, rows share: Range<Int>) { (self.array, self.share) = (array, share) }

  public var rowCount: Int { share.count }
  public var width: Int { array.columns }

  public func read(_ range: Range<Int>, into values: UnsafeMutableBufferPointer<Double>) throws {
    try array.read(range.shifted(by: share.lowerBound), into: values)
  }
}
