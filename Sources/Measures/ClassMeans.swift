import LinearAlgebra
import Runtime

/// *Collective.* The mean of each class's rows, over all ranks; (classes x width), 0 for a class without rows. Sums in double.
/// - Parameters:
///   - rows: this rank's shard, (own rows x width).
///   - segments: of the shard; a segment's centre is its class.
@specialized(where T == Float)
@specialized(where T == Double)
public func classMeans<T: Real>(
  _ rows: Matrix<T>, segments: [Segment], layout: Layout, context: Context
) throws -> Matrix<Double> {
  let means = Matrix<Double>(rows: layout.classCount, columns: rows.columns)
  for segment in segments {
    for i in segment.rows {
      T.accumulate(
        rows.pointer + i * rows.columns, means.row(segment.centre).baseAddress ?? means.pointer, rows.columns)
    }
  }
  try context.communicating { try context.world.sum(means.buffer) }
  for c in layout.presentClasses {
    for k in 0..<means.columns { means[c, k] /= Double(layout.classCounts[c]) }
  }
  return means
}
