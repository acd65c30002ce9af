import LinearAlgebra
import MPI
import Network
import Testing

/// The layers of images against plain loops and central differences (bound: `NetworkGradientTests`), between two fully-connected layers: the
/// first one's gradient is made of the layer's gradient in its input. The rows are spread over the ranks.
@Suite(.serialized) struct ConvolutionLayerTests {
  struct Case: Sendable, CustomStringConvertible {
    let height, width, kernel, stride, padding: Int
    var description: String { "\(height) x \(width), \(kernel)/\(stride)/\(padding)" }

    init(_ height: Int, _ width: Int, _ kernel: Int, _ stride: Int, _ padding: Int) {
      (self.height, self.width, self.kernel, self.stride, self.padding) = (height, width, kernel, stride, padding)
    }
  }

  /// Odd sizes, strides that leave a rest, kernels of which some taps never meet the image.
  static let cases = [
    Case(5, 4, 3, 1, 1), Case(5, 7, 3, 2, 1), Case(4, 5, 1, 2, 0), Case(9, 8, 7, 2, 3), Case(3, 3, 2, 1, 0),
    Case(1, 1, 3, 1, 1), Case(2, 2, 3, 2, 1), Case(4, 6, 5, 3, 2), Case(1, 4, 3, 1, 1),
  ]

  @Test(arguments: cases, [1, 7]) func convolution(_ sizes: Case, batchRows: Int) throws {
    let shape = FeatureShape(channels: 2, height: sizes.height, width: sizes.width)
    let problem = try NetworkProblem.around(shape, batchRows: batchRows) { builder in
      Convolution(
        "conv", from: shape, to: 3, kernel: sizes.kernel, stride: sizes.stride, padding: sizes.padding,
        hasBias: batchRows > 1, .constant(0), &builder)
    }
    #expect(try problem.worstError() < 1e-7)
    let weights = try problem.values("conv.weight")
    let bias = batchRows > 1 ? try problem.values("conv.bias") : nil
    try problem.expectLayer { x in
      LayerReference.convolution(
        x, shape, weights, bias, outputs: 3, kernel: sizes.kernel, stride: sizes.stride, padding: sizes.padding)
    }
  }

  /// Several pieces a thread: a batch of more than 16,384 positions.
  @Test func convolutionInPieces() throws {
    let shape = FeatureShape(channels: 1, height: 13, width: 11)
    let problem = try NetworkProblem.around(shape, batchRows: 140) { builder in
      Convolution("conv", from: shape, to: 2, kernel: 3, padding: 1, hasBias: true, .constant(0), &builder)
    }
    #expect(try problem.worstError(stride: 7) < 1e-7)
    let (weights, bias) = (try problem.values("conv.weight"), try problem.values("conv.bias"))
    try problem.expectLayer { x in
      LayerReference.convolution(x, shape, weights, bias, outputs: 2, kernel: 3, stride: 1, padding: 1)
    }
  }

  @Test(arguments: [Case(4, 4, 2, 2, 0), Case(7, 5, 3, 2, 1), Case(3, 3, 2, 2, 0), Case(1, 1, 3, 2, 1)])
  func maxPool(_ sizes: Case) throws {
    let shape = FeatureShape(channels: 3, height: sizes.height, width: sizes.width)
    let problem = try NetworkProblem.around(shape, batchRows: 5) { builder in
      MaxPool(of: shape, kernel: sizes.kernel, stride: sizes.stride, padding: sizes.padding, &builder)
    }
    #expect(try problem.worstError() < 1e-7)
    try problem.expectLayer { x in
      LayerReference.maxPool(x, shape, kernel: sizes.kernel, stride: sizes.stride, padding: sizes.padding)
    }
  }

  /// Of equal values the first one gets the gradient.
  @Test func maxPoolOfEqualValues() {
    let window = ImageWindow(height: 2, width: 2, kernel: 2, stride: 2)
    let (x, y, dx) = (
      Matrix<Double>(rows: 1, columns: 4), Matrix<Double>(rows: 1, columns: 1), Matrix<Double>(rows: 1, columns: 4)
    )
    let places = UnsafeMutablePointer<Int32>.allocate(capacity: 1)
    defer { places.deallocate() }
    x.view.fill(3)
    Double.maxPool(x.pointer, window, 1, y.pointer, places)
    Double.maxPoolBackward(y.pointer, places, window, 1, dx.pointer)
    #expect(dx.values == [3, 0, 0, 0])
  }

  /// Bins that overlap, more bins than pixels, one bin, one pixel.
  @Test(arguments: [(3, 3, 4), (8, 8, 4), (7, 5, 3), (4, 4, 1), (1, 1, 4)])
  func averagePool(height: Int, width: Int, bins: Int) throws {
    let shape = FeatureShape(channels: 2, height: height, width: width)
    let problem = try NetworkProblem.around(shape, batchRows: 4) { AveragePool(of: shape, to: bins, bins, &$0) }
    #expect(try problem.worstError() < 1e-7)
    try problem.expectLayer { LayerReference.averagePool($0, shape, bins: bins) }
  }

  @Test(arguments: [Pass<Double>.Mode.train, .evaluate], [2, 5]) func batchNorm(mode: Pass<Double>.Mode, batchRows: Int)
    throws
  {
    let shape = FeatureShape(channels: 3, height: 2, width: 3)
    let problem = try NetworkProblem.around(shape, batchRows: batchRows) { BatchNorm("bn", of: shape, &$0) }
    #expect(try problem.worstError(mode) < 1e-7)
    guard mode == .train, problem.world.size == 1 else { return }
    let (gamma, beta) = (try problem.values("bn.weight"), try problem.values("bn.bias"))
    try problem.expectLayer { LayerReference.batchNorm($0, shape, gamma, beta) }
  }

  @Test(arguments: [(4, 1), (4, 2), (6, 1)]) func basicBlock(channels: Int, stride: Int) throws {
    let shape = FeatureShape(channels: 4, height: 3, width: 3)
    for mode in [Pass<Double>.Mode.train, .evaluate] {
      let problem = try NetworkProblem.around(shape, batchRows: 5) {
        BasicBlock("block", from: shape, to: channels, stride: stride, &$0)
      }
      #expect(try problem.worstError(mode, stride: 5) < 1e-7)
    }
  }

  /// Rank by rank the whole batch alone, and together: the same gradients and running statistics, also where ranks have no rows, and where
  /// the batch is one value a channel.
  @Test(arguments: [1, 2, 9], [1, 4]) func ranksMakeOneBatch(batchRows: Int, side: Int) throws {
    let world = try TestWorld.all
    let alone = try world.split(color: world.rank, key: 0)
    let shape = FeatureShape(channels: 2, height: side, width: side)
    func build(_ rows: Int) -> NetworkBuilder<Double> {
      NetworkProblem.builder(around: shape, rows: rows) { BasicBlock("block", from: shape, to: 3, stride: 2, &$0) }
    }
    let input = FeatureShape(3)
    let together = try NetworkProblem(input: input, batchRows: batchRows, build: build)
    let whole = try NetworkProblem(input: input, batchRows: batchRows, ranks: alone, build: build)
    let (found, expected) = (try together.gradient(), try whole.gradient())
    let scale = expected.map { abs($0) }.max() ?? 1
    for (a, b) in zip(found, expected) { #expect(abs(a - b) <= 1e-12 * scale) }
    let statistics = (together.network.weights.statisticValues.values, whole.network.weights.statisticValues.values)
    for (a, b) in zip(statistics.0, statistics.1) { #expect(abs(a - b) <= 1e-13 * max(1, abs(b))) }
    #expect(expected.allSatisfy { $0.isFinite } && statistics.1.allSatisfy { $0.isFinite })
  }

  /// A pass makes no matrix, and needs nothing that nobody wrote.
  @Test func aPassAllocatesNothing() throws {
    let shape = FeatureShape(channels: 2, height: 6, width: 6)
    let bytes = try MatrixWatch.poisoning {
      let problem = try NetworkProblem.around(shape, batchRows: 6) {
        BasicBlock("block", from: shape, to: 3, stride: 2, &$0)
      }
      let c = Matrix<Double>(rows: problem.x.rows, columns: problem.network.outputs)
      let first = try problem.gradient()
      #expect(first.allSatisfy { $0.isFinite })
      return try MatrixWatch.counting {
        _ = try problem.loss()
        try problem.network.backward(c.view)
      }.bytes
    }
    #expect(bytes == 0)
  }
}
