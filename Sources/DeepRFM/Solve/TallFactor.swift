import LinearAlgebra

/// A tall matrix U that is multiplied with a few vectors again and again: U^T x and U y, on all threads, at the speed of
/// memory. Elements and products in V, double across stripes of rows.
final class TallFactor<V: Real>: @unchecked Sendable {
  let rows: Int
  let columns: Int
  /// (rows x columns), each row padded with zeros as the product wants it.
  private let storage: Matrix<V>
  private let team: ThreadTeam
  private let stripes: [Range<Int>]

  /// Rows of a stripe: sums in V are this short.
  private static var stripeRows: Int { 512 }

  /// *Local.* Memory that `set` fills.
  init(rows: Int, columns: Int, team: ThreadTeam) {
    self.rows = rows
    self.columns = columns
    self.team = team
    storage = Matrix(uninitialisedRows: rows, columns: paddedForProduct(columns))
    stripes = (0..<rows).pieces(ofAtMost: Self.stripeRows)
  }

  /// *Local.* Some rows, rounded to V.
  func set(_ range: Range<Int>, _ values: MatrixView<Double>) {
    for (k, i) in range.enumerated() {
      let (source, target) = (values.row(k), storage.row(i))
      for c in 0..<columns { target[c] = V(source[c]) }
      for c in columns..<target.count { target[c] = 0 }
    }
  }

  private func stripe(_ index: Int) -> MatrixView<V> { storage.rows(stripes[index]).columns(0..<columns) }

  /// *Local.* out = U^T x over this rank's rows: x (rows x vectors), out (columns x vectors).
  func multiplyTransposed(_ x: Matrix<Double>, into out: MatrixView<Double>) {
    guard columns > 0 else { return }
    let (own, vectors) = (x.converted(to: V.self), x.columns)
    let sums = (0..<team.count).map { _ in Matrix<Double>(rows: vectors, columns: storage.columns) }
    team.run { lane in
      let part = Matrix<V>(uninitialisedRows: vectors, columns: self.storage.columns)
      for index in Swift.stride(from: lane, to: self.stripes.count, by: self.team.count) {
        part.view.fill(0)
        let rows = own.rows(self.stripes[index])
        LinearAlgebra.addProduct(
          of: self.stripe(index), columnVector: part.view, rowVector: rows, columnSums: part.view, rowSums: rows,
          sides: .columnSums)
        V.accumulate(part.pointer, sums[lane].pointer, part.count)
      }
    }
    for k in 0..<columns {
      for c in 0..<vectors { out[k, c] = sums.reduce(0) { $0 + $1[c, k] } }
    }
  }

  /// *Local.* z += U y: y (columns x vectors), z (rows x vectors).
  func addProduct(_ y: MatrixView<Double>, to z: Matrix<Double>) {
    guard columns > 0 else { return }
    let vectors = y.columns
    let transposed = Matrix<V>(rows: vectors, columns: storage.columns)
    for c in 0..<vectors { for k in 0..<columns { transposed[c, k] = V(y[k, c]) } }
    team.run { lane in
      let part = Matrix<V>(uninitialisedRows: Self.stripeRows, columns: vectors)
      for index in Swift.stride(from: lane, to: self.stripes.count, by: self.team.count) {
        let rows = part.rows(0..<self.stripes[index].count)
        rows.fill(0)
        LinearAlgebra.addProduct(
          of: self.stripe(index), columnVector: transposed.view, rowVector: rows, columnSums: transposed.view,
          rowSums: rows, sides: .rowSums)
        V.accumulate(part.pointer, z.pointer + self.stripes[index].lowerBound * vectors, rows.rows * vectors)
      }
    }
  }
}
