import Files
import LinearAlgebra
import Runtime

/// A real number that a network is computed, sent and stored in.
public typealias NetworkReal = NetworkScalar & ConvolutionScalar & Real & TensorElement

/// One step of a network on this rank's rows of a batch: forward, and backward from the same rows.
///
/// What a layer has to keep to:
/// - Rows are samples, contiguous, `input.count` and `output.count` elements each; images as `FeatureShape` says. `pass.rows` may be 0: a
///   batch may have fewer samples than there are ranks. It is at most the builder's `rows`, for which all workspaces are made, once, in
///   `init`, by the builder's `matrix(columns:)` and `scratch(_:)`, which also count their bytes (of a plan they are empty: touch them in
///   passes only). Nothing is allocated in a pass.
/// - Parameters and statistics are ranges of the network's vectors, declared in `init` by the builder in the order and under the names of
///   PyTorch's state dict, and reached through `pass.weights`. A layer sets its parameters' gradients over this rank's rows, it does not
///   add to them, also to 0 where there are no rows: they are summed over the ranks, and the step is made, layer by layer while the pass
///   goes on, so a layer reads no parameters but its own. The gradient that comes is of the whole batch's mean loss, so nothing is divided.
/// - The view that `forward` returns is the layer's own memory and stays as it is until the layer's next `forward`, except that
///   `Activation` writes its values where its argument was: it comes only behind layers whose backward pass does not need their output
///   (`Linear`, a convolution, batch norm). A layer may keep the view it was given until its backward pass.
/// - `backward` may write to the gradient it was given, and may return that memory.
/// - `backward` may be called many times after one `forward`, from different gradients, also after a pass in evaluating mode (the
///   measurements do, with `pass.wantsParameterGradients` false): what `forward` left must survive it. In evaluating mode batch norm
///   takes its running statistics, as constants.
/// - A sum over the whole batch, such as batch norm's means, is `pass.sumOverRanks`, over `pass.batchRows` rows: a collective call, which a
///   rank without rows makes too. It must come in the same order on all ranks.
/// - No loop over elements in Swift: see `NetworkScalar`. Work is split over the threads by `pass.pool`, with results that do not depend
///   on which thread does what; products by `pool.multiply`, or one a task. Same threads, same bytes.
/// - A layer made of layers (a residual block) makes them in its `init` from the same builder, in the state dict's order.
public protocol NetworkLayer<Element>: AnyObject {
  associatedtype Element: NetworkReal

  var input: FeatureShape { get }
  var output: FeatureShape { get }

  /// *Collective.* The layer's output of this rank's rows; (rows x output).
  func forward(_ x: MatrixView<Element>, _ pass: Pass<Element>) throws -> MatrixView<Element>

  /// *Collective.* From the loss's gradient in the output, (rows x output), sets the parameters' gradients, if the pass wants them, and
  /// returns the gradient in the input, (rows x input); nil if that is not wanted (the first layer).
  func backward(
    _ gradient: MatrixView<Element>, wantsInput: Bool, _ pass: Pass<Element>
  ) throws -> MatrixView<Element>?
}

extension NetworkLayer {
  /// *Collective.* The forward pass, of which the pass's observer is told.
  func observedForward(_ x: MatrixView<Element>, _ pass: Pass<Element>) throws -> MatrixView<Element> {
    let y = try forward(x, pass)
    try pass.observe?(self, x, y)
    return y
  }
}
