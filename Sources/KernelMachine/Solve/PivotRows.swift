import LinearAlgebra
import Runtime

/// Rows of X drawn as pivots, gathered from the ranks that own them: a small block that every rank holds.
struct PivotRows<T: Real> {
  let rows: Rows<T>
  /// Pivots among this rank's rows: (position among the pivots, own row).
  let own: [(position: Int, local: Int)]

  var count: Int { rows.rowCount }

  /// *Collective.* Draws up to `wanted` different rows, with chances as their weights. The draw does not depend on how the rows
  /// are spread over ranks.
  init(drawing wanted: Int, weights: [Double], of k: KernelOperator<T>, random: RandomStream, round: Int) throws {
    let sums = try k.context.communicating { try k.world.allGather([weights.reduce(0, +)]) }.map { $0[0] }
    let total = sums.reduce(0, +)
    let before = sums.prefix(k.world.rank).reduce(0, +)
    let draws = (0..<wanted).map { random.uniform(row: round, column: $0) * total }.sorted()
    var chosen: [Int] = []
    var reached = before
    var next = draws.drop { $0 < before }
    for (i, weight) in weights.enumerated() {
      let start = reached
      reached += weight
      while let draw = next.first, draw < reached {
        if draw >= start && weight > 0 && chosen.last != i { chosen.append(i) }
        next = next.dropFirst()
      }
    }
    try self.init(own: chosen, of: k)
  }

  /// *Collective.* The given rows of each rank, ascending.
  private init(own chosen: [Int], of k: KernelOperator<T>) throws {
    let shard = k.layout.shard(of: k.world.rank)
    let all = try k.context.communicating { try k.world.allGather(chosen.map { $0 + shard.lowerBound }) }
    let offset = all.prefix(k.world.rank).reduce(0) { $0 + $1.count }
    let indices = all.flatMap { $0 }
    let storage = Matrix<T>(rows: indices.count, columns: k.rows.width)
    for (position, local) in chosen.enumerated() {
      _ = storage.row(offset + position).update(fromContentsOf: k.rows.deviations.row(local))
    }
    try k.context.communicating { try k.world.sum(storage.buffer) }
    rows = Rows(
      storage, rowCount: indices.count, centres: k.rows.centres, segments: k.layout.segments(ofSorted: indices),
      layout: k.layout, context: k.context)
    own = chosen.enumerated().map { (offset + $0.offset, $0.element) }
  }
}

extension KernelOperator {
  /// *Collective.* Columns of K at the pivots, (own rows x pivots) in Double, and the largest deviation among them.
  func columns(at pivots: PivotRows<T>) throws -> (columns: Matrix<Double>, largest: Double) {
    let result = Matrix<Double>(uninitialisedRows: rows.rowCount, columns: pivots.count)
    let largest = Matrix<Double>(rows: pool.count, columns: 1)
    let (rows, builder) = (self.rows, self.builder)
    pool.forEachWhenFree(0..<rows.segments.count) { index, worker in
      let segment = rows.segments[index]
      // One product for the pivots of all classes: cut by class it would be too thin for BLAS.
      let products = Matrix<T>(uninitialisedRows: segment.rows.count, columns: pivots.count)
      multiply(rows.deviations.rows(segment.rows), pivots.rows.deviations, transposeB: true, into: products.view)
      for columns in pivots.rows.segments {
        let deviations = products.view.columns(columns.rows)
        builder.finish(
          .kernelDeviation, rows, segment, pivots.rows, columns, products: deviations, worker: worker)
        let constant = builder.constant(segment.centre, columns.centre)
        for i in 0..<deviations.rows {
          let (values, first) = (deviations.row(i), columns.rows.lowerBound)
          let target = result.row(segment.rows.lowerBound + i)
          var most: T = 0
          for j in 0..<values.count {
            let value = values[j]
            if abs(value) > most { most = abs(value) }
            target[first + j] = constant + Double(value)
          }
          largest[worker, 0] = max(largest[worker, 0], Double(most))
        }
      }
    }
    let own = largest.buffer.max() ?? 0
    return (result, try communicating { try world.maximum(own) })
  }
}
