import CKernels

/// What a unit does with its sum. Raw values are those of `--activation`.
public enum ActivationKind: String, Sendable, Codable, CaseIterable {
  case relu
  /// x below 0 counts a hundredth.
  case leakyRelu = "leaky-relu"
  case tanh
  /// x Phi(x), exact (Hendrycks, Gimpel 2016).
  case gelu
  /// x^2
  case quadratic

  var code: Int32 {
    switch self {
    case .relu: DEEPRFM_RELU
    case .leakyRelu: DEEPRFM_LEAKY_RELU
    case .tanh: DEEPRFM_TANH
    case .gelu: DEEPRFM_GELU
    case .quadratic: DEEPRFM_QUADRATIC
    }
  }

  /// Whether the derivative follows from the value: else it is kept where the argument was.
  public var keepsValueOnly: Bool { self == .relu || self == .leakyRelu || self == .tanh }
}

/// One step of Adam (Kingma, Ba 2015): beta 0.9 and 0.999, epsilon 1e-8, decay added to the gradient, as PyTorch's.
public struct AdamStep: Sendable {
  let form: deeprfm_adam_form

  /// - Parameter step: from 1.
  public init(learningRate: Double, decay: Double, step: Int) {
    let (beta1, beta2) = (0.9, 0.999)
    let (first, second) = (1 - power(beta1, step), 1 - power(beta2, step))
    form = deeprfm_adam_form(
      rate: learningRate / first, beta1: beta1, beta2: beta2, correction: 1 / second.squareRoot(), epsilon: 1e-8,
      decay: decay)
  }
}

private func power(_ base: Double, _ exponent: Int) -> Double {
  var (result, factor, rest) = (1.0, base, exponent)
  while rest > 0 {
    if rest & 1 == 1 { result *= factor }
    factor *= factor
    rest >>= 1
  }
  return result
}

/// The elementwise loops of a network, one C call each. *Local.*
///
/// Called through a witness: a layer is used by its protocol, where generic Swift is not specialised, and a loop over elements written
/// there would be some fifty times slower. So no layer loops over elements itself.
public protocol NetworkScalar: Scalar {
  static var networkLoops: NetworkLoops<Self> { get }
}

extension NetworkScalar {
  /// y = act(x), where y may be x unless the kind is gelu or quadratic: with these x becomes the derivative.
  public static func activate(
    _ kind: ActivationKind, _ x: UnsafeMutablePointer<Self>, _ y: UnsafeMutablePointer<Self>, _ count: Int
  ) {
    networkLoops.activate(kind.code, x, y, count)
  }

  /// gradient *= act'(x), from what `activate` left: y, or with gelu and quadratic x.
  public static func activateBackward(
    _ kind: ActivationKind, _ kept: UnsafePointer<Self>, _ gradient: UnsafeMutablePointer<Self>, _ count: Int
  ) {
    networkLoops.activateBackward(kind.code, kept, gradient, count)
  }

  /// The sum of (f - t)^2 over rows and classes, t = 1 at the label and -1 elsewhere; gradient = scale (f - t), unless nil.
  public static func squareLoss(
    _ outputs: UnsafePointer<Self>, _ labels: UnsafePointer<Int32>, _ rows: Int, _ classes: Int, _ scale: Double,
    _ gradient: UnsafeMutablePointer<Self>?
  ) -> Double {
    networkLoops.squareLoss(outputs, labels, rows, classes, scale, gradient)
  }

  /// The sum over rows of log sum exp f - f_label; gradient = scale (softmax f - e_label), unless nil. A row without a label, -1, gives 0.
  public static func crossEntropy(
    _ outputs: UnsafePointer<Self>, _ labels: UnsafePointer<Int32>, _ rows: Int, _ classes: Int, _ scale: Double,
    _ gradient: UnsafeMutablePointer<Self>?
  ) -> Double {
    networkLoops.crossEntropy(outputs, labels, rows, classes, scale, gradient)
  }

  /// Rows whose first largest output is their label's.
  public static func countCorrect(
    _ outputs: UnsafePointer<Self>, _ labels: UnsafePointer<Int32>, _ rows: Int, _ classes: Int
  ) -> Int {
    networkLoops.countCorrect(outputs, labels, rows, classes)
  }

  /// v <- momentum v + g + decay w, w <- w - rate v; without velocity w <- w - rate (g + decay w).
  public static func descend(
    _ weights: UnsafeMutablePointer<Self>, _ gradients: UnsafePointer<Self>, _ velocity: UnsafeMutablePointer<Self>?,
    _ count: Int, rate: Double, momentum: Double, decay: Double
  ) {
    networkLoops.descend(weights, gradients, velocity, count, rate, momentum, decay)
  }

  /// A step of Adam; `first` and `second` are the gradient's running moments.
  public static func adam(
    _ weights: UnsafeMutablePointer<Self>, _ gradients: UnsafePointer<Self>, _ first: UnsafeMutablePointer<Self>,
    _ second: UnsafeMutablePointer<Self>, _ count: Int, _ step: AdamStep
  ) {
    networkLoops.adam(weights, gradients, first, second, count, step.form)
  }

  /// y_i = x_i + row for every row; y may be x.
  public static func addToRows(
    _ x: UnsafePointer<Self>, _ rows: Int, _ columns: Int, _ row: UnsafePointer<Self>,
    _ y: UnsafeMutablePointer<Self>
  ) {
    networkLoops.addToRows(x, rows, columns, row, y)
  }

  /// sums = the sum of the rows.
  public static func columnSums(
    _ x: UnsafePointer<Self>, _ rows: Int, _ columns: Int, _ sums: UnsafeMutablePointer<Self>
  ) {
    networkLoops.columnSums(x, rows, columns, sums)
  }

  /// |x - mean|^2 in Double, and adds x - mean to `sums`.
  public static func deviation(
    _ x: UnsafePointer<Self>, _ mean: UnsafePointer<Double>, _ sums: UnsafeMutablePointer<Double>,
    _ count: Int
  ) -> Double {
    networkLoops.deviation(x, mean, sums, count)
  }
}

/// The C functions of one precision.
public struct NetworkLoops<T: Scalar>: Sendable {
  let activate: @Sendable (Int32, UnsafeMutablePointer<T>, UnsafeMutablePointer<T>, Int) -> Void
  let activateBackward: @Sendable (Int32, UnsafePointer<T>, UnsafeMutablePointer<T>, Int) -> Void
  let squareLoss:
    @Sendable (
      UnsafePointer<T>, UnsafePointer<Int32>, Int, Int, Double, UnsafeMutablePointer<T>?
    ) -> Double
  let crossEntropy:
    @Sendable (
      UnsafePointer<T>, UnsafePointer<Int32>, Int, Int, Double, UnsafeMutablePointer<T>?
    ) -> Double
  let countCorrect: @Sendable (UnsafePointer<T>, UnsafePointer<Int32>, Int, Int) -> Int
  let descend:
    @Sendable (
      UnsafeMutablePointer<T>, UnsafePointer<T>, UnsafeMutablePointer<T>?, Int, Double, Double, Double
    ) -> Void
  let adam:
    @Sendable (
      UnsafeMutablePointer<T>, UnsafePointer<T>, UnsafeMutablePointer<T>, UnsafeMutablePointer<T>, Int,
      deeprfm_adam_form
    ) -> Void
  let addToRows: @Sendable (UnsafePointer<T>, Int, Int, UnsafePointer<T>, UnsafeMutablePointer<T>) -> Void
  let columnSums: @Sendable (UnsafePointer<T>, Int, Int, UnsafeMutablePointer<T>) -> Void
  let deviation: @Sendable (UnsafePointer<T>, UnsafePointer<Double>, UnsafeMutablePointer<Double>, Int) -> Double
}

extension Float: NetworkScalar {
  public static let networkLoops = NetworkLoops<Float>(
    activate: deeprfm_activate_f32, activateBackward: deeprfm_activate_backward_f32,
    squareLoss: deeprfm_square_loss_f32, crossEntropy: deeprfm_cross_entropy_f32,
    countCorrect: deeprfm_count_correct_f32, descend: deeprfm_sgd_f32, adam: deeprfm_adam_f32,
    addToRows: deeprfm_add_rows_f32, columnSums: deeprfm_column_sums_f32, deviation: deeprfm_deviation_f32)
}

extension Double: NetworkScalar {
  public static let networkLoops = NetworkLoops<Double>(
    activate: deeprfm_activate_f64, activateBackward: deeprfm_activate_backward_f64,
    squareLoss: deeprfm_square_loss_f64, crossEntropy: deeprfm_cross_entropy_f64,
    countCorrect: deeprfm_count_correct_f64, descend: deeprfm_sgd_f64, adam: deeprfm_adam_f64,
    addToRows: deeprfm_add_rows_f64, columnSums: deeprfm_column_sums_f64, deviation: deeprfm_deviation_f64)
}
