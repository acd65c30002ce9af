import LinearAlgebra

/// What a network's products cost: multiplications and additions, counted from the layers that training is made of. Work on single elements
/// (activations, batch norm, pooling, the optimiser) is not counted.
package struct NetworkCost: Sendable, Equatable {
  /// Of a row: forward; and backward, by weights and by inputs, of which the first layer's are not wanted.
  package let forward, backward: Double
  /// Of a row in a measurement: for each output a sweep back with the sums of its gradients; and with it two passes forward.
  package let sweeps, measuring: Double
  /// Of each measured layer, once a measurement: its correlations, in double.
  package let correlations: [Double]
  /// Of the same layers, whether one thread finds them alone.
  package let isSmall: [Bool]
  /// Numbers that training changes.
  package let parameters: Int

  package init<T: NetworkReal>(_ builder: NetworkBuilder<T>, withConvolutions: Bool) {
    let stages = Network<T>.stages(in: builder.layers)
    let convolutions = withConvolutions ? Network<T>.convolutionStages(in: builder.layers) : []
    let measured = Network<T>.hiddenStages(in: builder.layers) + convolutions
    let forward = stages.reduce(0) { $0 + $1.layer.rowOperations }
    // As far down as something is measured, whose input's gradient is not wanted.
    let lowest = convolutions.isEmpty ? builder.layers.firstIndex { $0 is Linear<T> } ?? 0 : 0
    let swept = Network<T>.stages(in: Array(builder.layers[lowest...]))
    let sweep = swept.dropFirst().reduce(0) { $0 + $1.layer.rowOperations }
    let sums = measured.reduce(0) { $0 + Self.sum(units: $1.layer.units) * Double($1.layer.positions) }
    self.forward = forward
    backward = 2 * forward - (stages.first?.layer.rowOperations ?? 0)
    sweeps = Double(builder.layers.last?.output.count ?? 0) * (sweep + sums)
    measuring = 2 * forward + sweeps
    correlations = measured.map { Self.correlation(units: $0.layer.units, inputs: $0.layer.weight.columns) }
    isSmall = measured.map(MeasuredLayer<T>.isSmall)
    parameters = builder.parameters.last?.range.upperBound ?? 0
  }

  /// A vector's outer product with itself, the lower triangle.
  private static func sum(units: Int) -> Double { Double(units) * Double(units + 1) }

  /// Operations of the correlations of W^T W, W (units x inputs), with the AGOP and its root: by whichever of inputs and units is smaller.
  package static func correlation(units: Int, inputs: Int) -> Double {
    let (u, d) = (Double(units), Double(inputs))
    // An eigensystem of order n: 6 n^3, LAPACK's own counts; a root from it: n^3 more.
    guard d > u else { return 2 * u * u * d + 2 * u * d * d + u * d * d + 7 * d * d * d }
    return d * u * u + 21 * u * u * u
  }
}
