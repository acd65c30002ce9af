import Files
import LinearAlgebra
import MPI
import Network
import Runtime

/// A network's gradients against central finite differences.
public struct NetworkCheck {
  let name: String
  let input: FeatureShape
  /// Of the outputs.
  let classes: Int
  /// Rows of the batch.
  let rows: Int
  /// Of many parameters every so-manieth is moved.
  var stride = 1
  let build: (_ rows: Int, _ threads: Int) throws -> NetworkBuilder<Double>

  /// Every kind of layer, in networks as small as they can be.
  static var all: [NetworkCheck] {
    let image = FeatureShape(channels: 2, height: 9, width: 7)
    return ActivationKind.allCases.map { kind in
      var form = NetworkForm(.mlp, input: FeatureShape(7), classes: 3)
      (form.depth, form.width, form.activation) = (2, 5, kind)
      let made = form
      return NetworkCheck(
        name: "network: gradients of \(kind.rawValue)", input: form.input, classes: form.classes, rows: 6
      ) { try made.build(rows: $0, threads: $1) }
    } + [
      NetworkCheck(
        name: "network: gradients of convolutions", input: image, classes: 3, rows: 5, stride: 3
      ) { convolutions(of: image, rows: $0, threads: $1) }
    ]
  }

  /// *Local.* Convolutions with and without bias, batch norm, both poolings, residual blocks with and without a shortcut of their own, and three
  /// outputs. - Parameter image: of 9 x 7 or a little more.
  public static func convolutions(of image: FeatureShape, rows: Int, threads: Int) -> NetworkBuilder<Double> {
    var builder = NetworkBuilder<Double>(rows: rows, threads: threads)
    var shape = image
    func append(_ layer: any NetworkLayer<Double>) {
      builder.append(layer)
      shape = layer.output
    }
    append(
      Convolution("0", from: shape, to: 4, kernel: 5, stride: 2, padding: 2, hasBias: false, .constant(0), &builder))
    append(BatchNorm("1", of: shape, &builder))
    append(Activation(.relu, of: shape, &builder))
    append(MaxPool(of: shape, kernel: 3, stride: 2, padding: 1, &builder))
    append(BasicBlock("4", from: shape, to: 4, stride: 1, &builder))
    append(BasicBlock("5", from: shape, to: 6, stride: 2, &builder))
    append(Convolution("6", from: shape, to: 5, kernel: 3, padding: 1, hasBias: true, .constant(0), &builder))
    append(Activation(.relu, of: shape, &builder))
    append(AveragePool(of: shape, to: 2, 2, &builder))
    append(Linear("10", from: shape, to: 3, .constant(0), &builder))
    return builder
  }

  /// *Local, one rank.* The largest difference over the largest derivative.
  /// - Parameter derivative: the reference, of a loss in one number, by central differences.
  func check(
    _ context: Context,
    derivative: (UnsafeMutablePointer<Double>, @escaping () throws -> Double) throws -> Double = centralDifference
  ) throws -> [Check] {
    let network = try build(rows, context.host.threads).network(context)
    let random = RandomStream(seed: 1, layer: 0, purpose: .probe)
    let x = Matrix<Double>(rows: rows, columns: input.count)
    x.fill { random.normal(row: $0, column: $1) }
    // A loss that is smooth and different in every output.
    let c = Matrix<Double>(rows: rows, columns: classes)
    c.fill { random.normal(row: 1000 + $0, column: $1) }
    let values = network.weights.values
    for parameter in network.weights.parameters {
      // Batch norm's scales stay around 1.
      let initial = if case .constant(1) = parameter.initialisation { 1.0 } else { 0.0 }
      for k in parameter.range { values.pointer[k] = initial + 0.5 * random.normal(row: 2000, column: k) }
    }
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
