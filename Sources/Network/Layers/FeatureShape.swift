/// What a row of features is: an image, channel after channel, each row after row, as PyTorch flattens it; or a plain vector, whose height
/// and width are 1.
public struct FeatureShape: Sendable, Equatable {
  public let channels, height, width: Int

  public init(channels: Int, height: Int, width: Int) {
    (self.channels, self.height, self.width) = (channels, height, width)
  }

  /// A plain vector of so many features.
  public init(_ count: Int) { self.init(channels: count, height: 1, width: 1) }

  /// Elements of a row.
  public var count: Int { channels * height * width }
  /// Pixels of a channel.
  public var pixels: Int { height * width }
}
