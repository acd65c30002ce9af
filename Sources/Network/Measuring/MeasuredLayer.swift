import LinearAlgebra
import Measures
import Runtime

/// A layer on its way through a measurement.
struct MeasuredLayer<T: NetworkReal> {
  let layer: any WeightedLayer<T>
  /// Whose output is the activation of W phi.
  let end: any NetworkLayer<T>
  /// Of phi, of W phi, and of its activation.
  let input, heights, output: ClassSums<T>
  let gram: GradientGram<T>

  /// - Parameters:
  ///   - shown: rows that pictures of phi and of W phi show; nil: no pictures.
  ///   - endIsShown: the output's too.
  init(_ stage: LayerStage<T>, shown: PictureSample?, endIsShown: Bool, _ layout: Layout, _ context: Context) {
    (layer, end) = (stage.layer, stage.end)
    input = ClassSums(width: layer.input.count, shown: shown, layout, context)
    heights = ClassSums(width: layer.output.count, shown: shown, layout, context)
    output = ClassSums(width: end.output.count, shown: endIsShown ? shown : nil, layout, context)
    gram = GradientGram(width: layer.units, parts: layer.gramParts, context)
  }

  static func bytes(_ stage: LayerStage<T>, shown: Int, endIsShown: Bool, classes: Int) -> Int {
    let elements =
      ClassSums<T>.elements(width: stage.layer.input.count + stage.layer.output.count, shown: shown, classes: classes)
      + ClassSums<T>.elements(width: stage.end.output.count, shown: endIsShown ? shown : 0, classes: classes)
    return 8 * elements
      + GradientGram<T>.bytes(width: stage.layer.units, parts: stage.layer.gramParts)
  }

  /// Beside that, while correlations are found or M is made: W, S W, and M; or some matrices as large as S or M, whichever is smaller, and
  /// LAPACK's work.
  static func workBytes(_ stage: LayerStage<T>) -> Int {
    let (units, inputs) = (stage.layer.units, stage.layer.weight.columns)
    let least = min(units, inputs)
    let saving = stage.layer is Linear<T> ? inputs * (inputs + units) : 0
    return 8 * (inputs * units + max(saving, 8 * least * least))
  }

  /// *Collective.*
  func finishMeans() throws { for sums in [input, heights, output] { try sums.finishMeans() } }

  /// *Collective.* All but the correlations.
  func collapse() throws -> NetworkLayerMetrics {
    var metrics = NetworkLayerMetrics()
    (metrics.name, metrics.inputWidth) = (layer.name, layer.weight.columns)
    let (input, right, output) = try (self.input.finish(), heights.finish(), self.output.finish())
    (metrics.nc1.input, metrics.nc1.right, metrics.nc1.output) = (input.nc1, right.nc1, output.nc1)
    (metrics.nc2.input, metrics.nc2.right, metrics.nc2.output) = (input.nc2, right.nc2, output.nc2)
    (metrics.withinShare, metrics.betweenShare) = (output.withinShare, output.betweenShare)
    return metrics
  }
}

/// Cosines between some samples at the hidden fully-connected layers.
package struct NetworkPictures {
  package let sample: PictureSample
  /// Of phi, W phi, and the last layer's output; (shown x shown) each.
  package let input, right: [Matrix<Float>]
  package let output: Matrix<Float>
}

/// What the gradients in a layer's y = W x sum to, over all rows, outputs and positions.
package struct OutputGradients: Sendable {
  let weight: Parameter
  /// S = the sum of dy dy^T, (units x units).
  package let sum: Matrix<Double>

  package var name: String { weight.layer }
  package var inputs: Int { weight.columns }
  /// Of a convolution.
  package var isOfPatches: Bool { weight.shape.count > 2 }

  /// *Local.* W in double.
  private func widened<T: NetworkReal>(_ weights: MatrixView<T>) -> Matrix<Double> {
    let matrix = Matrix<Double>(uninitialisedRows: weight.rows, columns: weight.columns)
    T.widen(weights.pointer, matrix.pointer, matrix.count)
    return matrix
  }

  /// *Local.* M = W^T S W; (inputs x inputs).
  package func agop<T: NetworkReal>(_ weights: NetworkWeights<T>, _ pool: ThreadPool) -> Matrix<Double> {
    outerProduct(of: widened(weights.matrix(weight)), outputGradients: sum, pool: pool)
  }

  /// *Local.* Of W^T W with M and its root, by whichever of M and S is smaller.
  /// - Parameter weights: W.
  func correlation<T: NetworkReal>(_ weights: MatrixView<T>, _ pool: ThreadPool) throws -> FeatureCorrelation {
    let w = widened(weights)
    guard w.columns <= w.rows else { return try FeatureCorrelation(of: w, outputGradients: sum, pool: pool) }
    return try FeatureCorrelation(of: w, with: outerProduct(of: w, outputGradients: sum, pool: pool), pool: pool)
  }
}
