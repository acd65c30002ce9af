import LinearAlgebra

/// A convolution of square kernels, y_o = sum over inputs i of w_oi * x_i (+ b_o), by way of columns: what each tap of the kernels meets at
/// each position, times the weights as a matrix. `ConvolutionForm` says how.
public final class Convolution<T: NetworkReal>: WeightedLayer {
  public let input, output: FeatureShape
  /// (outputs x inputs x kernel x kernel)
  let weight: Parameter
  let bias: Parameter?
  let form: ConvolutionForm
  /// Y; (rows x outputs).
  private let values: Matrix<T>
  /// dX; (rows x inputs).
  private let inputGradient: Matrix<T>
  private let biasSums: Matrix<Double>
  private let scratch: Scratch<T>
  private var x: MatrixView<T>?
  var gradientGram: GradientGram<T>?

  public init(
    _ name: String, from input: FeatureShape, to outputs: Int, kernel: Int, stride: Int = 1, padding: Int = 0,
    hasBias: Bool, _ initialisation: Initialisation, _ builder: inout NetworkBuilder<T>
  ) {
    self.input = input
    let window = ImageWindow(
      height: input.height, width: input.width, kernel: kernel, stride: stride, padding: padding)
    precondition(window.positions > 0, "the kernel does not fit")
    output = FeatureShape(channels: outputs, height: window.outHeight, width: window.outWidth)
    form = ConvolutionForm(
      inputs: input.channels, outputs: outputs, window: window, rows: builder.rows, threads: builder.threads)
    weight = builder.parameter(name + ".weight", [outputs, input.channels, kernel, kernel], initialisation)
    bias = hasBias ? builder.parameter(name + ".bias", [outputs], .constant(0)) : nil
    values = builder.matrix(columns: output.count)
    inputGradient = builder.matrix(columns: input.count)
    biasSums = builder.matrix(rows: 1, columns: hasBias ? outputs : 0, of: Double.self)
    scratch = builder.scratch(form.scratchElements)
  }

  var units: Int { output.channels }
  var gramParts: Int { form.threads }
  var rowOperations: Double { 2 * Double(form.liveWeights) * Double(form.window.positions) }

  public func forward(_ x: MatrixView<T>, _ pass: Pass<T>) -> MatrixView<T> {
    self.x = x
    let y = values.reshaped(rows: pass.rows, columns: output.count)
    let (form, memory) = (form, ConvolutionMemory(form, scratch))
    let weights = liveWeights(memory, pass)
    let bias = bias.map { pass.weights.matrix($0) }
    let channels = ChannelBlock(
      rows: 1, stride: output.count, channels: output.channels, pixels: form.window.positions)
    pass.pool.forEachWhenFree(0..<form.pieces(of: pass.rows)) { index, worker in
      let samples = form.samples(ofPiece: index, of: x.rows)
      let piece = memory.piece(worker, samples: samples.count)
      piece.makeColumns(of: x.rows(samples))
      piece.multiply(weights, into: y.rows(samples))
      guard let bias else { return }
      for sample in samples { T.addToChannels(bias.pointer, channels, y.rows(sample..<(sample + 1)).pointer) }
    }
    return y
  }

  public func backward(_ gradient: MatrixView<T>, wantsInput: Bool, _ pass: Pass<T>) -> MatrixView<T>? {
    guard let x else { preconditionFailure("backward before forward") }
    let dx = wantsInput ? inputGradient.reshaped(rows: pass.rows, columns: input.count) : nil
    let (form, memory) = (form, ConvolutionMemory(form, scratch))
    let weights = wantsInput ? liveWeights(memory, pass) : nil
    let (wantsWeights, gram) = (pass.wantsParameterGradients, gradientGram)
    let target = pass.weights.gradient(weight)
    // Worker w takes pieces w, w + threads, ...: its sum of gradients is the same in every run.
    pass.pool.forEach(0..<form.pieces(of: pass.rows)) { index, worker in
      let samples = form.samples(ofPiece: index, of: x.rows)
      let piece = memory.piece(worker, samples: samples.count)
      let dy = piece.outputGradients(gradient.rows(samples))
      gram?.add(positions: dy, worker: worker)
      if wantsWeights {
        piece.makeColumns(of: x.rows(samples))
        multiply(
          dy, piece.columns, transposeB: true, beta: index < form.threads ? 0 : 1,
          into: memory.weightGradient(worker, target))
      }
      if let dx, let weights { piece.multiplyBack(weights, dy, into: dx.rows(samples)) }
    }
    if wantsWeights {
      sumWeightGradients(memory, pass)
      sumBiasGradient(gradient, pass)
    }
    return dx
  }

  /// The weights that meet the image: where all do, the weights themselves.
  private func liveWeights(_ memory: ConvolutionMemory<T>, _ pass: Pass<T>) -> MatrixView<T> {
    let all = pass.weights.matrix(weight)
    guard !form.window.allAreLive else { return all }
    let (window, live, taps, kernels) = (form.window, memory.liveWeights, form.window.liveTaps, weight.kernelSize)
    pass.pool.forEachPart(of: form.outputs * form.inputs) { range, _ in
      T.gatherTaps(
        all.pointer + range.lowerBound * kernels, window, range.count, live.pointer + range.lowerBound * taps)
    }
    return live
  }

  /// dW <- the workers' sums, in their order; 0 of a rank without rows.
  private func sumWeightGradients(_ memory: ConvolutionMemory<T>, _ pass: Pass<T>) {
    let target = pass.weights.gradient(weight)
    let workers = min(form.threads, form.pieces(of: pass.rows))
    guard workers > 0 else { return target.fill(0) }
    let (window, taps, kernels) = (form.window, form.window.liveTaps, weight.kernelSize)
    if workers == 1 && window.allAreLive { return }
    pass.pool.forEachPart(of: form.outputs * form.inputs) { range, _ in
      let sum = memory.weightGradient(0, target).pointer + range.lowerBound * taps
      for worker in 1..<max(1, workers) {
        T.add(memory.weightGradient(worker, target).pointer + range.lowerBound * taps, sum, range.count * taps)
      }
      if window.allAreLive { return }
      T.scatterTaps(sum, window, range.count, target.pointer + range.lowerBound * kernels)
    }
  }

  private func sumBiasGradient(_ gradient: MatrixView<T>, _ pass: Pass<T>) {
    guard let bias else { return }
    let (sums, pixels, stride) = (biasSums, output.pixels, output.count)
    sums.view.fill(0)
    pass.pool.forEachPart(of: output.channels) { channels, _ in
      T.channelSums(
        gradient.pointer + channels.lowerBound * pixels,
        ChannelBlock(rows: gradient.rows, stride: stride, channels: channels.count, pixels: pixels),
        sums.pointer + channels.lowerBound)
    }
    let target = pass.weights.gradient(bias)
    for c in 0..<output.channels { target.pointer[c] = T(sums.pointer[c]) }
  }
}

extension Parameter {
  /// Taps of a convolution's kernel.
  var kernelSize: Int { shape[2] * shape[3] }
}
