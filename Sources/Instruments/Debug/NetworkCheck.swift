import LinearAlgebra
import Network
import Runtime

/// A network's gradients against central finite differences.
struct NetworkCheck {
  let name: String
  let form: NetworkForm
  /// Rows of the batch.
  let rows: Int
  /// Of many parameters every so-manieth is moved.
  var stride = 1

  /// Every kind of layer, in a network as small as it can be.
  static var all: [NetworkCheck] {
    ActivationKind.allCases.map { kind in
      var form = NetworkForm(.mlp, input: FeatureShape(7), classes: 3)
      (form.depth, form.width, form.activation) = (2, 5, kind)
      return NetworkCheck(name: "network: gradients of \(kind.rawValue)", form: form, rows: 6)
    }
  }

  /// *Local, one rank.* The largest difference over the largest derivative.
  /// - Parameter derivative: the reference, of a loss in one number, by central differences.
  func check(
    _ context: Context,
    derivative: (UnsafeMutablePointer<Double>, @escaping () throws -> Double) throws -> Double = centralDifference
  ) throws -> [Check] {
    let network = try form.network(rows: rows, context, of: Double.self)
    let random = RandomStream(seed: 1, layer: 0, purpose: .probe)
    let x = Matrix<Double>(rows: rows, columns: form.input.count)
    x.fill { random.normal(row: $0, column: $1) }
    // A loss that is smooth and different in every output.
    let c = Matrix<Double>(rows: rows, columns: form.classes)
    c.fill { random.normal(row: 1000 + $0, column: $1) }
    let values = network.weights.values
    for k in 0..<values.count { values.pointer[k] = 0.5 * random.normal(row: 2000, column: k) }
    let loss = {
      let outputs = try network.forward(x.view, .train, batchRows: rows)
      return zip(outputs.elements, c.buffer).reduce(0) { $0 + $1.0 * $1.1 }
    }
    _ = try loss()
    try network.backward(c.copy().view)
    let found = Array(network.weights.gradients.buffer.prefix(values.count))
    let scale = found.map { abs($0) }.max() ?? 1
    var worst = 0.0
    for k in Swift.stride(from: 0, to: found.count, by: stride) {
      let error = abs(try derivative(values.pointer + k, loss) - found[k]) / scale
      // Not `max`: a NaN must not be passed over.
      if !(error <= worst) { worst = error }
    }
    return [Check(name, error: worst, bound: 1e-7)]
  }
}

/// (f(w + h) - f(w - h)) / 2h, h = 1e-6: off by some 1e-9, eps / h of f and h^2 of its third derivative.
func centralDifference(
  _ value: UnsafeMutablePointer<Double>, _ loss: @escaping () throws -> Double
) throws -> Double {
  let (before, h) = (value.pointee, 1e-6)
  defer { value.pointee = before }
  value.pointee = before + h
  let above = try loss()
  value.pointee = before - h
  return try (above - loss()) / (2 * h)
}
