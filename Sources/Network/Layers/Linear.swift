import LinearAlgebra

/// y = W x, without bias; W is (outputs x inputs). A fully-connected layer of any shape of input, which it takes as a plain vector.
public final class Linear<T: NetworkReal>: WeightedLayer {
  public let input, output: FeatureShape
  let weight: Parameter
  /// Y; (rows x outputs).
  private let values: Matrix<T>
  /// dX; (rows x inputs).
  private let inputGradient: Matrix<T>
  private var x: MatrixView<T>?
  var gradientGram: GradientGram<T>?

  public init(
    _ name: String, from input: FeatureShape, to outputs: Int, _ initialisation: Initialisation,
    _ builder: inout NetworkBuilder<T>
  ) {
    self.input = input
    output = FeatureShape(outputs)
    weight = builder.parameter(name + ".weight", [outputs, input.count], initialisation)
    values = builder.matrix(columns: outputs)
    inputGradient = builder.matrix(columns: input.count)
  }

  var units: Int { output.count }
  var gramParts: Int { 1 }
  var rowOperations: Double { 2 * Double(input.count) * Double(units) }

  public func forward(_ x: MatrixView<T>, _ pass: Pass<T>) -> MatrixView<T> {
    self.x = x
    let y = values.reshaped(rows: pass.rows, columns: output.count)
    pass.pool.multiply(x, pass.weights.matrix(weight), transposeB: true, into: y)  // Y <- X W^T
    return y
  }

  public func backward(_ gradient: MatrixView<T>, wantsInput: Bool, _ pass: Pass<T>) -> MatrixView<T>? {
    gradientGram?.add(rows: gradient)
    if pass.wantsParameterGradients, let x {
      pass.pool.multiply(gradient, x, transposeA: true, into: pass.weights.gradient(weight))  // dW <- dY^T X
    }
    guard wantsInput else { return nil }
    let dx = inputGradient.reshaped(rows: pass.rows, columns: input.count)
    pass.pool.multiply(gradient, pass.weights.matrix(weight), into: dx)  // dX <- dY W
    return dx
  }
}
