import LinearAlgebra

/// y = act(x), element by element, in place where the derivative follows from y (`NetworkLayer` says behind which layers).
public final class Activation<T: NetworkReal>: NetworkLayer {
  let kind: ActivationKind
  public let input: FeatureShape
  public var output: FeatureShape { input }
  /// Y of the kinds that are not in place; (rows x features).
  private let values: Matrix<T>?
  /// What the derivative is made of: Y, or the derivative itself where x was.
  private var kept: MatrixView<T>?

  public init(_ kind: ActivationKind, of shape: FeatureShape, _ builder: inout NetworkBuilder<T>) {
    self.kind = kind
    input = shape
    values = kind.keepsValueOnly ? nil : builder.matrix(columns: shape.count)
  }

  public func forward(_ x: MatrixView<T>, _ pass: Pass<T>) -> MatrixView<T> {
    let y = values?.reshaped(rows: pass.rows, columns: input.count) ?? x
    kept = x
    let kind = kind
    pass.pool.forEachPart(of: pass.rows * input.count, roundedTo: 16) { range, _ in
      T.activate(kind, x.pointer + range.lowerBound, y.pointer + range.lowerBound, range.count)
    }
    return y
  }

  public func backward(_ gradient: MatrixView<T>, wantsInput: Bool, _ pass: Pass<T>) -> MatrixView<T>? {
    guard wantsInput, let kept else { return nil }
    let kind = kind
    pass.pool.forEachPart(of: pass.rows * input.count, roundedTo: 16) { range, _ in
      T.activateBackward(kind, kept.pointer + range.lowerBound, gradient.pointer + range.lowerBound, range.count)
    }
    return gradient
  }
}
