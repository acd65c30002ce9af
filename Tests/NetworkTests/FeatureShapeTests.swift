import Network
import Testing

@Suite struct FeatureShapeTests {
  @Test(arguments: [(784, 1, 28), (3072, 3, 32), (64, 1, 8), (3, 3, 1), (1, 1, 1)])
  func squareImages(features: Int, channels: Int, side: Int) {
    #expect(
      FeatureShape.image(features: features) == FeatureShape(channels: channels, height: side, width: side))
  }

  @Test(arguments: [2, 5, 500, 6]) func noImage(features: Int) {
    #expect(FeatureShape.image(features: features) == nil)
  }
}
