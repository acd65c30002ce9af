import LinearAlgebra
import Runtime

/// What the first pass finds: a point beside each class's rows, its mean but for rounding. The second pass counts deviations from it,
/// which makes the mean exact afterwards.
struct ClassPoints: Sendable {
  /// Rows of each class over all ranks, n_c.
  let counts: [Int]
  /// From the class's reference; (classes x width).
  let points: Matrix<Double>
  /// What references are counted from: nil: they are 0.
  let references: Matrix<Double>?
  /// Near the data, so that what all rows share takes no digits of what tells them apart; 1 x width.
  let origin: Matrix<Double>

  var classCount: Int { points.rows }
  var width: Int { points.columns }

  /// *Collective.* - Parameter labels: of the own rows, from 0; a row of a negative one is left out.
  init<Source: RowSource>(of source: Source, labels: [Int], classes: Int, context: Context) throws {
    let world = context.world
    references = source.references
    var counts = [Int](repeating: 0, count: classes)
    for label in labels where label >= 0 { counts[label] += 1 }
    try context.communicating { try world.sum(&counts) }
    self.counts = counts
    let points = Matrix<Double>(rows: classes, columns: source.width)
    self.points = points
    origin = try Self.origin(of: source, context)
    guard !source.isCentred else { return }
    let sums = try Self.sums(of: source, from: references == nil ? origin : nil, labels, classes, context)
    try context.communicating { try world.sum(sums.buffer) }
    for c in 0..<classes where counts[c] > 0 {
      for k in 0..<source.width {
        points[c, k] = (references == nil ? origin[0, k] : 0) + sums[c, k] / Double(counts[c])
      }
    }
  }

  /// *Collective.* The first row there is; of references, the first.
  private static func origin<Source: RowSource>(of source: Source, _ context: Context) throws -> Matrix<Double> {
    let world = context.world
    let origin = Matrix<Double>(rows: 1, columns: source.width)
    let first = try world.minimum(source.rowCount > 0 ? world.rank : world.size)
    try world.together {
      if let references = source.references {
        if references.rows > 0 { origin.pointer.update(from: references.pointer, count: source.width) }
      } else if world.rank == first {
        try source.read(0..<1, into: origin.buffer)
      }
    }
    if first < world.size { try context.communicating { try world.broadcast(origin.buffer, from: first) } }
    return origin
  }

  /// *Collective.* This rank's sums of each class's rows less the origin; (classes x width).
  private static func sums<Source: RowSource>(
    of source: Source, from origin: Matrix<Double>?, _ labels: [Int], _ classes: Int, _ context: Context
  ) throws -> Matrix<Double> {
    let (width, workers) = (source.width, context.pool.count)
    let parts = (0..<workers).map { _ in Matrix<Double>(rows: classes, columns: width) }
    try context.world.together {
      try context.pool.forEachBlock(of: source) { rows, values, worker in
        for (place, i) in rows.enumerated() where labels[i] >= 0 {
          let (row, sum) = (values.pointer + place * width, parts[worker].pointer + labels[i] * width)
          if let origin {
            for k in 0..<width { sum[k] += row[k] - origin.pointer[k] }
          } else {
            for k in 0..<width { sum[k] += row[k] }
          }
        }
      }
    }
    return parts.summed
  }

  /// *Local.* The points less the origin, before the second pass's correction; (classes x width).
  var offsets: Matrix<Double> {
    let result = points.copy()
    for c in 0..<classCount {
      for k in 0..<width { result[c, k] = ((references?[c, k] ?? 0) - origin[0, k]) + points[c, k] }
    }
    return result
  }
}

extension [Matrix<Double>] {
  /// The workers' sums as one, in the first one's memory.
  var summed: Matrix<Double> {
    for part in dropFirst() { for k in 0..<part.count { self[0].pointer[k] += part.pointer[k] } }
    return self[0]
  }
}
