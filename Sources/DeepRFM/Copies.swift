import KernelMachine
import LinearAlgebra
import Runtime

/// Equal samples, found once, before the first layer. Rounding parts them later, where they belong to different classes: float32
/// would then take the gradient of a distance that is not there.
public enum Copies {
  /// Gaussian directions on which rows are compared: |x - z|^2 is the mean of their projections' squared differences, to 18 %.
  static let directions = 64

  /// *Collective.* Of each class-sorted sample: a number above 0 that it shares with its copies, else 0; empty where no sample has one.
  /// - Parameters:
  ///   - rows: the first layer's, as they go into the kernel.
  ///   - seed: of the directions.
  public static func find<T: Real>(in rows: Rows<T>, seed: UInt64) throws -> [Int32] {
    let world = rows.context.world
    let gathered = try rows.context.communicating { try world.gather(project(rows, seed: seed), to: 0) }
    var copies = gathered.map { number(Array($0.joined()), ulp: Double(T.ulpOfOne)) } ?? []
    let count = try rows.context.communicating { try world.broadcast(copies.count, from: 0) }
    guard count > 0 else { return [] }
    if world.rank != 0 { copies = [Int32](repeating: 0, count: count) }
    try rows.context.communicating { try world.broadcast(&copies, from: 0) }
    return copies
  }

  /// *Local.* Each own row's inner products with the directions, then its squared norm; (own rows x (directions + 1)).
  private static func project<T: Real>(_ rows: Rows<T>, seed: UInt64) -> [Double] {
    let random = RandomStream(seed: seed, layer: 0, purpose: .copies)
    let g = Matrix<Double>(uninitialisedRows: directions, columns: rows.width)
    g.fill { random.normal(row: $0, column: $1) }
    let result = Matrix<Double>(uninitialisedRows: rows.rowCount, columns: directions + 1)
    let segments = rows.segments
    rows.context.pool.forEachWhenFree(0..<segments.count) { index, _ in
      let segment = segments[index]
      let x = Matrix<Double>(uninitialisedRows: segment.rows.count, columns: rows.width)
      for (k, i) in segment.rows.enumerated() {
        rows.read(row: i, centre: segment.centre, into: UnsafeMutableBufferPointer(rebasing: x.row(k)[...]))
        result[i, directions] = x.row(k).reduce(0) { $0 + $1 * $1 }
      }
      multiply(x.view, g.view, transposeB: true, into: result.rows(segment.rows).columns(0..<directions))
    }
    return Array(result.buffer)
  }

  /// *Local.* The numbers from all rows' projections. Rows are copies nearer than 12 ulp of their norms: each was rounded on its own,
  /// as a deviation from a centre, which is itself rounded in each of its numbers.
  static func number(_ projections: [Double], ulp: Double) -> [Int32] {
    let width = directions + 1
    let count = projections.count / width
    let order = (0..<count).sorted { (projections[$0 * width], $0) < (projections[$1 * width], $1) }
    var numbers = [Int32](repeating: 0, count: count)
    var last: Int32 = 0
    /// First rows of what may still have copies.
    var open: [Int] = []
    for i in order {
      let reach = 12 * ulp * (2 * projections[i * width + directions]).squareRoot()
      // Seven deviations of a projection: none is lost.
      open.removeAll { projections[i * width] - projections[$0 * width] > 7 * reach }
      guard let first = open.first(where: { isNear(projections, i, $0, width, reach) }) else {
        open.append(i)
        continue
      }
      if numbers[first] == 0 {
        last += 1
        numbers[first] = last
      }
      numbers[i] = numbers[first]
    }
    return last == 0 ? [] : numbers
  }

  private static func isNear(_ projections: [Double], _ i: Int, _ j: Int, _ width: Int, _ reach: Double) -> Bool {
    var sum = 0.0
    for k in 0..<directions {
      let difference = projections[i * width + k] - projections[j * width + k]
      sum += difference * difference
    }
    return sum <= Double(directions) * reach * reach
  }
}
