import LinearAlgebra
import Runtime

/// Layers of a network whose products have the same sizes.
package struct LayerKind: Sendable, Equatable {
  /// The first one's.
  package let name: String
  /// How many layers are alike.
  package fileprivate(set) var count = 1
  package let input: FeatureShape
  package let outputs: Int
  /// 1 of a fully-connected layer.
  package let kernel, stride: Int
  fileprivate let padding: Int
  package let isConvolution: Bool
  fileprivate let hasBias: Bool
  /// A network's first layer, whose input's gradient is not wanted.
  package let isFirst: Bool
  /// Multiplications and additions of a row in each of its products.
  package let rowOperations: Double

  fileprivate init<T: NetworkReal>(_ layer: any WeightedLayer<T>, isFirst: Bool) {
    (name, input, outputs, rowOperations) = (layer.name, layer.input, layer.units, layer.rowOperations)
    self.isFirst = isFirst
    let convolution = layer as? Convolution<T>
    let window = convolution?.form.window
    (kernel, stride, padding) = (window?.kernel ?? 1, window?.stride ?? 1, window?.padding ?? 0)
    (isConvolution, hasBias) = (convolution != nil, convolution?.bias != nil)
  }

  private func isLike(_ other: LayerKind) -> Bool {
    (input, outputs, kernel, stride) == (other.input, other.outputs, other.kernel, other.stride)
      && (padding, isConvolution, hasBias, isFirst) == (
        other.padding, other.isConvolution, other.hasBias, other.isFirst
      )
  }

  /// Of a network's convolutions; where it has none, of its fully-connected layers.
  package static func all<T: NetworkReal>(in builder: NetworkBuilder<T>) -> [LayerKind] {
    let layers = Network<T>.stages(in: builder.layers).map(\.layer)
    let kinds = layers.enumerated().map { LayerKind($1, isFirst: $0 == 0) }
    let convolutions = kinds.filter(\.isConvolution)
    return (convolutions.isEmpty ? kinds : convolutions).reduce(into: []) { found, kind in
      if let place = found.firstIndex(where: { $0.isLike(kind) }) {
        found[place].count += 1
      } else {
        found.append(kind)
      }
    }
  }

  package var products: [LayerProduct] { isFirst ? [.forward, .weights] : LayerProduct.allCases }
}

/// The products of a layer's training.
package enum LayerProduct: String, Sendable, CaseIterable {
  /// Y = W X
  case forward
  /// dW = dY X^T
  case weights
  /// dX = W^T dY
  case inputs
}

/// One layer by itself, its products to be timed one by one through the passes that training calls. *Local.*
///
/// What a call does beside the product is part of it: of a convolution packing the images with the samples last, making the columns
/// (im2col) or adding them up again, transposing the result, the bias and its gradient, and adding up the threads' weight gradients.
/// Training's backward pass transposes dY once for both of its products, which are two calls here.
package final class LayerProducts<T: NetworkReal> {
  private let network: Network<T>
  /// (rows x inputs), (rows x outputs)
  private let x, gradient: Matrix<T>

  /// - Parameters:
  ///   - context: of this rank alone.
  ///   - numbers: makes a matrix of so many rows and columns, of about unit variance.
  package init(_ kind: LayerKind, rows: Int, _ context: Context, numbers: (Int, Int) -> Matrix<T>) throws {
    var builder = NetworkBuilder<T>(rows: rows, threads: context.pool.count)
    if kind.isConvolution {
      let layer = Convolution(
        kind.name, from: kind.input, to: kind.outputs, kernel: kind.kernel, stride: kind.stride,
        padding: kind.padding, hasBias: kind.hasBias, .normal(deviation: 0.1), &builder)
      builder.append(layer)
    } else {
      let layer = Linear(kind.name, from: kind.input, to: kind.outputs, .normal(deviation: 0.1), &builder)
      builder.append(layer)
    }
    network = builder.network(context)
    network.weights.draw(seed: 0)
    x = numbers(rows, kind.input.count)
    gradient = numbers(rows, network.outputs)
    try run(.forward)
  }

  /// Once.
  package func run(_ product: LayerProduct) throws {
    if product == .forward {
      _ = try network.forward(x.view, .train, batchRows: x.rows)
      return
    }
    network.pass.wantsParameterGradients = product == .weights
    _ = try network.layers[0].backward(gradient.view, wantsInput: product == .inputs, network.pass)
  }
}

/// The sweeps of a network's measurement, with the sums of the gradients that they leave, over a block of rows. *Local.*
///
/// Beside the products a call makes the outputs' gradients, goes through the activations, and adds a block's sums to those in double.
package final class MeasuringProducts<T: NetworkReal> {
  private let network: Network<T>
  private let measurement: NetworkMeasurement<T>
  private let gradient: Matrix<T>
  private let count: Int
  /// Of a call.
  package let operations: Double

  /// - Parameters:
  ///   - rows: (rows x features), of about unit variance.
  ///   - context: of this rank alone.
  package init(_ form: NetworkForm, rows: Matrix<T>, _ context: Context) throws {
    network = try form.network(rows: rows.rows, context, of: T.self)
    network.weights.draw(seed: 0)
    let plan: NetworkBuilder<T> = try form.build(rows: 1, threads: context.pool.count, isPlan: true)
    operations = Double(rows.rows) * NetworkCost(plan, withConvolutions: false).sweeps
    count = rows.rows
    gradient = Matrix(rows: count, columns: network.outputs)
    let counts = (0..<form.classes).map { rows.rows * ($0 + 1) / form.classes - rows.rows * $0 / form.classes }
    measurement = NetworkMeasurement(network, Layout(classCounts: counts, ranks: 1), context)
    try measurement.prepareSweeps(rows.view)
  }

  /// Once.
  package func run() throws { try measurement.addSweeps(rows: count) }

  /// Once, without what is between the fully-connected layers: of each output and layer dY^T dY and dY W, dY being the product before.
  package func runProducts() throws {
    for output in 0..<network.outputs {
      gradient.view.fill(0)
      for i in 0..<count { gradient[i, output] = 1 }
      var dy = gradient.view
      for place in network.linears.reversed() {
        let dx = try network.layers[place].backward(dy, wantsInput: place > network.linears[0], network.pass)
        if let dx { dy = dx }
      }
    }
  }
}
