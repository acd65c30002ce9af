import LinearAlgebra

/// The largest value in each window, channel by channel; the gradient goes to the first that was as large.
public final class MaxPool<T: NetworkReal>: NetworkLayer {
  public let input, output: FeatureShape
  private let window: ImageWindow
  /// Y; (rows x outputs).
  private let values: Matrix<T>
  /// dX; (rows x inputs).
  private let inputGradient: Matrix<T>
  /// Where in its plane each value was: an Int32 each, in memory of as many Floats; (rows x outputs).
  private let places: Matrix<Float>

  public init(
    of input: FeatureShape, kernel: Int, stride: Int, padding: Int = 0, _ builder: inout NetworkBuilder<T>
  ) {
    self.input = input
    window = ImageWindow(height: input.height, width: input.width, kernel: kernel, stride: stride, padding: padding)
    precondition(window.positions > 0 && 2 * padding <= kernel, "the window does not fit")
    output = FeatureShape(channels: input.channels, height: window.outHeight, width: window.outWidth)
    values = builder.matrix(columns: output.count)
    inputGradient = builder.matrix(columns: input.count)
    places = builder.matrix(rows: builder.rows, columns: output.count, of: Float.self)
  }

  public func forward(_ x: MatrixView<T>, _ pass: Pass<T>) -> MatrixView<T> {
    let y = values.reshaped(rows: pass.rows, columns: output.count)
    let (window, places) = (window, self.places)
    pass.pool.forEachPart(of: pass.rows * input.channels) { planes, _ in
      let start = planes.lowerBound * window.positions
      T.maxPool(
        x.pointer + planes.lowerBound * window.pixels, window, planes.count, y.pointer + start,
        UnsafeMutableRawPointer(places.pointer + start).assumingMemoryBound(to: Int32.self))
    }
    return y
  }

  public func backward(_ gradient: MatrixView<T>, wantsInput: Bool, _ pass: Pass<T>) -> MatrixView<T>? {
    guard wantsInput else { return nil }
    let dx = inputGradient.reshaped(rows: pass.rows, columns: input.count)
    let (window, places) = (window, self.places)
    pass.pool.forEachPart(of: pass.rows * input.channels) { planes, _ in
      let start = planes.lowerBound * window.positions
      T.maxPoolBackward(
        gradient.pointer + start, UnsafeMutableRawPointer(places.pointer + start).assumingMemoryBound(to: Int32.self),
        window, planes.count, dx.pointer + planes.lowerBound * window.pixels)
    }
    return dx
  }
}
