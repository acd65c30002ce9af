import KernelMachine
import LinearAlgebra
import Measures
import Runtime

/// A layer's training rows as the measures read them: deviations from the class means, with the digits that they have.
struct CentredRows<T: Real>: RowSource {
  private let rows: Rows<T>

  init(_ rows: Rows<T>) { self.rows = rows }

  var rowCount: Int { rows.rowCount }
  var width: Int { rows.width }
  var references: Matrix<Double>? { rows.centres }
  var isCentred: Bool { true }

  func read(_ range: Range<Int>, into values: UnsafeMutableBufferPointer<Double>) {
    widen(rows.deviations.rows(range), into: values)
  }
}

/// The same rows times R: the product is made again, a block at a time, and never whole.
struct ProjectedRows<T: Real>: RowSource {
  private let rows: Rows<T>
  private let projection: Matrix<T>
  let references: Matrix<Double>?

  /// *Local.* - Parameter projection: R; (width x width).
  init(_ rows: Rows<T>, projection: Matrix<T>) {
    (self.rows, self.projection) = (rows, projection)
    let means = Matrix<Double>(uninitialisedRows: rows.centres.rows, columns: projection.columns)
    let wide = projection.converted(to: Double.self)
    rows.context.pool.multiply(rows.centres.view, wide.view, into: means.view)
    withExtendedLifetime(wide) {}
    references = means
  }

  var rowCount: Int { rows.rowCount }
  var width: Int { projection.columns }
  var isCentred: Bool { true }

  func read(_ range: Range<Int>, into values: UnsafeMutableBufferPointer<Double>) {
    let product = Matrix<T>(uninitialisedRows: range.count, columns: width)
    multiply(rows.deviations.rows(range), projection.view, into: product.view)
    widen(product.view, into: values)
    withExtendedLifetime(product) {}
  }
}

/// Test rows, which are deviations from the training class mean nearest to them, counted from that of their own class.
struct LabelledTestRows<T: Real>: RowSource {
  private let rows: Rows<T>
  /// Of each row: the class its deviation is from, and its own.
  private let groups: [Int]
  let labels: [Int]

  /// *Local.* - Parameter labels: in the order that the samples have in the file, a class or negative.
  init(_ grouped: GroupedRows<T>, labels: [Int]) {
    rows = grouped.rows
    groups = rows.segments.flatMap { [Int](repeating: $0.centre, count: $0.rows.count) }
    self.labels = grouped.order.map { labels[$0] }
  }

  var rowCount: Int { rows.rowCount }
  var width: Int { rows.width }
  var references: Matrix<Double>? { rows.centres }

  func read(_ range: Range<Int>, into values: UnsafeMutableBufferPointer<Double>) {
    widen(rows.deviations.rows(range), into: values)
    for (place, i) in range.enumerated() where labels[i] >= 0 && labels[i] != groups[i] {
      let (near, own) = (rows.centres.row(groups[i]), rows.centres.row(labels[i]))
      for k in near.indices { values[place * width + k] += near[k] - own[k] }
    }
  }
}

/// Rows as double, one behind the other.
private func widen<T: Real>(_ rows: MatrixView<T>, into values: UnsafeMutableBufferPointer<Double>) {
  for i in 0..<rows.rows {
    guard let source = rows.row(i).baseAddress, let target = values.baseAddress else { return }
    T.widen(source, target + i * rows.columns, rows.columns)
  }
}
