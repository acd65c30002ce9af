import Files
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

  private func input(_ architecture: Architecture, _ features: Int, _ shape: [Int]?) throws -> FeatureShape {
    var options = NetworkOptions()
    options.architecture = architecture
    return try options.form(features: features, shape: shape, classes: 2).input
  }

  /// The file's dimensions where it has some: of one channel also without it, or with it last; a plain vector is taken for a square.
  @Test func imagesHaveTheirFilesShape() throws {
    let flat = FeatureShape(channels: 1, height: 8, width: 18)
    for shape in [[8, 18], [1, 8, 18], [8, 18, 1]] { #expect(try input(.vgg11, 144, shape) == flat) }
    #expect(try input(.resnet18, 240, [3, 8, 10]) == FeatureShape(channels: 3, height: 8, width: 10))
    let square = FeatureShape(channels: 1, height: 12, width: 12)
    for shape in [nil, [144, 1], [1, 144, 1]] as [[Int]?] { #expect(try input(.vgg11, 144, shape) == square) }
    #expect(try input(.mlp, 192, [8, 8, 3]) == FeatureShape(192))
  }

  /// Written otherwise they may be the same images.
  @Test func otherSamplesAreTheSameImages() throws {
    var options = NetworkOptions()
    options.architecture = .vgg11
    for other in [nil, [8, 18], [8, 18, 1]] as [[Int]?] {
      try options.checkSameImages(other, as: [1, 8, 18], features: 144)
    }
    #expect(throws: InputError.self) { try options.checkSameImages([18, 8], as: [1, 8, 18], features: 144) }
    options.architecture = .mlp
    try options.checkSameImages([18, 8], as: [1, 8, 18], features: 144)
  }

  @Test func imagesThatCannotBeTaken() {
    for (features, shape, words) in [
      (192, [8, 8, 3], "channels come first: [3, 8, 8]"), (128, [2, 8, 8], "one channel or three"),
      (192, [1, 3, 8, 8], "channels x height x width"), (192, [3, 8, 9], "channels x height x width"),
      (80, [8, -8, 8], "channels x height x width"),
    ] as [(Int, [Int], String)] {
      #expect {
        _ = try input(.resnet18, features, shape)
      } throws: {
        ($0 as? InputError)?.description.contains(words) == true
      }
    }
  }
}
