import LinearAlgebra
import Measures
import Runtime

/// *Collective.* Moves the centres onto the class means: rows stay where they are, their deviations shift.
/// - Parameters:
///   - deviations: (own rows x width), from `centres`; changed in place.
///   - centres: near the rows; (classes x width). Absent classes keep theirs.
@specialized(where T == Float)
@specialized(where T == Double)
public func centredOnClassMeans<T: Real>(
  _ deviations: Matrix<T>, _ centres: Matrix<Double>, layout: Layout, context: Context
) throws -> Rows<T> {
  let segments = layout.segments(of: context.world.rank)
  let shift = try classMeans(deviations, segments: segments, layout: layout, context: context)
  let means = centres.copy()
  for k in 0..<means.count { means.pointer[k] += shift.pointer[k] }
  context.pool.forEach(0..<segments.count) { index, _ in
    let mean = shift.row(segments[index].centre)
    for i in segments[index].rows {
      let row = deviations.row(i)
      for k in row.indices { row[k] = T(Double(row[k]) - mean[k]) }
    }
  }
  return Rows(
    deviations, rowCount: deviations.rows, centres: means, segments: segments, layout: layout,
    context: context, start: layout.shard(of: context.world.rank).lowerBound)
}
