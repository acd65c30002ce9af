import LinearAlgebra

/// y = gamma (x - mean) / sqrt(variance + 1e-5) + beta, channel by channel (Ioffe, Szegedy 2015), over the whole batch: mean and variance
/// of all ranks' rows, in Double, in two passes.
///
/// Running statistics take a tenth of each training batch's, the variance unbiased, as PyTorch's; of a batch with one value a channel,
/// which has no unbiased variance, the mean only.
public final class BatchNorm<T: NetworkReal>: NetworkLayer {
  public let input: FeatureShape
  public var output: FeatureShape { input }
  let gamma, beta: Parameter
  let runningMean, runningVariance, batches: Statistic
  /// Y; (rows x inputs).
  private let values: Matrix<T>
  // A number a channel: of the last forward pass,
  private let mean, inverseDeviation: Matrix<Double>
  /// sums over the batch; (2 x channels),
  private let sums: Matrix<Double>
  /// and what the loops multiply by and add; (3 x channels).
  private let terms: Matrix<Double>
  private var x: MatrixView<T>?
  private var usesBatch = true

  private static var momentum: Double { 0.1 }
  private static var epsilon: Double { 1e-5 }

  public init(_ name: String, of shape: FeatureShape, _ builder: inout NetworkBuilder<T>) {
    input = shape
    let channels = shape.channels
    gamma = builder.parameter(name + ".weight", [channels], .constant(1))
    beta = builder.parameter(name + ".bias", [channels], .constant(0))
    runningMean = builder.statistic(name + ".running_mean", count: channels, initial: 0)
    runningVariance = builder.statistic(name + ".running_var", count: channels, initial: 1)
    batches = builder.batchCount(name + ".num_batches_tracked")
    values = builder.matrix(columns: shape.count)
    mean = builder.matrix(rows: 1, columns: channels, of: Double.self)
    inverseDeviation = builder.matrix(rows: 1, columns: channels, of: Double.self)
    sums = builder.matrix(rows: 2, columns: channels, of: Double.self)
    terms = builder.matrix(rows: 3, columns: channels, of: Double.self)
  }

  public func forward(_ x: MatrixView<T>, _ pass: Pass<T>) throws -> MatrixView<T> {
    self.x = x
    usesBatch = pass.mode == .train
    if usesBatch { try takeBatchStatistics(x, pass) } else { takeRunningStatistics(pass) }
    let y = values.reshaped(rows: pass.rows, columns: input.count)
    let (mean, scale, offset) = (mean, terms.row(0), terms.row(1))
    T.widen(pass.weights.matrix(gamma).pointer, scale.baseAddress!, input.channels)
    T.widen(pass.weights.matrix(beta).pointer, offset.baseAddress!, input.channels)
    for c in 0..<input.channels { scale[c] *= inverseDeviation.pointer[c] }
    forEachChannels(pass) { [terms] block, first, start in
      T.normaliseChannels(
        x.pointer + start, block, mean.pointer + first, terms.row(0).baseAddress! + first,
        terms.row(1).baseAddress! + first, y.pointer + start)
    }
    return y
  }

  public func backward(_ gradient: MatrixView<T>, wantsInput: Bool, _ pass: Pass<T>) throws -> MatrixView<T>? {
    guard let x else { preconditionFailure("backward before forward") }
    sums.view.fill(0)
    forEachChannels(pass) { [sums, mean] block, first, start in
      T.channelSums(gradient.pointer + start, block, sums.row(0).baseAddress! + first)
      T.channelProducts(
        x.pointer + start, gradient.pointer + start, block, mean.pointer + first, sums.row(1).baseAddress! + first)
    }
    if pass.wantsParameterGradients { setParameterGradients(pass) }
    guard wantsInput else { return nil }
    if usesBatch { try pass.sumOverRanks(sums.buffer) }
    setInputTerms(pass)
    forEachChannels(pass) { [terms, mean] block, first, start in
      T.normaliseChannelsBackward(
        x.pointer + start, block, mean.pointer + first, terms.row(0).baseAddress! + first,
        terms.row(1).baseAddress! + first, terms.row(2).baseAddress! + first, gradient.pointer + start)
    }
    return gradient
  }

  /// *Collective.* Mean and deviation of the batch, which go into the running ones.
  private func takeBatchStatistics(_ x: MatrixView<T>, _ pass: Pass<T>) throws {
    let count = Double(pass.batchRows * input.pixels)
    let totals = UnsafeMutableBufferPointer(rebasing: sums.buffer[0..<input.channels])
    totals.update(repeating: 0)
    forEachChannels(pass) { [sums] block, first, start in
      T.channelSums(x.pointer + start, block, sums.pointer + first)
    }
    try pass.sumOverRanks(totals)
    for c in totals.indices { mean.pointer[c] = totals[c] / count }
    totals.update(repeating: 0)
    forEachChannels(pass) { [sums, mean] block, first, start in
      T.channelSquares(x.pointer + start, block, mean.pointer + first, sums.pointer + first)
    }
    try pass.sumOverRanks(totals)
    let means = pass.weights.values(of: runningMean)
    let variances = pass.weights.values(of: runningVariance)
    for c in totals.indices {
      inverseDeviation.pointer[c] = 1 / (totals[c] / count + Self.epsilon).squareRoot()
      means[c] += Self.momentum * (mean.pointer[c] - means[c])
      if count > 1 { variances[c] += Self.momentum * (totals[c] / (count - 1) - variances[c]) }
    }
    pass.weights.values(of: batches)[0] += 1
  }

  private func takeRunningStatistics(_ pass: Pass<T>) {
    let means = pass.weights.values(of: runningMean)
    let variances = pass.weights.values(of: runningVariance)
    for c in 0..<input.channels {
      mean.pointer[c] = means[c]
      inverseDeviation.pointer[c] = 1 / (variances[c] + Self.epsilon).squareRoot()
    }
  }

  /// d beta = sum dy, d gamma = sum dy (x - mean) / deviation, over this rank's rows.
  private func setParameterGradients(_ pass: Pass<T>) {
    let (dGamma, dBeta) = (pass.weights.gradient(gamma), pass.weights.gradient(beta))
    for c in 0..<input.channels {
      dBeta.pointer[c] = T(sums[0, c])
      dGamma.pointer[c] = T(sums[1, c] * inverseDeviation.pointer[c])
    }
  }

  /// dx = gamma / deviation (dy - mean of dy - (x - mean) / variance times the mean of dy (x - mean)); the means are 0 where the statistics
  /// are constants.
  private func setInputTerms(_ pass: Pass<T>) {
    let (scale, slope, offset) = (terms.row(0), terms.row(1), terms.row(2))
    T.widen(pass.weights.matrix(gamma).pointer, scale.baseAddress!, input.channels)
    let count = Double(pass.batchRows * input.pixels)
    for c in 0..<input.channels {
      let inverse = inverseDeviation.pointer[c]
      scale[c] *= inverse
      slope[c] = usesBatch ? -scale[c] * inverse * inverse * sums[1, c] / count : 0
      offset[c] = usesBatch ? -scale[c] * sums[0, c] / count : 0
    }
  }

  /// Each worker's channels of all rows: a channel's sum is made in the same order by any number of threads.
  private func forEachChannels(
    _ pass: Pass<T>, _ body: @escaping @Sendable (_ block: ChannelBlock, _ first: Int, _ start: Int) -> Void
  ) {
    let (rows, stride, pixels) = (pass.rows, input.count, input.pixels)
    pass.pool.forEachPart(of: input.channels) { channels, _ in
      let block = ChannelBlock(rows: rows, stride: stride, channels: channels.count, pixels: pixels)
      body(block, channels.lowerBound, channels.lowerBound * pixels)
    }
  }
}
