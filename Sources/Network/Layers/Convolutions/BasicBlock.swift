import LinearAlgebra

/// y = relu(F(x) + x), F two 3 x 3 convolutions, each with batch norm, and a ReLU between them; where the shape changes, x goes through a
/// 1 x 1 convolution with batch norm (He, Zhang, Ren, Sun 2016; torchvision's BasicBlock, and its names).
public final class BasicBlock<T: NetworkReal>: NetworkLayer {
  public let input, output: FeatureShape
  private let branch: [any NetworkLayer<T>]
  /// Of x on the way past the branch; none where the shape stays.
  private let shortcut: [any NetworkLayer<T>]
  /// dY, of the shortcut; (rows x outputs).
  private let shortcutGradient: Matrix<T>
  private var y: MatrixView<T>?

  public init(
    _ name: String, from input: FeatureShape, to channels: Int, stride: Int, _ builder: inout NetworkBuilder<T>
  ) {
    self.input = input
    func convolution(_ part: String, _ shape: FeatureShape, kernel: Int, stride: Int) -> Convolution<T> {
      Convolution(
        "\(name).\(part)", from: shape, to: channels, kernel: kernel, stride: stride, padding: kernel / 2,
        hasBias: false, .kaimingNormal(outputs: channels, kernel: kernel), &builder)
    }
    let conv1 = convolution("conv1", input, kernel: 3, stride: stride)
    let norm1 = BatchNorm("\(name).bn1", of: conv1.output, &builder)
    let relu = Activation(.relu, of: conv1.output, &builder)
    let conv2 = convolution("conv2", conv1.output, kernel: 3, stride: 1)
    let norm2 = BatchNorm("\(name).bn2", of: conv2.output, &builder)
    branch = [conv1, norm1, relu, conv2, norm2]
    output = conv2.output
    if stride != 1 || input.channels != channels {
      let down = convolution("downsample.0", input, kernel: 1, stride: stride)
      shortcut = [down, BatchNorm("\(name).downsample.1", of: down.output, &builder)]
    } else {
      shortcut = []
    }
    shortcutGradient = builder.matrix(columns: output.count)
  }

  /// What ends the branch's last convolution is the block's sum.
  var stages: [LayerStage<T>] {
    Network.stages(in: branch, end: self) + Network.stages(in: shortcut)
  }

  public func forward(_ x: MatrixView<T>, _ pass: Pass<T>) throws -> MatrixView<T> {
    var (y, past) = (x, x)
    for layer in branch { y = try layer.observedForward(y, pass) }
    for layer in shortcut { past = try layer.observedForward(past, pass) }
    let (sum, other) = (y, past)
    // Where batch norm put F(x), which its backward pass does not need.
    pass.pool.forEachPart(of: pass.rows * output.count, roundedTo: 16) { range, _ in
      T.addRelu(other.pointer + range.lowerBound, sum.pointer + range.lowerBound, range.count)
    }
    self.y = y
    return y
  }

  public func backward(_ gradient: MatrixView<T>, wantsInput: Bool, _ pass: Pass<T>) throws -> MatrixView<T>? {
    guard let y else { preconditionFailure("backward before forward") }
    let copy = shortcutGradient.reshaped(rows: pass.rows, columns: output.count)
    pass.pool.forEachPart(of: pass.rows * output.count, roundedTo: 16) { range, _ in
      T.reluFork(
        y.pointer + range.lowerBound, gradient.pointer + range.lowerBound, copy.pointer + range.lowerBound, range.count)
    }
    let dx = try Self.backward(branch, gradient, wantsInput: wantsInput, pass)
    let past = try Self.backward(shortcut, copy, wantsInput: wantsInput, pass)
    guard let dx, let past else { return nil }
    pass.pool.forEachPart(of: pass.rows * input.count, roundedTo: 16) { range, _ in
      T.add(past.pointer + range.lowerBound, dx.pointer + range.lowerBound, range.count)
    }
    return dx
  }

  /// *Collective.* Layer after layer, from the last.
  private static func backward(
    _ layers: [any NetworkLayer<T>], _ gradient: MatrixView<T>, wantsInput: Bool, _ pass: Pass<T>
  ) throws -> MatrixView<T>? {
    var gradient = gradient
    for place in layers.indices.reversed() {
      guard let before = try layers[place].backward(gradient, wantsInput: wantsInput || place > 0, pass) else {
        return nil
      }
      gradient = before
    }
    return gradient
  }
}

extension Initialisation {
  /// He, Zhang, Ren, Sun 2015, by a convolution's outputs, for ReLU: what torchvision begins vgg11 and resnet18 with.
  static func kaimingNormal(outputs: Int, kernel: Int) -> Initialisation {
    .normal(deviation: (2 / Double(outputs * kernel * kernel)).squareRoot())
  }
}
