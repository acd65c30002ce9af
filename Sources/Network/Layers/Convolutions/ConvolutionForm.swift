import LinearAlgebra

/// The sizes of a convolution's products, and how a batch is cut for them.
///
/// A batch goes through in pieces of so many samples, each in one worker's memory. There the samples come last, (channels x height x width
/// x samples): then the copies that make the columns are runs, whatever the image's size, the weights are a product's factor as they
/// lie in the state dict, and small images make as large products as large ones.
struct ConvolutionForm: Sendable {
  let inputs, outputs: Int
  let window: ImageWindow
  /// Of a piece; the last one may have fewer.
  let pieceSamples: Int
  let threads: Int

  /// Columns of a product: at least as many as its time per operation no longer falls with, and more while all taps' stay in a core's
  /// second cache, a megabyte of float32.
  private static func wantedColumns(taps: Int) -> Int { min(max(512, (1 << 18) / max(1, taps)), 2048) }

  /// - Parameter rows: the most rows that a rank has of a batch.
  init(inputs: Int, outputs: Int, window: ImageWindow, rows: Int, threads: Int) {
    (self.inputs, self.outputs, self.window, self.threads) = (inputs, outputs, window, threads)
    let columns = Self.wantedColumns(taps: inputs * window.liveTaps)
    let largest = Self.inEights(max(1, columns / max(1, window.positions)))
    // As many pieces for each thread, of about one size.
    let rounds = (rows + threads * largest - 1) / (threads * largest)
    pieceSamples = max(1, (rows + threads * rounds - 1) / max(1, threads * rounds))
  }

  /// The nearest count of samples whose runs are whole vectors, where that is near.
  private static func inEights(_ samples: Int) -> Int { samples < 6 ? samples : (samples + 4) / 8 * 8 }

  /// Columns of the weights that meet the image: inputs x live taps.
  var taps: Int { inputs * window.liveTaps }
  /// Weights that meet it.
  var liveWeights: Int { outputs * taps }

  // Elements of a piece's images, columns and products.
  var imageElements: Int { inputs * window.pixels * pieceSamples }
  var columnElements: Int { taps * window.positions * pieceSamples }
  var productElements: Int { outputs * window.positions * pieceSamples }

  /// Scratch elements: of each worker a piece and a sum of weight gradients; and the live weights.
  var scratchElements: Int {
    threads * (imageElements + columnElements + productElements + liveWeights) + liveWeights
  }

  func pieces(of rows: Int) -> Int { (rows + pieceSamples - 1) / pieceSamples }

  func samples(ofPiece piece: Int, of rows: Int) -> Range<Int> {
    (piece * pieceSamples)..<min(rows, (piece + 1) * pieceSamples)
  }
}

/// The scratch memory of a convolution, taken apart.
struct ConvolutionMemory<T: NetworkReal>: Sendable {
  let form: ConvolutionForm
  private let memory: MatrixView<T>

  init(_ form: ConvolutionForm, _ scratch: Scratch<T>) {
    self.form = form
    memory = scratch.matrix(rows: 1, columns: form.scratchElements)
  }

  /// The weights' live taps, (outputs x taps).
  var liveWeights: MatrixView<T> { part(0, form.outputs, form.taps) }

  /// A worker's sum of weight gradients, (outputs x taps): the first one's is the gradient itself where all taps are live.
  func weightGradient(_ worker: Int, _ gradient: MatrixView<T>) -> MatrixView<T> {
    if worker == 0 && form.window.allAreLive { return gradient }
    return part(form.liveWeights * (1 + worker), form.outputs, form.taps)
  }

  /// A worker's memory for a piece of so many samples.
  func piece(_ worker: Int, samples: Int) -> ConvolutionPiece<T> {
    let each = form.imageElements + form.columnElements + form.productElements
    let start = form.liveWeights * (1 + form.threads) + worker * each
    let (pixels, positions) = (form.window.pixels, form.window.positions)
    return ConvolutionPiece(
      form: form, samples: samples,
      images: part(start, form.inputs * pixels, samples),
      columns: part(start + form.imageElements, form.taps, positions * samples),
      products: part(start + form.imageElements + form.columnElements, form.outputs, positions * samples))
  }

  private func part(_ start: Int, _ rows: Int, _ columns: Int) -> MatrixView<T> {
    memory.columns(start..<(start + rows * columns)).reshaped(rows: rows, columns: columns)
  }
}

/// Some samples on their way through a convolution, in a worker's memory, the samples last.
struct ConvolutionPiece<T: NetworkReal> {
  let form: ConvolutionForm
  let samples: Int
  /// (inputs pixels x samples)
  let images: MatrixView<T>
  /// (taps x positions samples)
  let columns: MatrixView<T>
  /// (outputs x positions samples)
  let products: MatrixView<T>

  /// The columns of these images, (samples x inputs pixels).
  func makeColumns(of x: MatrixView<T>) {
    let images = samplesLast(x, in: images)
    T.imageColumns(images.pointer, form.window, form.inputs, samples, columns.pointer)
  }

  /// The gradients of these outputs, (samples x outputs positions), as a factor of a product.
  func outputGradients(_ dy: MatrixView<T>) -> MatrixView<T> {
    samplesLast(dy, in: products).reshaped(rows: form.outputs, columns: form.window.positions * samples)
  }

  /// Y <- W columns, into (samples x outputs positions).
  func multiply(_ weights: MatrixView<T>, into y: MatrixView<T>) {
    let target = samples == 1 ? y.reshaped(rows: form.outputs, columns: form.window.positions) : products
    LinearAlgebra.multiply(weights, columns, into: target)
    if samples > 1 { T.transposeInSquares(products.pointer, y.columns, samples, y.pointer) }
  }

  /// dX <- the images of W^T dY, into (samples x inputs pixels).
  func multiplyBack(_ weights: MatrixView<T>, _ dy: MatrixView<T>, into dx: MatrixView<T>) {
    LinearAlgebra.multiply(weights, dy, transposeA: true, into: columns)
    let target = samples == 1 ? dx : images
    T.addImageColumns(columns.pointer, form.window, form.inputs, samples, target.pointer)
    if samples > 1 { T.transposeInSquares(images.pointer, dx.columns, samples, dx.pointer) }
  }

  /// (samples x features) as (features x samples); one sample is both.
  private func samplesLast(_ rows: MatrixView<T>, in memory: MatrixView<T>) -> MatrixView<T> {
    guard samples > 1 else { return rows }
    T.transposeInSquares(rows.pointer, samples, rows.columns, memory.pointer)
    return memory.rows == rows.columns ? memory : memory.reshaped(rows: rows.columns, columns: samples)
  }
}
