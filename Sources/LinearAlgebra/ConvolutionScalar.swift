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
  /// columns, (channels x live taps) x (positions x samples), from x, samples last: what each tap meets at each position, 0 outside.
  static func imageColumns(
    _ x: UnsafePointer<Self>, _ window: ImageWindow, _ channels: Int, _ samples: Int,
    _ columns: UnsafeMutablePointer<Self>)

  /// x = the transpose of `imageColumns`, applied to `columns`.
  static func addImageColumns(
    _ columns: UnsafePointer<Self>, _ window: ImageWindow, _ channels: Int, _ samples: Int,
    _ x: UnsafeMutablePointer<Self>)

  /// The live taps of so many kernels.
  static func gatherTaps(
    _ kernels: UnsafePointer<Self>, _ window: ImageWindow, _ count: Int, _ taps: UnsafeMutablePointer<Self>)

  /// So many kernels from their live taps, 0 elsewhere.
  static func scatterTaps(
    _ taps: UnsafePointer<Self>, _ window: ImageWindow, _ count: Int, _ kernels: UnsafeMutablePointer<Self>)

  /// b (columns x rows) = a^T.
  static func transposeInSquares(_ a: UnsafePointer<Self>, _ rows: Int, _ columns: Int, _ b: UnsafeMutablePointer<Self>)

  /// y += x
  static func add(_ x: UnsafePointer<Self>, _ y: UnsafeMutablePointer<Self>, _ count: Int)

  /// y = relu(x + y)
  static func addRelu(_ x: UnsafePointer<Self>, _ y: UnsafeMutablePointer<Self>, _ count: Int)

  /// gradient = copy = the gradient where y = relu(...) is above 0, else 0.
  static func reluFork(
    _ y: UnsafePointer<Self>, _ gradient: UnsafeMutablePointer<Self>, _ copy: UnsafeMutablePointer<Self>, _ count: Int)

  /// y = the first largest value in each window, `places` where in its plane it was.
  static func maxPool(
    _ x: UnsafePointer<Self>, _ window: ImageWindow, _ planes: Int, _ y: UnsafeMutablePointer<Self>,
    _ places: UnsafeMutablePointer<Int32>)

  /// x = the gradient at the places, summed, and 0 elsewhere.
  static func maxPoolBackward(
    _ gradient: UnsafePointer<Self>, _ places: UnsafePointer<Int32>, _ window: ImageWindow, _ planes: Int,
    _ x: UnsafeMutablePointer<Self>)

  /// y = the mean of each bin.
  static func averageBins(
    _ x: UnsafePointer<Self>, _ window: ImageWindow, _ planes: Int, _ y: UnsafeMutablePointer<Self>)

  /// x = the transpose of `averageBins`, applied to the gradient.
  static func averageBinsBackward(
    _ gradient: UnsafePointer<Self>, _ window: ImageWindow, _ planes: Int, _ x: UnsafeMutablePointer<Self>)

  /// y += terms_c in channel c.
  static func addToChannels(_ terms: UnsafePointer<Self>, _ block: ChannelBlock, _ y: UnsafeMutablePointer<Self>)

  /// sums_c += the sum of channel c, in Double.
  static func channelSums(_ x: UnsafePointer<Self>, _ block: ChannelBlock, _ sums: UnsafeMutablePointer<Double>)

  /// squares_c += sum (x - mean_c)^2, in Double.
  static func channelSquares(
    _ x: UnsafePointer<Self>, _ block: ChannelBlock, _ means: UnsafePointer<Double>,
    _ squares: UnsafeMutablePointer<Double>)

  /// products_c += sum y (x - mean_c), in Double.
  static func channelProducts(
    _ x: UnsafePointer<Self>, _ y: UnsafePointer<Self>, _ block: ChannelBlock, _ means: UnsafePointer<Double>,
    _ products: UnsafeMutablePointer<Double>)

  /// y = (x - mean_c) scale_c + offset_c
  static func normaliseChannels(
    _ x: UnsafePointer<Self>, _ block: ChannelBlock, _ means: UnsafePointer<Double>, _ scales: UnsafePointer<Double>,
    _ offsets: UnsafePointer<Double>, _ y: UnsafeMutablePointer<Self>)

  /// gradient = scale_c gradient + slope_c (x - mean_c) + offset_c
  static func normaliseChannelsBackward(
    _ x: UnsafePointer<Self>, _ block: ChannelBlock, _ means: UnsafePointer<Double>, _ scales: UnsafePointer<Double>,
    _ slopes: UnsafePointer<Double>, _ offsets: UnsafePointer<Double>, _ gradient: UnsafeMutablePointer<Self>)
}

extension Float: ConvolutionScalar {
  public static func imageColumns(
    _ x: UnsafePointer<Float>, _ window: ImageWindow, _ channels: Int, _ samples: Int,
    _ columns: UnsafeMutablePointer<Float>
  ) { deeprfm_image_columns_f32(x, window.c, channels, samples, columns) }

  public static func addImageColumns(
    _ columns: UnsafePointer<Float>, _ window: ImageWindow, _ channels: Int, _ samples: Int,
    _ x: UnsafeMutablePointer<Float>
  ) { deeprfm_add_image_columns_f32(columns, window.c, channels, samples, x) }

  public static func gatherTaps(
    _ kernels: UnsafePointer<Float>, _ window: ImageWindow, _ count: Int, _ taps: UnsafeMutablePointer<Float>
  ) { deeprfm_gather_taps_f32(kernels, window.c, count, taps) }

  public static func scatterTaps(
    _ taps: UnsafePointer<Float>, _ window: ImageWindow, _ count: Int, _ kernels: UnsafeMutablePointer<Float>
  ) { deeprfm_scatter_taps_f32(taps, window.c, count, kernels) }

  public static func transposeInSquares(
    _ a: UnsafePointer<Float>, _ rows: Int, _ columns: Int, _ b: UnsafeMutablePointer<Float>
  ) { deeprfm_transpose_f32(a, rows, columns, b) }

  public static func add(_ x: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>, _ count: Int) {
    deeprfm_add_f32(x, y, count)
  }

  public static func addRelu(_ x: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>, _ count: Int) {
    deeprfm_add_relu_f32(x, y, count)
  }

  public static func reluFork(
    _ y: UnsafePointer<Float>, _ gradient: UnsafeMutablePointer<Float>, _ copy: UnsafeMutablePointer<Float>,
    _ count: Int
  ) { deeprfm_relu_fork_f32(y, gradient, copy, count) }

  public static func maxPool(
    _ x: UnsafePointer<Float>, _ window: ImageWindow, _ planes: Int, _ y: UnsafeMutablePointer<Float>,
    _ places: UnsafeMutablePointer<Int32>
  ) { deeprfm_max_pool_f32(x, window.c, planes, y, places) }

  public static func maxPoolBackward(
    _ gradient: UnsafePointer<Float>, _ places: UnsafePointer<Int32>, _ window: ImageWindow, _ planes: Int,
    _ x: UnsafeMutablePointer<Float>
  ) { deeprfm_max_pool_backward_f32(gradient, places, window.c, planes, x) }

  public static func averageBins(
    _ x: UnsafePointer<Float>, _ window: ImageWindow, _ planes: Int, _ y: UnsafeMutablePointer<Float>
  ) { deeprfm_average_bins_f32(x, window.c, planes, y) }

  public static func averageBinsBackward(
    _ gradient: UnsafePointer<Float>, _ window: ImageWindow, _ planes: Int, _ x: UnsafeMutablePointer<Float>
  ) { deeprfm_average_bins_backward_f32(gradient, window.c, planes, x) }

  public static func addToChannels(
    _ terms: UnsafePointer<Float>, _ block: ChannelBlock, _ y: UnsafeMutablePointer<Float>
  ) { deeprfm_add_to_channels_f32(terms, block.rows, block.stride, block.channels, block.pixels, y) }

  public static func channelSums(_ x: UnsafePointer<Float>, _ block: ChannelBlock, _ sums: UnsafeMutablePointer<Double>)
  { deeprfm_channel_sums_f32(x, block.rows, block.stride, block.channels, block.pixels, sums) }

  public static func channelSquares(
    _ x: UnsafePointer<Float>, _ block: ChannelBlock, _ means: UnsafePointer<Double>,
    _ squares: UnsafeMutablePointer<Double>
  ) { deeprfm_channel_squares_f32(x, block.rows, block.stride, block.channels, block.pixels, means, squares) }

  public static func channelProducts(
    _ x: UnsafePointer<Float>, _ y: UnsafePointer<Float>, _ block: ChannelBlock, _ means: UnsafePointer<Double>,
    _ products: UnsafeMutablePointer<Double>
  ) { deeprfm_channel_products_f32(x, y, block.rows, block.stride, block.channels, block.pixels, means, products) }

  public static func normaliseChannels(
    _ x: UnsafePointer<Float>, _ block: ChannelBlock, _ means: UnsafePointer<Double>, _ scales: UnsafePointer<Double>,
    _ offsets: UnsafePointer<Double>, _ y: UnsafeMutablePointer<Float>
  ) {
    deeprfm_normalise_channels_f32(x, block.rows, block.stride, block.channels, block.pixels, means, scales, offsets, y)
  }

  public static func normaliseChannelsBackward(
    _ x: UnsafePointer<Float>, _ block: ChannelBlock, _ means: UnsafePointer<Double>, _ scales: UnsafePointer<Double>,
    _ slopes: UnsafePointer<Double>, _ offsets: UnsafePointer<Double>, _ gradient: UnsafeMutablePointer<Float>
  ) {
    deeprfm_normalise_channels_backward_f32(
      x, block.rows, block.stride, block.channels, block.pixels, means, scales, slopes, offsets, gradient)
  }
}

extension Double: ConvolutionScalar {
  public static func imageColumns(
    _ x: UnsafePointer<Double>, _ window: ImageWindow, _ channels: Int, _ samples: Int,
    _ columns: UnsafeMutablePointer<Double>
  ) { deeprfm_image_columns_f64(x, window.c, channels, samples, columns) }

  public static func addImageColumns(
    _ columns: UnsafePointer<Double>, _ window: ImageWindow, _ channels: Int, _ samples: Int,
    _ x: UnsafeMutablePointer<Double>
  ) { deeprfm_add_image_columns_f64(columns, window.c, channels, samples, x) }

  public static func gatherTaps(
    _ kernels: UnsafePointer<Double>, _ window: ImageWindow, _ count: Int, _ taps: UnsafeMutablePointer<Double>
  ) { deeprfm_gather_taps_f64(kernels, window.c, count, taps) }

  public static func scatterTaps(
    _ taps: UnsafePointer<Double>, _ window: ImageWindow, _ count: Int, _ kernels: UnsafeMutablePointer<Double>
  ) { deeprfm_scatter_taps_f64(taps, window.c, count, kernels) }

  public static func transposeInSquares(
    _ a: UnsafePointer<Double>, _ rows: Int, _ columns: Int, _ b: UnsafeMutablePointer<Double>
  ) { deeprfm_transpose_f64(a, rows, columns, b) }

  public static func add(_ x: UnsafePointer<Double>, _ y: UnsafeMutablePointer<Double>, _ count: Int) {
    deeprfm_add_f64(x, y, count)
  }

  public static func addRelu(_ x: UnsafePointer<Double>, _ y: UnsafeMutablePointer<Double>, _ count: Int) {
    deeprfm_add_relu_f64(x, y, count)
  }

  public static func reluFork(
    _ y: UnsafePointer<Double>, _ gradient: UnsafeMutablePointer<Double>, _ copy: UnsafeMutablePointer<Double>,
    _ count: Int
  ) { deeprfm_relu_fork_f64(y, gradient, copy, count) }

  public static func maxPool(
    _ x: UnsafePointer<Double>, _ window: ImageWindow, _ planes: Int, _ y: UnsafeMutablePointer<Double>,
    _ places: UnsafeMutablePointer<Int32>
  ) { deeprfm_max_pool_f64(x, window.c, planes, y, places) }

  public static func maxPoolBackward(
    _ gradient: UnsafePointer<Double>, _ places: UnsafePointer<Int32>, _ window: ImageWindow, _ planes: Int,
    _ x: UnsafeMutablePointer<Double>
  ) { deeprfm_max_pool_backward_f64(gradient, places, window.c, planes, x) }

  public static func averageBins(
    _ x: UnsafePointer<Double>, _ window: ImageWindow, _ planes: Int, _ y: UnsafeMutablePointer<Double>
  ) { deeprfm_average_bins_f64(x, window.c, planes, y) }

  public static func averageBinsBackward(
    _ gradient: UnsafePointer<Double>, _ window: ImageWindow, _ planes: Int, _ x: UnsafeMutablePointer<Double>
  ) { deeprfm_average_bins_backward_f64(gradient, window.c, planes, x) }

  public static func addToChannels(
    _ terms: UnsafePointer<Double>, _ block: ChannelBlock, _ y: UnsafeMutablePointer<Double>
  ) { deeprfm_add_to_channels_f64(terms, block.rows, block.stride, block.channels, block.pixels, y) }

  public static func channelSums(
    _ x: UnsafePointer<Double>, _ block: ChannelBlock, _ sums: UnsafeMutablePointer<Double>
  ) { deeprfm_channel_sums_f64(x, block.rows, block.stride, block.channels, block.pixels, sums) }

  public static func channelSquares(
    _ x: UnsafePointer<Double>, _ block: ChannelBlock, _ means: UnsafePointer<Double>,
    _ squares: UnsafeMutablePointer<Double>
  ) { deeprfm_channel_squares_f64(x, block.rows, block.stride, block.channels, block.pixels, means, squares) }

  public static func channelProducts(
    _ x: UnsafePointer<Double>, _ y: UnsafePointer<Double>, _ block: ChannelBlock, _ means: UnsafePointer<Double>,
    _ products: UnsafeMutablePointer<Double>
  ) { deeprfm_channel_products_f64(x, y, block.rows, block.stride, block.channels, block.pixels, means, products) }

  public static func normaliseChannels(
    _ x: UnsafePointer<Double>, _ block: ChannelBlock, _ means: UnsafePointer<Double>, _ scales: UnsafePointer<Double>,
    _ offsets: UnsafePointer<Double>, _ y: UnsafeMutablePointer<Double>
  ) {
    deeprfm_normalise_channels_f64(x, block.rows, block.stride, block.channels, block.pixels, means, scales, offsets, y)
  }

  public static func normaliseChannelsBackward(
    _ x: UnsafePointer<Double>, _ block: ChannelBlock, _ means: UnsafePointer<Double>, _ scales: UnsafePointer<Double>,
    _ slopes: UnsafePointer<Double>, _ offsets: UnsafePointer<Double>, _ gradient: UnsafeMutablePointer<Double>
  ) {
    deeprfm_normalise_channels_backward_f64(
      x, block.rows, block.stride, block.channels, block.pixels, means, scales, slopes, offsets, gradient)
  }
}
