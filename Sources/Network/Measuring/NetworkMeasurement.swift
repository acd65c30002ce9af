import LinearAlgebra
import MPI
import Measures
import Runtime

/// Collapse and the feature ansatz at every hidden fully-connected layer, and on wish at every convolution: input phi, weight W = U S V^T,
/// over all training rows, with the network as it is, in evaluating mode.
///
/// S V^T phi and W phi differ by U alone, whose columns are orthonormal: scatter, class means' lengths and cosines are the same, so that
/// what is said of the one is measured on the other, which the forward pass makes anyway. A Jacobian in phi is dy^T W, dy the gradient in
/// y = W phi: the AGOP comes from what dy sums to, which is as large as y.
///
///     pass 1   rows -> forward -> class means of every phi, W phi and output               sum over ranks
///     pass 2   rows -> forward -> scatter about them
///                   -> for each output c: gradient e_c -> back through the layers -> S_l += dY_l^T dY_l      sum over ranks
///     then     rank l mod P: correlations of W^T W with W^T S_l W and its root
package final class NetworkMeasurement<T: NetworkReal> {
  let network: Network<T>
  private let layout: Layout
  let context: Context
  private let hidden, convolutions: [MeasuredLayer<T>]
  /// What the pictures show.
  private let sample: PictureSample
  /// The sums that go with a layer, of its input and of its output.
  private var sights: [ObjectIdentifier: (inputs: [ClassSums<T>], outputs: [ClassSums<T>])] = [:]
  private let outputGradient: Matrix<T>
  /// What the sweeps took so far: for a probe, which makes some of them.
  private(set) var sweepSeconds = 0.0

  package init(_ network: Network<T>, _ layout: Layout, withConvolutions: Bool = false, _ context: Context) {
    (self.network, self.layout, self.context) = (network, layout, context)
    let (stages, sample) = (Network.hiddenStages(in: network.layers), PictureSample(layout))
    self.sample = sample
    hidden = stages.enumerated().map {
      MeasuredLayer($1, shown: sample, endIsShown: $0 == stages.count - 1, layout, context)
    }
    convolutions =
      withConvolutions
      ? Network.convolutionStages(in: network.layers).map {
        MeasuredLayer($0, shown: nil, endIsShown: false, layout, context)
      } : []
    outputGradient = Matrix(rows: network.rows, columns: network.outputs)
    for measured in hidden + convolutions {
      sights[ObjectIdentifier(measured.layer), default: ([], [])].inputs.append(measured.input)
      sights[ObjectIdentifier(measured.layer), default: ([], [])].outputs.append(measured.heights)
      sights[ObjectIdentifier(measured.end), default: ([], [])].outputs.append(measured.output)
    }
  }

  /// Bytes that it holds, of a network that a builder has planned; and beside them, while a layer's correlations are found, or rank 0
  /// writes its M.
  static func bytes(
    _ builder: NetworkBuilder<T>, _ layout: Layout, withConvolutions: Bool
  ) -> (held: Int, work: Int) {
    let hidden = Network<T>.hiddenStages(in: builder.layers)
    let convolutions = withConvolutions ? Network<T>.convolutionStages(in: builder.layers) : []
    let measured = hidden + convolutions
    let (shown, classes) = (PictureSample(layout).positions.count, layout.classCount)
    let held = measured.enumerated().reduce(0) { sum, entry in
      let isHidden = entry.offset < hidden.count
      return sum
        + MeasuredLayer<T>.bytes(
          entry.element, shown: isHidden ? shown : 0,
          endIsShown: entry.offset == hidden.count - 1, classes: classes)
    }
    return (
      held + builder.rows * classes * MemoryLayout<T>.stride, workBytes(measured, threads: builder.threads)
    )
  }

  /// What it gives.
  package struct Result {
    package let layers, convolutions: [NetworkLayerMetrics]
    /// S of each hidden fully-connected layer, then of each convolution.
    package let gradients: [OutputGradients]
    package let pictures: NetworkPictures
  }

  /// *Collective.* - Parameters:
  ///   - rows: this rank's shard, (own rows x features).
  ///   - labels: of the shard.
  ///   - work: multiplications of a rank from one call of `between` to the next, about.
  ///   - between: called between blocks, and between outputs where a block takes long, as often on every rank, with the share that is
  ///     done; may throw.
  package func measure(
    _ rows: Matrix<T>, _ labels: UnsafePointer<Int32>, workBetween work: Int = SafePointDistance.multiplications,
    between: (Double) throws -> Void
  ) throws -> Result {
    try addRows(rows, labels, workBetween: work, between: between)
    let all = hidden + convolutions
    let gradients = try all.map { OutputGradients(weight: $0.layer.weight, sum: try $0.gram.finish()) }
    let metrics = try describe(all, gradients)
    return Result(
      layers: Array(metrics.prefix(hidden.count)), convolutions: Array(metrics.dropFirst(hidden.count)),
      gradients: gradients, pictures: try pictures())
  }

  /// *Collective.* The two passes over the rows, once; parameters as of `measure`.
  /// - Parameter outputs: sweeps back from the first so many alone, which measures nothing but the time; nil: from all.
  package func addRows(
    _ rows: Matrix<T>, _ labels: UnsafePointer<Int32>, outputs: Int? = nil,
    workBetween work: Int = SafePointDistance.multiplications, between: (Double) throws -> Void
  ) throws {
    let all = hidden + convolutions
    for measured in all { measured.layer.gradientGram = measured.gram }
    defer { for measured in all { measured.layer.gradientGram = nil } }
    let blocks = (0..<layout.largestShard).pieces(ofAtMost: network.blockRows(ofWork: work))
    let allRows = Double(max(1, layout.largestShard))
    // A forward pass costs about a hundredth of what follows it.
    try forEachBlock(blocks, rows) { block, view in
      try forward(view, labels + block.lowerBound) { $0.add($1, $2) }
      try between(0.1 * Double(block.upperBound) / allRows)
    }
    for measured in all { try measured.finishMeans() }
    try forEachBlock(blocks, rows) { block, view in
      let first = layout.shard(of: context.world.rank).lowerBound + block.lowerBound
      try forward(view, labels + block.lowerBound) { $0.addDeviations($1, $2, first: first) }
      // A sweep back, with its gram, is about two passes forward.
      let sweeps = max(1, work / max(1, 2 * block.count * network.rowWork))
      try addGradients(view.rows, outputs: outputs ?? network.outputs, sweeps: sweeps) { share in
        try between(0.1 + 0.8 * (Double(block.lowerBound) + share * Double(block.count)) / allRows)
      }
      try between(0.1 + 0.8 * Double(block.upperBound) / allRows)
    }
  }

  /// *Collective.*
  private func pictures() throws -> NetworkPictures {
    try NetworkPictures(
      sample: sample, input: hidden.compactMap { try $0.input.finishPicture() },
      right: hidden.compactMap { try $0.heights.finishPicture() },
      output: hidden.last?.output.finishPicture() ?? Matrix(rows: 0, columns: 0))
  }

  /// The same blocks on every rank, of a shard that may end in or before one of them.
  private func forEachBlock(
    _ blocks: [Range<Int>], _ rows: Matrix<T>, _ body: (Range<Int>, MatrixView<T>) throws -> Void
  ) throws {
    for block in blocks { try body(block, rows.rows(block.clamped(to: 0..<rows.rows))) }
  }

  /// *Local.* Shows every phi, W phi and output of some rows.
  private func forward(
    _ rows: MatrixView<T>, _ labels: UnsafePointer<Int32>,
    _ show: @escaping (ClassSums<T>, MatrixView<T>, UnsafePointer<Int32>) -> Void
  ) throws {
    guard rows.rows > 0 else { return }
    let sights = sights
    _ = try network.forward(rows, .evaluate, batchRows: rows.rows) { layer, input, output in
      guard let sight = sights[ObjectIdentifier(layer)] else { return }
      for sums in sight.inputs { show(sums, input, labels) }
      for sums in sight.outputs { show(sums, output, labels) }
    }
  }

  /// *Local.* A block of rows forward, whose sweeps `addSweeps` makes: for a bench of these alone.
  package func prepareSweeps(_ block: MatrixView<T>) throws {
    for measured in hidden + convolutions { measured.layer.gradientGram = measured.gram }
    _ = try network.forward(block, .evaluate, batchRows: block.rows)
  }

  /// *Local.* The sweeps of that block, as often as they are asked for.
  package func addSweeps(rows: Int) throws {
    try addGradients(rows, outputs: network.outputs, sweeps: network.outputs) { _ in }
  }

  /// *Collective.* Adds the gradients of the rows that went forward last: all layers from one backward sweep an output.
  /// - Parameters:
  ///   - rows: of this rank; may be none.
  ///   - outputs: the first so many.
  ///   - sweeps: outputs from one call of `between` to the next.
  ///   - between: called with the share of the outputs that is done.
  private func addGradients(
    _ rows: Int, outputs: Int, sweeps: Int, between: (Double) throws -> Void
  ) throws {
    let gradient = outputGradient.reshaped(rows: rows, columns: network.outputs)
    let lowest = convolutions.isEmpty ? network.linears[0] : 0
    let begun = monotonicSeconds()
    for output in 0..<outputs {
      if rows > 0 {
        gradient.fill(0)
        for i in 0..<rows { gradient[i, output] = 1 }
        try network.sweep(gradient, downTo: lowest)
      }
      let done = output + 1
      if done % sweeps == 0, done < outputs { try between(Double(done) / Double(outputs)) }
    }
    sweepSeconds += monotonicSeconds() - begun
    if rows == 0 { return }
    for measured in hidden + convolutions { measured.gram.finishBlock() }
  }

  /// *Collective.* The layers' correlations are found by one rank each.
  private func describe(
    _ measured: [MeasuredLayer<T>], _ gradients: [OutputGradients]
  ) throws -> [NetworkLayerMetrics] {
    let world = context.world
    var correlations = [Double](repeating: 0, count: 2 * measured.count)
    try world.together {
      let own = measured.indices.filter { $0 % world.size == world.rank }
      for (place, found) in zip(own, try self.correlations(of: own.map { gradients[$0] })) {
        (correlations[2 * place], correlations[2 * place + 1]) = (found.agop, found.root)
      }
    }
    // The others' are 0.
    try context.timer.measure(.exchange) { try world.sum(&correlations) }
    return try measured.enumerated().map { place, layer in
      var metrics = try layer.collapse()
      metrics.layer = (place < hidden.count ? place : place - hidden.count) + 1
      metrics.nfa = (correlations[2 * place], correlations[2 * place + 1])
      return metrics
    }
  }
}
