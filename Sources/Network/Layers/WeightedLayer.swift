import LinearAlgebra

/// A layer y = W x, of its whole input or of the patch at each position of an image: of these collapse and the feature ansatz are measured.
protocol WeightedLayer<Element>: NetworkLayer {
  var weight: Parameter { get }
  /// Elements of y, or of a position of it.
  var units: Int { get }
  /// Multiplications and additions of a row's forward product, over the weights that meet it.
  var rowOperations: Double { get }
  /// How many workers add to the gram each for itself; 1: all together.
  var gramParts: Int { get }
  /// Where each backward pass adds the gradients in y; nil in training.
  var gradientGram: GradientGram<Element>? { get set }
}

extension WeightedLayer {
  /// As in the state dict.
  var name: String { weight.layer }
  /// Places at which y is: 1, or the positions of an image.
  var positions: Int { output.count / max(1, units) }
}

/// A weighted layer, and the last layer behind it that works element by element: batch norm, activation, a block's sum.
struct LayerStage<T: NetworkReal> {
  let layer: any WeightedLayer<T>
  let end: any NetworkLayer<T>
}

extension Network {
  /// Hidden fully-connected layers.
  static func hiddenStages(in layers: [any NetworkLayer<T>]) -> [LayerStage<T>] {
    Array(stages(in: layers).filter { $0.layer is Linear<T> }.dropLast())
  }

  /// Convolutions, in the state dict's order.
  static func convolutionStages(in layers: [any NetworkLayer<T>]) -> [LayerStage<T>] {
    stages(in: layers).filter { $0.layer is Convolution<T> }
  }

  /// - Parameter end: what works element by element behind the last of these layers.
  static func stages(in layers: [any NetworkLayer<T>], end: (any NetworkLayer<T>)? = nil) -> [LayerStage<T>] {
    var stages: [LayerStage<T>] = []
    for (place, layer) in layers.enumerated() {
      if let block = layer as? BasicBlock<T> { stages += block.stages }
      guard let weighted = layer as? any WeightedLayer<T> else { continue }
      let followers = layers[(place + 1)...].prefix { $0 is BatchNorm<T> || $0 is Activation<T> }
      let isLast = place + followers.count == layers.count - 1
      stages.append(LayerStage(layer: weighted, end: (isLast ? end : nil) ?? followers.last ?? layer))
    }
    return stages
  }
}
