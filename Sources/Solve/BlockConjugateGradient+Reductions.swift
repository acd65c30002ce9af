import LinearAlgebra
import Runtime

/// What the ranks add up, each kind in one reduction: rank 0's copy of it counts.
extension BlockConjugateGradient {
  /// *Collective.* What the next directions are made of, in one reduction. - Parameter along: with the slopes.
  func look(along: Bool, _ scale: [Double]) throws -> Look {
    let (width, past) = (r.columns, earlier.count * r.columns)
    let slopes = along ? earlier.directions : []
    let own = [columns.products([r.view] + earlier.images, z), columns.products(slopes, r)]
    var all = try sum(columns.dots(r, r) + columns.dots(x, x) + own.flatMap(\.values))[...]
    func next(_ rows: Int) -> Matrix<Double> {
      defer { all = all.dropFirst(rows * width) }
      return Matrix(rows: rows, columns: width, all.prefix(rows * width))
    }
    let squares = next(1).values
    let residuals = zip(squares, scale).map { $0.squareRoot() / $1 }
    return Look(
      squares: squares, x: next(1).values, residuals: residuals, active: residuals.map { $0 > margin * tolerance },
      inner: next(width), parts: next(past), slopes: next(along ? past : 0))
  }

  struct Look {
    /// r . r and x . x of each class.
    let squares, x: [Double]
    /// Recursive, relative to the right-hand side, and whether there is more to do.
    let residuals: [Double]
    let active: [Bool]
    /// R^T Z.
    let inner: Matrix<Double>
    /// (K Q)^T Z and Q^T R, Q the earlier directions; the slopes only where they were asked for.
    let parts, slopes: Matrix<Double>
  }

  /// *Collective.* P^T K P and P^T R; a safe point.
  func measureDirections() throws -> (curvature: Matrix<Double>, slope: Matrix<Double>) {
    let width = p.columns
    let own = columns.products([p.view], Kp)
    let right = columns.products([p.view], r)
    let all = try sum(own.values + right.values) { state() }
    return (
      Matrix(rows: width, columns: width, all.prefix(width * width)),
      Matrix(rows: width, columns: width, all.dropFirst(width * width))
    )
  }

  /// *Collective.* r = b - (K + ridge I) x, truly; returns each class's |r| / |b|.
  func measure(_ b: Matrix<Double>, _ scale: [Double], after ending: Ending) throws -> [Double] {
    try system.applyExactly(x, r)
    columns.scale(r, by: [Double](repeating: -1, count: r.columns), adding: b)
    return zip(try sum(columns.dots(r, r)) { state(after: ending) }, scale).map { $0.squareRoot() / $1 }
  }

  /// *Collective.*
  func sum(_ values: [Double]) throws -> [Double] {
    var values = values
    try system.sum(&values)
    try system.agree(&values)
    return values
  }

  /// *Collective.* The same at a safe point, where the solve can be saved as `state`.
  func sum(_ values: [Double], _ state: () -> State) throws -> [Double] {
    let all = try sum(values + [safePoints.wish.term])
    try safePoints.reached(Wish(sum: all[values.count]), state())
    return Array(all.dropLast())
  }
}
