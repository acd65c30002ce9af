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
  /// y = act(x), where y may be x unless the kind is gelu or quadratic: with these x becomes the derivative.
  static func activate(
    _ kind: ActivationKind, _ x: UnsafeMutablePointer<Self>, _ y: UnsafeMutablePointer<Self>, _ count: Int)

  /// gradient *= act'(x), from what `activate` left: y, or with gelu and quadratic x.
  static func activateBackward(
    _ kind: ActivationKind, _ kept: UnsafePointer<Self>, _ gradient: UnsafeMutablePointer<Self>, _ count: Int)

  /// The sum of (f - t)^2 over rows and classes, t = 1 at the label and -1 elsewhere; gradient = scale (f - t), unless nil.
  static func squareLoss(
    _ outputs: UnsafePointer<Self>, _ labels: UnsafePointer<Int32>, _ rows: Int, _ classes: Int, _ scale: Double,
    _ gradient: UnsafeMutablePointer<Self>?
  ) -> Double

  /// The sum over rows of log sum exp f - f_label; gradient = scale (softmax f - e_label), unless nil. A row without a label, -1, gives 0.
  static func crossEntropy(
    _ outputs: UnsafePointer<Self>, _ labels: UnsafePointer<Int32>, _ rows: Int, _ classes: Int, _ scale: Double,
    _ gradient: UnsafeMutablePointer<Self>?
  ) -> Double

  /// Rows whose first largest output is their label's.
  static func countCorrect(
    _ outputs: UnsafePointer<Self>, _ labels: UnsafePointer<Int32>, _ rows: Int, _ classes: Int
  ) -> Int

  /// v <- momentum v + g + decay w, w <- w - rate v; without velocity w <- w - rate (g + decay w).
  static func descend(
    _ weights: UnsafeMutablePointer<Self>, _ gradients: UnsafePointer<Self>, _ velocity: UnsafeMutablePointer<Self>?,
    _ count: Int, rate: Double, momentum: Double, decay: Double)

  /// A step of Adam; `first` and `second` are the gradient's running moments.
  static func adam(
    _ weights: UnsafeMutablePointer<Self>, _ gradients: UnsafePointer<Self>, _ first: UnsafeMutablePointer<Self>,
    _ second: UnsafeMutablePointer<Self>, _ count: Int, _ step: AdamStep)

  /// y_i = x_i + row for every row; y may be x.
  static func addToRows(
    _ x: UnsafePointer<Self>, _ rows: Int, _ columns: Int, _ row: UnsafePointer<Self>, _ y: UnsafeMutablePointer<Self>)

  /// sums = the sum of the rows.
  static func columnSums(_ x: UnsafePointer<Self>, _ rows: Int, _ columns: Int, _ sums: UnsafeMutablePointer<Self>)

  /// |x - mean|^2 in Double, and adds x - mean to `sums`.
  static func deviation(
    _ x: UnsafePointer<Self>, _ mean: UnsafePointer<Double>, _ sums: UnsafeMutablePointer<Double>, _ count: Int
  ) -> Double
}

extension Float: NetworkScalar {
  public static func activate(
    _ kind: ActivationKind, _ x: UnsafeMutablePointer<Float>, _ y: UnsafeMutablePointer<Float>, _ count: Int
  ) { deeprfm_activate_f32(kind.code, x, y, count) }

  public static func activateBackward(
    _ kind: ActivationKind, _ kept: UnsafePointer<Float>, _ gradient: UnsafeMutablePointer<Float>, _ count: Int
  ) { deeprfm_activate_backward_f32(kind.code, kept, gradient, count) }

  public static func squareLoss(
    _ outputs: UnsafePointer<Float>, _ labels: UnsafePointer<Int32>, _ rows: Int, _ classes: Int, _ scale: Double,
    _ gradient: UnsafeMutablePointer<Float>?
  ) -> Double { deeprfm_square_loss_f32(outputs, labels, rows, classes, scale, gradient) }

  public static func crossEntropy(
    _ outputs: UnsafePointer<Float>, _ labels: UnsafePointer<Int32>, _ rows: Int, _ classes: Int, _ scale: Double,
    _ gradient: UnsafeMutablePointer<Float>?
  ) -> Double { deeprfm_cross_entropy_f32(outputs, labels, rows, classes, scale, gradient) }

  public static func countCorrect(
    _ outputs: UnsafePointer<Float>, _ labels: UnsafePointer<Int32>, _ rows: Int, _ classes: Int
  ) -> Int { deeprfm_count_correct_f32(outputs, labels, rows, classes) }

  public static func descend(
    _ weights: UnsafeMutablePointer<Float>, _ gradients: UnsafePointer<Float>, _ velocity: UnsafeMutablePointer<Float>?,
    _ count: Int, rate: Double, momentum: Double, decay: Double
  ) { deeprfm_sgd_f32(weights, gradients, velocity, count, rate, momentum, decay) }

  public static func adam(
    _ weights: UnsafeMutablePointer<Float>, _ gradients: UnsafePointer<Float>, _ first: UnsafeMutablePointer<Float>,
    _ second: UnsafeMutablePointer<Float>, _ count: Int, _ step: AdamStep
  ) { deeprfm_adam_f32(weights, gradients, first, second, count, step.form) }

  public static func addToRows(
    _ x: UnsafePointer<Float>, _ rows: Int, _ columns: Int, _ row: UnsafePointer<Float>,
    _ y: UnsafeMutablePointer<Float>
  ) { deeprfm_add_rows_f32(x, rows, columns, row, y) }

  public static func columnSums(
    _ x: UnsafePointer<Float>, _ rows: Int, _ columns: Int, _ sums: UnsafeMutablePointer<Float>
  ) { deeprfm_column_sums_f32(x, rows, columns, sums) }

  public static func deviation(
    _ x: UnsafePointer<Float>, _ mean: UnsafePointer<Double>, _ sums: UnsafeMutablePointer<Double>, _ count: Int
  ) -> Double { deeprfm_deviation_f32(x, mean, sums, count) }
}

extension Double: NetworkScalar {
  public static func activate(
    _ kind: ActivationKind, _ x: UnsafeMutablePointer<Double>, _ y: UnsafeMutablePointer<Double>, _ count: Int
  ) { deeprfm_activate_f64(kind.code, x, y, count) }

  public static func activateBackward(
    _ kind: ActivationKind, _ kept: UnsafePointer<Double>, _ gradient: UnsafeMutablePointer<Double>, _ count: Int
  ) { deeprfm_activate_backward_f64(kind.code, kept, gradient, count) }

  public static func squareLoss(
    _ outputs: UnsafePointer<Double>, _ labels: UnsafePointer<Int32>, _ rows: Int, _ classes: Int, _ scale: Double,
    _ gradient: UnsafeMutablePointer<Double>?
  ) -> Double { deeprfm_square_loss_f64(outputs, labels, rows, classes, scale, gradient) }

  public static func crossEntropy(
    _ outputs: UnsafePointer<Double>, _ labels: UnsafePointer<Int32>, _ rows: Int, _ classes: Int, _ scale: Double,
    _ gradient: UnsafeMutablePointer<Double>?
  ) -> Double { deeprfm_cross_entropy_f64(outputs, labels, rows, classes, scale, gradient) }

  public static func countCorrect(
    _ outputs: UnsafePointer<Double>, _ labels: UnsafePointer<Int32>, _ rows: Int, _ classes: Int
  ) -> Int { deeprfm_count_correct_f64(outputs, labels, rows, classes) }

  public static func descend(
    _ weights: UnsafeMutablePointer<Double>, _ gradients: UnsafePointer<Double>,
    _ velocity: UnsafeMutablePointer<Double>?,
    _ count: Int, rate: Double, momentum: Double, decay: Double
  ) { deeprfm_sgd_f64(weights, gradients, velocity, count, rate, momentum, decay) }

  public static func adam(
    _ weights: UnsafeMutablePointer<Double>, _ gradients: UnsafePointer<Double>, _ first: UnsafeMutablePointer<Double>,
    _ second: UnsafeMutablePointer<Double>, _ count: Int, _ step: AdamStep
  ) { deeprfm_adam_f64(weights, gradients, first, second, count, step.form) }

  public static func addToRows(
    _ x: UnsafePointer<Double>, _ rows: Int, _ columns: Int, _ row: UnsafePointer<Double>,
    _ y: UnsafeMutablePointer<Double>
  ) { deeprfm_add_rows_f64(x, rows, columns, row, y) }

  public static func columnSums(
    _ x: UnsafePointer<Double>, _ rows: Int, _ columns: Int, _ sums: UnsafeMutablePointer<Double>
  ) { deeprfm_column_sums_f64(x, rows, columns, sums) }

  public static func deviation(
    _ x: UnsafePointer<Double>, _ mean: UnsafePointer<Double>, _ sums: UnsafeMutablePointer<Double>, _ count: Int
  ) -> Double { deeprfm_deviation_f64(x, mean, sums, count) }
}
