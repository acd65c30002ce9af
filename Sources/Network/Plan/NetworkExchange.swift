import Measures
import Runtime

/// Bytes that the ranks of a network's run send each other, all together. A sum over the ranks counts as one round a ring does: each of P
/// ranks sends 2 (P - 1) / P of what is summed.
package struct NetworkExchange: Sendable, Equatable {
  /// An epoch's samples on their way to the rank that works on them, the mean over all orders.
  package let rows: Double
  /// An epoch's gradients and new parameters.
  package let gradients: Double
  /// An epoch's sums for batch norm.
  package let statistics: Double
  /// A measurement's sums: class means, scatter, gradients' outer products, pictures.
  package let measurement: Double
  /// Batches of an epoch, and sums for batch norm in each: a step waits for every one of them.
  package let steps, statisticSums: Int
  /// Bytes of the part of the gradient that is whole last, when nothing is left to hide its messages behind.
  package let lastGradients: Double

  /// - Parameter batch: rows of a batch, of all ranks.
  package init<T: NetworkReal>(
    _ builder: NetworkBuilder<T>, _ layout: Layout, batch: Int, withConvolutions: Bool
  ) {
    let (samples, element) = (layout.sampleCount, Double(MemoryLayout<T>.stride))
    let batch = max(1, min(batch, samples))
    let features = Double(builder.layers.first?.input.count ?? 0)
    let parameters = builder.parameters.last?.range.upperBound ?? 0
    let ring = 2 * Double(layout.ranks - 1)
    steps = (samples + batch - 1) / batch
    let moved =
      Double(samples / batch) * Self.movedRows(of: batch, layout) + Self.movedRows(of: samples % batch, layout)
    rows = moved * features * element
    // Gradients to whoever makes the step, and new values back; beside them the ranks' wishes.
    let wishes = Double(layout.ranks * (layout.ranks - 1) * MemoryLayout<Double>.stride)
    gradients = Double(steps) * (ring * Double(parameters) * element + wishes)
    let last = StepShares(builder.ranges, ranks: layout.ranks).parts.last?.count ?? 0
    lastGradients = ring * Double(last) * element
    let channels = builder.statistics.filter(\.isVariance).reduce(0) { $0 + $1.range.count }
    // Forward the sum, then the squares; backward two sums at once.
    statistics = ring * Double(steps) * 4 * Double(channels) * 8
    statisticSums = layout.ranks == 1 ? 0 : 3 * builder.statistics.count(where: \.isCount)
    let convolutions = withConvolutions ? Network<T>.convolutionStages(in: builder.layers) : []
    measurement = ring * 8 * Self.measuredNumbers(Network<T>.hiddenStages(in: builder.layers), convolutions, layout)
  }

  /// Rows of a batch that a rank works on and another holds: each position of a batch is as likely as any other to be anybody's row.
  private static func movedRows(of count: Int, _ layout: Layout) -> Double {
    let samples = Double(layout.sampleCount)
    return (0..<layout.ranks).reduce(0) { sum, rank in
      let share = BatchPlan.share(of: count, rank: rank, ranks: layout.ranks)
      return sum + Double(share.count) * (samples - Double(layout.shard(of: rank).count)) / samples
    }
  }

  /// Numbers that are summed over the ranks in a measurement.
  private static func measuredNumbers<T: NetworkReal>(
    _ hidden: [LayerStage<T>], _ convolutions: [LayerStage<T>], _ layout: Layout
  ) -> Double {
    let shown = PictureSample(layout).positions.count
    let ofLayers: Int = (hidden + convolutions).reduce(0) { sum, stage in
      let widths = stage.layer.input.count + stage.layer.output.count + stage.end.output.count
      // Means and deviations, three scatters, the gradients' sum, two correlations.
      return sum + 2 * layout.classCount * widths + 3 + stage.layer.units * stage.layer.units + 2
    }
    let pictures = hidden.reduce(0) { $0 + shown * ($1.layer.input.count + $1.layer.output.count) }
    return Double(ofLayers + pictures + shown * (hidden.last?.end.output.count ?? 0))
  }
}
