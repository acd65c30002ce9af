import LinearAlgebra
import MPI
import Measures
import Runtime

/// Collapse and the feature ansatz at every hidden fully-connected layer l: input phi, weight W = U S V^T, over all training rows, with the
/// network as it is, in evaluating mode.
///
/// S V^T phi and W phi differ by U alone, whose columns are orthonormal: scatter, class means' lengths and cosines are the same, so that
/// what is said of the one is measured on the other, which the forward pass makes anyway.
///
///     pass 1   rows -> forward -> class means of every phi and W phi                        sum over ranks
///     pass 2   rows -> forward -> scatter about them
///                   -> for each output c: gradient e_c -> back through all layers -> M_l += G_l^T G_l     sum over ranks
///     then     rank l mod P: root of M_l, correlations
package final class NetworkMeasurement<T: NetworkReal> {
  private let network: Network<T>
  private let layout: Layout
  private let context: Context
  /// Hidden fully-connected layers.
  private let depth: Int
  /// Of the inputs of layers 1 to depth + 1; the last is the last hidden layer's output.
  private let inputs: [ClassSums<T>]
  /// Of W phi.
  private let heights: [ClassSums<T>]
  private let grams: [GradientGram<T>]
  private let outputGradient: Matrix<T>

  package init(_ network: Network<T>, _ layout: Layout, _ context: Context) {
    (self.network, self.layout, self.context) = (network, layout, context)
    depth = network.linears.count - 1
    inputs = (1...(depth + 1)).map { ClassSums(width: network.linear($0).input.count, layout, context) }
    heights = (1...depth).map { ClassSums(width: network.linear($0).output.count, layout, context) }
    grams = (1...depth).map { GradientGram(width: network.linear($0).input.count, context) }
    outputGradient = Matrix(rows: network.rows, columns: network.outputs)
  }

  /// Bytes of all that it holds, roots included.
  package static func bytes(_ form: NetworkForm, features: Int, of type: T.Type = T.self) -> Int {
    let widths = [features] + [Int](repeating: form.width, count: form.depth)
    let sums = (widths + widths.dropFirst()).reduce(0) { $0 + ClassSums<T>.elements(width: $1, classes: form.classes) }
    let grams = widths.dropLast().reduce(0) { $0 + GradientGram<T>.bytes(width: $1) }
    // W^T W, the root and LAPACK's work on the widest.
    let widest = widths.max() ?? 0
    return 8 * sums + grams + 8 * 6 * widest * widest
  }

  /// What it gives: the layers' numbers, and M of each, which rank 0 saves.
  package struct Result {
    package let layers: [NetworkLayerMetrics]
    package let agops: [Matrix<Double>]
  }

  /// *Collective.* - Parameters:
  ///   - rows: this rank's shard, (own rows x features).
  ///   - labels: of the shard.
  ///   - between: called between blocks, as often on every rank, with the share that is done; may throw.
  package func measure(
    _ rows: Matrix<T>, _ labels: UnsafePointer<Int32>, between: (Double) throws -> Void
  ) throws -> Result {
    let blocks = (0..<layout.largestShard).pieces(ofAtMost: network.rows)
    // A forward pass costs about a hundredth of what follows it.
    try forEachBlock(blocks, rows) { block, view in
      try forward(view, labels + block.lowerBound) { sums, values, labels in sums.add(values, labels) }
      try between(0.1 * Double(block.upperBound) / Double(max(1, layout.largestShard)))
    }
    for sums in inputs + heights { try sums.finishMeans() }
    try forEachBlock(blocks, rows) { block, view in
      try forward(view, labels + block.lowerBound) { sums, values, labels in sums.addDeviations(values, labels) }
      if view.rows > 0 { try addGradients(view.rows) }
      try between(0.1 + 0.8 * Double(block.upperBound) / Double(max(1, layout.largestShard)))
    }
    let agops = try grams.map { try $0.finish() }
    return Result(layers: try describe(agops), agops: agops)
  }

  /// The same blocks on every rank, of a shard that may end in or before one of them.
  private func forEachBlock(
    _ blocks: [Range<Int>], _ rows: Matrix<T>, _ body: (Range<Int>, MatrixView<T>) throws -> Void
  ) throws {
    for block in blocks { try body(block, rows.rows(block.clamped(to: 0..<rows.rows))) }
  }

  /// *Local.* Shows every phi and W phi of some rows.
  private func forward(
    _ rows: MatrixView<T>, _ labels: UnsafePointer<Int32>,
    _ show: (ClassSums<T>, MatrixView<T>, UnsafePointer<Int32>) -> Void
  ) throws {
    guard rows.rows > 0 else { return }
    let places = network.linears
    if places[0] == 0 { show(inputs[0], rows, labels) }
    _ = try network.forward(rows, .evaluate, batchRows: rows.rows) { place, values in
      // What the next layer takes, before that may write to it; what a hidden fully-connected layer gives.
      if let next = places.firstIndex(of: place + 1) { show(inputs[next], values, labels) }
      if let own = places.firstIndex(of: place), own < depth { show(heights[own], values, labels) }
    }
  }

  /// *Local.* Adds J^T J of the rows that went forward last: all layers from one backward sweep an output.
  private func addGradients(_ rows: Int) throws {
    let gradient = outputGradient.reshaped(rows: rows, columns: network.outputs)
    for output in 0..<network.outputs {
      gradient.fill(0)
      for i in 0..<rows { gradient[i, output] = 1 }
      try network.sweep(gradient) { linear, gradient in
        if linear <= depth { grams[linear - 1].add(gradient) }
      }
    }
    for gram in grams { gram.finishBlock() }
  }

  /// *Collective.* The layers' roots are taken by one rank each.
  private func describe(_ agops: [Matrix<Double>]) throws -> [NetworkLayerMetrics] {
    let world = context.world
    var correlations = [Double](repeating: 0, count: 2 * depth)
    try world.together {
      for l in 0..<depth where l % world.size == world.rank {
        let layer = network.linear(l + 1)
        let weights = Matrix<Double>(uninitialisedRows: layer.output.count, columns: layer.input.count)
        T.widen(network.weights.matrix(layer.weight).pointer, weights.pointer, weights.count)
        let found = try FeatureAnsatz.correlations(weights: weights, agop: agops[l], pool: context.pool)
        (correlations[2 * l], correlations[2 * l + 1]) = found
      }
    }
    // The others' are 0.
    try context.timer.measure(.exchange) { try world.sum(&correlations) }
    let collapse = try (inputs: inputs.map { try $0.finish() }, heights: heights.map { try $0.finish() })
    return (0..<depth).map { l in
      var metrics = NetworkLayerMetrics()
      metrics.layer = l + 1
      metrics.name = String(network.linear(l + 1).weight.name.dropLast(".weight".count))
      metrics.inputWidth = inputs[l].width
      metrics.nfa = (correlations[2 * l], correlations[2 * l + 1])
      let (input, right, output) = (collapse.inputs[l], collapse.heights[l], collapse.inputs[l + 1])
      (metrics.nc1.input, metrics.nc1.right, metrics.nc1.output) = (input.nc1, right.nc1, output.nc1)
      (metrics.nc2.input, metrics.nc2.right, metrics.nc2.output) = (input.nc2, right.nc2, output.nc2)
      (metrics.withinShare, metrics.betweenShare) = (output.withinShare, output.betweenShare)
      return metrics
    }
  }
}
