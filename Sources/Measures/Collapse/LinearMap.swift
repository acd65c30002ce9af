import Glibc
import LinearAlgebra

/// A layer of a network: x -> activation(W x + b).
public struct LinearMap: Sendable {
  /// W; (outputs x width), as PyTorch stores it.
  public let weights: Matrix<Double>
  /// b; nil: none.
  let bias: [Double]?
  /// nil: not known, so that nothing is said of what comes behind it.
  let activation: ActivationKind?

  public init(weights: Matrix<Double>, bias: [Double]? = nil, activation: ActivationKind? = nil) {
    precondition(bias.map { $0.count == weights.rows } ?? true)
    (self.weights, self.bias, self.activation) = (weights, bias, activation)
  }

  public var outputs: Int { weights.rows }
  var width: Int { weights.columns }

  /// *Local.* W x + b of some rows; (rows x outputs).
  func heights(of rows: Matrix<Double>) -> Matrix<Double> {
    let result = Matrix<Double>(uninitialisedRows: rows.rows, columns: outputs)
    multiply(rows.view, weights.view, transposeB: true, into: result.view)
    if let bias { result.fill { result[$0, $1] + bias[$1] } }
    return result
  }
}

extension ActivationKind {
  /// f(x)
  func value(at x: Double) -> Double {
    switch self {
    case .relu: max(0, x)
    case .leakyRelu: x > 0 ? x : 0.01 * x
    case .tanh: Glibc.tanh(x)
    case .gelu: x * Self.normal(x)
    case .quadratic: x * x
    }
  }

  /// f(h + z) - f(h), with all the digits of a small z.
  @inline(__always) func difference(from h: Double, by z: Double) -> Double {
    switch self {
    case .relu: Self.bent(h, z, slope: 0)
    case .leakyRelu: Self.bent(h, z, slope: 0.01)
    case .tanh: Self.tanhDifference(from: h, by: z)
    case .gelu: z * Self.normal(h + z) + h * Self.normalDifference(from: h, by: z)
    case .quadratic: z * (2 * h + z)
    }
  }

  @inline(__always) private static func bent(_ h: Double, _ z: Double, slope: Double) -> Double {
    if h > 0 { return h + z > 0 ? z : slope * (h + z) - h }
    return h + z > 0 ? (h + z) - slope * h : slope * z
  }

  /// sinh(z) / (cosh(h) cosh(h + z)); where these overflow, tanh is 1 or -1.
  private static func tanhDifference(from h: Double, by z: Double) -> Double {
    guard max(abs(h), abs(z)) < 300 else { return Glibc.tanh(h + z) - Glibc.tanh(h) }
    return sinh(z) / (cosh(h) * cosh(h + z))
  }

  /// Phi, the normal distribution function.
  private static func normal(_ x: Double) -> Double { 0.5 * erfc(-x * 0.5.squareRoot()) }

  /// Phi(h + z) - Phi(h). A short interval is integrated (Gauss and Legendre, 5 points: exact to rounding for |z| < 0.1), which loses
  /// nothing where the difference does.
  private static func normalDifference(from h: Double, by z: Double) -> Double {
    guard abs(z) < 0.1 else {
      // Of the tail that is small, so that nothing cancels.
      let tail = { (x: Double) in 0.5 * erfc(x * 0.5.squareRoot()) }
      return h > 0 ? tail(h) - tail(h + z) : normal(h + z) - normal(h)
    }
    let points: [(at: Double, weight: Double)] = [
      (0, 0.5688888888888889), (0.5384693101056831, 0.47862867049936647), (0.9061798459386640, 0.23692688505618908),
    ]
    let density = { (x: Double) in exp(-0.5 * x * x) }
    var sum = 0.0
    for point in points {
      let (left, right) = (h + 0.5 * z * (1 - point.at), h + 0.5 * z * (1 + point.at))
      sum += point.weight * (point.at == 0 ? density(left) : density(left) + density(right))
    }
    return 0.5 * z * sum / (2 * Double.pi).squareRoot()
  }
}
