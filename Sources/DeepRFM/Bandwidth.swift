import KernelMachine
import LinearAlgebra
import MPI
import Measures
import Runtime

/// Rows that stand for all where a bandwidth is chosen.
let bandwidthRows = 2000
/// Their features that are gathered at a time.
let bandwidthFeatures = 1024

/// `--bandwidth auto`.
extension Training {
  /// *Collective.* The median distance between some rows of the layer, the same rows in each layer and on any number of ranks; their mean where
  /// the median is below a tenth of it, since many rows are the same.
  func chosenBandwidth(_ layer: Int, _ samples: Samples<T>) throws -> Double {
    let (rows, shard) = (samples.rows, samples.layout.shard(of: world.rank))
    let chosen = Self.drawn(samples.order, seed: options.seed)
    let own = chosen.indices.filter { shard.contains(chosen[$0]) }
    let centreOfRow = rows.segments.flatMap { [Int](repeating: $0.centre, count: $0.rows.count) }
    let distances = PairDistances(rows: world.rank == 0 ? chosen.count : 0)
    for features in (0..<rows.width).pieces(ofAtMost: bandwidthFeatures) {
      let part = Matrix<Double>(rows: chosen.count, columns: features.count)
      for place in own {
        let i = chosen[place] - shard.lowerBound
        for (k, feature) in features.enumerated() {
          part[place, k] = rows.centres[centreOfRow[i], feature] + Double(rows.deviations[i, feature])
        }
      }
      try timer.measure(.communication) { try world.sum(part.buffer) }
      if world.rank == 0 { distances.add(part, pool) }
    }
    let found = world.rank == 0 ? distances.typical : nil
    if world.rank == 0 {
      if let found, found.isMean {
        let mean = Format.scientific(found.distance, digits: 3)
        progress.message("layer \(layer): most rows are the same; the bandwidth is their mean distance, \(mean)")
      } else if found == nil {
        progress.message("layer \(layer): all rows are the same; the bandwidth is \(TrainOptions().bandwidth ?? 2)")
      }
    }
    return try world.broadcast(found?.distance ?? TrainOptions().bandwidth ?? 2, from: 0)
  }

  /// Class-sorted positions of the rows that stand for all, by the place in the file alone. - Parameter order: class-sorted position -> position
  /// in the file.
  private static func drawn(_ order: [Int], seed: UInt64) -> [Int] {
    let random = RandomStream(seed: seed, layer: 0, purpose: .bandwidth)
    let keys = order.map { random.uniform(row: $0, column: 0) }
    let sorted = order.indices.sorted { (keys[$0], order[$0]) < (keys[$1], order[$1]) }
    return Array(sorted.prefix(bandwidthRows)).sorted { order[$0] < order[$1] }
  }
}
