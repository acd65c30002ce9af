import KernelMachine
import LinearAlgebra
import Measures
import Runtime

extension Rows {
  /// *Local.* The sample's rows minus the mean of the class means, 0 where another rank holds them; (shown x width).
  func shown(of sample: PictureSample) -> Matrix<Double> {
    let shard = layout.shard(of: context.world.rank)
    let result = Matrix<Double>(rows: sample.positions.count, columns: width)
    let present = layout.presentClasses
    let mean = (0..<width).map { k in present.reduce(0) { $0 + centres[$1, k] } / Double(present.count) }
    for (row, position) in sample.positions.enumerated() where shard.contains(position) {
      let own = position - shard.lowerBound
      guard let segment = segments.first(where: { $0.rows.contains(own) }) else { continue }
      let target = result.row(row)
      read(row: own, centre: segment.centre, into: target)
      for k in target.indices { target[k] -= mean[k] }
    }
    return result
  }
}

extension GramPictures {
  /// *Collective.* Of training rows, and of others of the same samples times R. - Parameter projection: R; (width x width).
  public init<T: Real>(_ rows: Rows<T>, of projected: Rows<T>? = nil, projection: Matrix<T>) throws {
    let sample = PictureSample(rows.layout)
    try self.init(
      of: sample, shown: rows.shown(of: sample), projected: projected?.shown(of: sample), projection: projection,
      context: rows.context)
  }
}
