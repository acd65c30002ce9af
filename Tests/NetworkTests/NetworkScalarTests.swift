import LinearAlgebra
import Testing

#if canImport(Glibc)
  import Glibc
#endif

/// The C loops of activations against the C library's functions.
@Suite struct NetworkScalarTests {
  private let points = stride(from: -12.0, through: 12, by: 0.037).map { $0 } + [0, -0.0, 1e-9, -1e-9, 60, -60]

  private func value(_ kind: ActivationKind, _ x: Double) -> (value: Double, derivative: Double) {
    switch kind {
    case .relu: return (max(0, x), x > 0 ? 1 : 0)
    case .leakyRelu: return (x > 0 ? x : 0.01 * x, x > 0 ? 1 : 0.01)
    case .tanh: return (tanh(x), 1 - tanh(x) * tanh(x))
    case .gelu:
      let phi = 0.5 * erfc(-x * 0.5.squareRoot())
      return (x * phi, phi + x * exp(-0.5 * x * x) / (2 * Double.pi).squareRoot())
    case .quadratic: return (x * x, 2 * x)
    }
  }

  /// Errors in units of the last place of 1, or of the value where it is larger: the sums in tanh and gelu round by that.
  private func worst<T: NetworkScalar>(_ kind: ActivationKind, _: T.Type) -> Double {
    let x = Matrix<T>(rows: 1, columns: points.count, points.map { T($0) })
    let y = kind.keepsValueOnly ? x : Matrix<T>(rows: 1, columns: points.count)
    T.activate(kind, x.pointer, y.pointer, x.count)
    let slope = Matrix<T>(rows: 1, columns: points.count, points.map { _ in T(1) })
    T.activateBackward(kind, x.pointer, slope.pointer, x.count)
    var worst = 0.0
    for (k, point) in points.enumerated() {
      let exact = value(kind, Double(T(point)))
      for (found, exact) in [(y.pointer[k], exact.value), (slope.pointer[k], exact.derivative)] {
        worst = max(worst, abs(Double(found) - exact) / (max(1, abs(exact)) * Double(T.ulpOfOne)))
      }
    }
    return worst
  }

  @Test(arguments: ActivationKind.allCases) func activations(kind: ActivationKind) {
    #expect(worst(kind, Double.self) < 4)
    #expect(worst(kind, Float.self) < 4)
  }

  /// A network that diverges must be seen to.
  @Test(arguments: ActivationKind.allCases) func notANumberStaysSo(kind: ActivationKind) {
    let x = Matrix<Float>(rows: 1, columns: 1, [.nan])
    let y = Matrix<Float>(rows: 1, columns: 1)
    Float.activate(kind, x.pointer, y.pointer, 1)
    #expect(y.pointer[0].isNaN)
  }
}
