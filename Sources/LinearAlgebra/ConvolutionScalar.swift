import CKernels

/// A square window that moves over the image of one channel, or the bins that such an image is averaged in.
public struct ImageWindow: Sendable, Equatable {
  public let height, width, kernel, stride, padding: Int
  /// Positions of the window.
  public let outHeight, outWidth: Int
  /// The taps that meet the image at some position: of a window that is larger than the image not all do.
  public let liveRows, liveColumns: Range<Int>

  public init(height: Int, width: Int, kernel: Int, stride: Int = 1, padding: Int = 0) {
    (self.height, self.width, self.kernel, self.stride, self.padding) = (height, width, kernel, stride, padding)
    outHeight = Self.positions(height, kernel, stride, padding)
    outWidth = Self.positions(width, kernel, stride, padding)
    liveRows = Self.live(height, outHeight, kernel, stride, padding)
    liveColumns = Self.live(width, outWidth, kernel, stride, padding)
  }

  /// So many bins in each direction, of which bin i of m over n pixels is floor(i n / m) ..< ceil((i + 1) n / m): PyTorch's.
  public init(height: Int, width: Int, binsOver outHeight: Int, _ outWidth: Int) {
    (self.height, self.width, self.kernel, self.stride, self.padding) = (height, width, 1, 1, 0)
    (self.outHeight, self.outWidth, liveRows, liveColumns) = (outHeight, outWidth, 0..<1, 0..<1)
  }

  /// 0 where the window does not fit.
  private static func positions(_ size: Int, _ kernel: Int, _ stride: Int, _ padding: Int) -> Int {
    let room = size + 2 * padding - kernel
    return room < 0 ? 0 : room / stride + 1
  }

  private static func live(_ size: Int, _ positions: Int, _ kernel: Int, _ stride: Int, _ padding: Int) -> Range<Int> {
    let taps = (0..<kernel).filter { tap in
      (0..<positions).contains { (0..<size).contains($0 * stride + tap - padding) }
    }
    guard let first = taps.first, let last = taps.last else { return 0..<0 }
    return first..<(last + 1)
  }

  public var pixels: Int { height * width }
  public var positions: Int { outHeight * outWidth }
  public var liveTaps: Int { liveRows.count * liveColumns.count }
  public var allAreLive: Bool { liveTaps == kernel * kernel }

  var c: deeprfm_window {
    deeprfm_window(
      height: height, width: width, out_height: outHeight, out_width: outWidth, kernel: kernel, stride: stride,
      padding: padding, top: liveRows.lowerBound, bottom: liveRows.upperBound, left: liveColumns.lowerBound,
      right: liveColumns.upperBound)
  }
}

/// Some channels of some rows of images: channel c of row i begins `i * stride + c * pixels` elements after the first.
public struct ChannelBlock: Sendable {
  public let rows, stride, channels, pixels: Int

  public init(rows: Int, stride: Int, channels: Int, pixels: Int) {
    (self.rows, self.stride, self.channels, self.pixels) = (rows, stride, channels, pixels)
  }
}

/// The loops of a convolutional network, one C call each, as `NetworkScalar`. *Local.*
///
/// "Samples last" is (channels x height x width x samples); all else is a sample's plane after the other.
public protocol ConvolutionScalar: Scalar {
  static var convolutionLoops: ConvolutionLoops<Self> { get }
}

extension ConvolutionScalar {
  /// columns, (channels x live taps) x (positions x samples), from x, samples last: what each tap meets at each position, 0 outside.
  public static func imageColumns(
    _ x: UnsafePointer<Self>, _ window: ImageWindow, _ channels: Int, _ samples: Int,
    _ columns: UnsafeMutablePointer<Self>
  ) {
    convolutionLoops.imageColumns(x, window.c, channels, samples, columns)
  }

  /// x = the transpose of `imageColumns`, applied to `columns`.
  public static func addImageColumns(
    _ columns: UnsafePointer<Self>, _ window: ImageWindow, _ channels: Int, _ samples: Int,
    _ x: UnsafeMutablePointer<Self>
  ) {
    convolutionLoops.addImageColumns(columns, window.c, channels, samples, x)
  }

  /// The live taps of so many kernels.
  public static func gatherTaps(
    _ kernels: UnsafePointer<Self>, _ window: ImageWindow, _ count: Int, _ taps: UnsafeMutablePointer<Self>
  ) {
    convolutionLoops.gatherTaps(kernels, window.c, count, taps)
  }

  /// So many kernels from their live taps, 0 elsewhere.
  public static func scatterTaps(
    _ taps: UnsafePointer<Self>, _ window: ImageWindow, _ count: Int, _ kernels: UnsafeMutablePointer<Self>
  ) {
    convolutionLoops.scatterTaps(taps, window.c, count, kernels)
  }

  /// b (columns x rows) = a^T.
  public static func transposeInSquares(
    _ a: UnsafePointer<Self>, _ rows: Int, _ columns: Int, _ b: UnsafeMutablePointer<Self>
  ) {
    convolutionLoops.transposeInSquares(a, rows, columns, b)
  }

  /// y += x
  public static func add(_ x: UnsafePointer<Self>, _ y: UnsafeMutablePointer<Self>, _ count: Int) {
    convolutionLoops.add(x, y, count)
  }

  /// y = relu(x + y)
  public static func addRelu(_ x: UnsafePointer<Self>, _ y: UnsafeMutablePointer<Self>, _ count: Int) {
    convolutionLoops.addRelu(x, y, count)
  }

  /// gradient = copy = the gradient where y = relu(...) is above 0, else 0.
  public static func reluFork(
    _ y: UnsafePointer<Self>, _ gradient: UnsafeMutablePointer<Self>, _ copy: UnsafeMutablePointer<Self>,
    _ count: Int
  ) {
    convolutionLoops.reluFork(y, gradient, copy, count)
  }

  /// y = the first largest value in each window, `places` where in its plane it was.
  public static func maxPool(
    _ x: UnsafePointer<Self>, _ window: ImageWindow, _ planes: Int, _ y: UnsafeMutablePointer<Self>,
    _ places: UnsafeMutablePointer<Int32>
  ) {
    convolutionLoops.maxPool(x, window.c, planes, y, places)
  }

  /// x = the gradient at the places, summed, and 0 elsewhere.
  public static func maxPoolBackward(
    _ gradient: UnsafePointer<Self>, _ places: UnsafePointer<Int32>, _ window: ImageWindow, _ planes: Int,
    _ x: UnsafeMutablePointer<Self>
  ) {
    convolutionLoops.maxPoolBackward(gradient, places, window.c, planes, x)
  }

  /// y = the mean of each bin.
  public static func averageBins(
    _ x: UnsafePointer<Self>, _ window: ImageWindow, _ planes: Int, _ y: UnsafeMutablePointer<Self>
  ) {
    convolutionLoops.averageBins(x, window.c, planes, y)
  }

  /// x = the transpose of `averageBins`, applied to the gradient.
  public static func averageBinsBackward(
    _ gradient: UnsafePointer<Self>, _ window: ImageWindow, _ planes: Int, _ x: UnsafeMutablePointer<Self>
  ) {
    convolutionLoops.averageBinsBackward(gradient, window.c, planes, x)
  }

  /// y += terms_c in channel c.
  public static func addToChannels(
    _ terms: UnsafePointer<Self>, _ block: ChannelBlock, _ y: UnsafeMutablePointer<Self>
  ) {
    convolutionLoops.addToChannels(terms, block.rows, block.stride, block.channels, block.pixels, y)
  }

  /// sums_c += the sum of channel c, in Double.
  public static func channelSums(
    _ x: UnsafePointer<Self>, _ block: ChannelBlock, _ sums: UnsafeMutablePointer<Double>
  ) {
    convolutionLoops.channelSums(x, block.rows, block.stride, block.channels, block.pixels, sums)
  }

  /// squares_c += sum (x - mean_c)^2, in Double.
  public static func channelSquares(
    _ x: UnsafePointer<Self>, _ block: ChannelBlock, _ means: UnsafePointer<Double>,
    _ squares: UnsafeMutablePointer<Double>
  ) {
    convolutionLoops.channelSquares(x, block.rows, block.stride, block.channels, block.pixels, means, squares)
  }

  /// products_c += sum y (x - mean_c), in Double.
  public static func channelProducts(
    _ x: UnsafePointer<Self>, _ y: UnsafePointer<Self>, _ block: ChannelBlock, _ means: UnsafePointer<Double>,
    _ products: UnsafeMutablePointer<Double>
  ) {
    convolutionLoops.channelProducts(x, y, block.rows, block.stride, block.channels, block.pixels, means, products)
  }

  /// y = (x - mean_c) scale_c + offset_c
  public static func normaliseChannels(
    _ x: UnsafePointer<Self>, _ block: ChannelBlock, _ means: UnsafePointer<Double>, _ scales: UnsafePointer<Double>,
    _ offsets: UnsafePointer<Double>, _ y: UnsafeMutablePointer<Self>
  ) {
    convolutionLoops.normaliseChannels(
      x, block.rows, block.stride, block.channels, block.pixels, means, scales, offsets, y)
  }

  /// gradient = scale_c gradient + slope_c (x - mean_c) + offset_c
  public static func normaliseChannelsBackward(
    _ x: UnsafePointer<Self>, _ block: ChannelBlock, _ means: UnsafePointer<Double>, _ scales: UnsafePointer<Double>,
    _ slopes: UnsafePointer<Double>, _ offsets: UnsafePointer<Double>, _ gradient: UnsafeMutablePointer<Self>
  ) {
    convolutionLoops.normaliseChannelsBackward(
      x, block.rows, block.stride, block.channels, block.pixels, means, scales, slopes, offsets, gradient)
  }
}

/// The C functions of one precision.
public struct ConvolutionLoops<T: Scalar>: Sendable {
  let imageColumns: @Sendable (UnsafePointer<T>, deeprfm_window, Int, Int, UnsafeMutablePointer<T>) -> Void
  let addImageColumns: @Sendable (UnsafePointer<T>, deeprfm_window, Int, Int, UnsafeMutablePointer<T>) -> Void
  let gatherTaps: @Sendable (UnsafePointer<T>, deeprfm_window, Int, UnsafeMutablePointer<T>) -> Void
  let scatterTaps: @Sendable (UnsafePointer<T>, deeprfm_window, Int, UnsafeMutablePointer<T>) -> Void
  let transposeInSquares: @Sendable (UnsafePointer<T>, Int, Int, UnsafeMutablePointer<T>) -> Void
  let add: @Sendable (UnsafePointer<T>, UnsafeMutablePointer<T>, Int) -> Void
  let addRelu: @Sendable (UnsafePointer<T>, UnsafeMutablePointer<T>, Int) -> Void
  let reluFork: @Sendable (UnsafePointer<T>, UnsafeMutablePointer<T>, UnsafeMutablePointer<T>, Int) -> Void
  let maxPool:
    @Sendable (
      UnsafePointer<T>, deeprfm_window, Int, UnsafeMutablePointer<T>, UnsafeMutablePointer<Int32>
    ) -> Void
  let maxPoolBackward:
    @Sendable (
      UnsafePointer<T>, UnsafePointer<Int32>, deeprfm_window, Int, UnsafeMutablePointer<T>
    ) -> Void
  let averageBins: @Sendable (UnsafePointer<T>, deeprfm_window, Int, UnsafeMutablePointer<T>) -> Void
  let averageBinsBackward: @Sendable (UnsafePointer<T>, deeprfm_window, Int, UnsafeMutablePointer<T>) -> Void
  let addToChannels: @Sendable (UnsafePointer<T>, Int, Int, Int, Int, UnsafeMutablePointer<T>) -> Void
  let channelSums: @Sendable (UnsafePointer<T>, Int, Int, Int, Int, UnsafeMutablePointer<Double>) -> Void
  let channelSquares:
    @Sendable (
      UnsafePointer<T>, Int, Int, Int, Int, UnsafePointer<Double>, UnsafeMutablePointer<Double>
    ) -> Void
  let channelProducts:
    @Sendable (
      UnsafePointer<T>, UnsafePointer<T>, Int, Int, Int, Int, UnsafePointer<Double>, UnsafeMutablePointer<Double>
    ) -> Void
  let normaliseChannels:
    @Sendable (
      UnsafePointer<T>, Int, Int, Int, Int, UnsafePointer<Double>, UnsafePointer<Double>, UnsafePointer<Double>,
      UnsafeMutablePointer<T>
    ) -> Void
  let normaliseChannelsBackward:
    @Sendable (
      UnsafePointer<T>, Int, Int, Int, Int, UnsafePointer<Double>, UnsafePointer<Double>, UnsafePointer<Double>,
      UnsafePointer<Double>, UnsafeMutablePointer<T>
    ) -> Void
}

extension Float: ConvolutionScalar {
  public static let convolutionLoops = ConvolutionLoops<Float>(
    imageColumns: deeprfm_image_columns_f32, addImageColumns: deeprfm_add_image_columns_f32,
    gatherTaps: deeprfm_gather_taps_f32, scatterTaps: deeprfm_scatter_taps_f32,
    transposeInSquares: deeprfm_transpose_f32, add: deeprfm_add_f32, addRelu: deeprfm_add_relu_f32,
    reluFork: deeprfm_relu_fork_f32, maxPool: deeprfm_max_pool_f32, maxPoolBackward: deeprfm_max_pool_backward_f32,
    averageBins: deeprfm_average_bins_f32, averageBinsBackward: deeprfm_average_bins_backward_f32,
    addToChannels: deeprfm_add_to_channels_f32, channelSums: deeprfm_channel_sums_f32,
    channelSquares: deeprfm_channel_squares_f32, channelProducts: deeprfm_channel_products_f32,
    normaliseChannels: deeprfm_normalise_channels_f32,
    normaliseChannelsBackward: deeprfm_normalise_channels_backward_f32)
}

extension Double: ConvolutionScalar {
  public static let convolutionLoops = ConvolutionLoops<Double>(
    imageColumns: deeprfm_image_columns_f64, addImageColumns: deeprfm_add_image_columns_f64,
    gatherTaps: deeprfm_gather_taps_f64, scatterTaps: deeprfm_scatter_taps_f64,
    transposeInSquares: deeprfm_transpose_f64, add: deeprfm_add_f64, addRelu: deeprfm_add_relu_f64,
    reluFork: deeprfm_relu_fork_f64, maxPool: deeprfm_max_pool_f64, maxPoolBackward: deeprfm_max_pool_backward_f64,
    averageBins: deeprfm_average_bins_f64, averageBinsBackward: deeprfm_average_bins_backward_f64,
    addToChannels: deeprfm_add_to_channels_f64, channelSums: deeprfm_channel_sums_f64,
    channelSquares: deeprfm_channel_squares_f64, channelProducts: deeprfm_channel_products_f64,
    normaliseChannels: deeprfm_normalise_channels_f64,
    normaliseChannelsBackward: deeprfm_normalise_channels_backward_f64)
}
