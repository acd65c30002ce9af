import LinearAlgebra

/// The mean of each of so many bins, channel by channel; bins overlap where the image's size is no multiple of their number (PyTorch's
/// adaptive average pooling).
public final class AveragePool<T: NetworkReal>: NetworkLayer {
  public let input, output: FeatureShape
  private let bins: ImageWindow
  /// Y; (rows x outputs).
  private let values: Matrix<T>
  /// dX; (rows x inputs).
  private let inputGradient: Matrix<T>

  public init(of input: FeatureShape, to height: Int, _ width: Int, _ builder: inout NetworkBuilder<T>) {
    self.input = input
    bins = ImageWindow(height: input.height, width: input.width, binsOver: height, width)
    output = FeatureShape(channels: input.channels, height: height, width: width)
    values = builder.matrix(columns: output.count)
    inputGradient = builder.matrix(columns: input.count)
  }

  public func forward(_ x: MatrixView<T>, _ pass: Pass<T>) -> MatrixView<T> {
    let y = values.reshaped(rows: pass.rows, columns: output.count)
    let bins = bins
    pass.pool.forEachPart(of: pass.rows * input.channels) { planes, _ in
      T.averageBins(
        x.pointer + planes.lowerBound * bins.pixels, bins, planes.count,
        y.pointer + planes.lowerBound * bins.positions)
    }
    return y
  }

  public func backward(_ gradient: MatrixView<T>, wantsInput: Bool, _ pass: Pass<T>) -> MatrixView<T>? {
    guard wantsInput else { return nil }
    let dx = inputGradient.reshaped(rows: pass.rows, columns: input.count)
    let bins = bins
    pass.pool.forEachPart(of: pass.rows * input.channels) { planes, _ in
      T.averageBinsBackward(
        gradient.pointer + planes.lowerBound * bins.positions, bins, planes.count,
        dx.pointer + planes.lowerBound * bins.pixels)
    }
    return dx
  }
}
