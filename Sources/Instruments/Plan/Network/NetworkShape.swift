import Datasets
import Files
import Network
import Runtime

/// The sizes of a network's samples, which are all that a plan needs of them.
public struct NetworkShape: Sendable, Equatable {
  /// Training samples of each class.
  public let classCounts: [Int]
  /// Those that are evaluated: none where no label is one of training's. And those that are read, evaluated or not.
  public let testSamples, readTestSamples: Int
  /// Of a sample.
  public let features: Int
  /// Its dimensions, where the file tells them.
  public let sampleShape: [Int]?

  /// *Local.* What the run would find: in its files where a folder is given, of which headers and labels are read; else the official
  /// ones' sizes, with classes as large as each other. Throws `InputError`: more samples than there are, files that cannot be read.
  public init(of options: NetworkOptions) throws {
    if options.data == nil, let whole = ProblemShape.official(options.dataset, options.datasetVariant) {
      let sizes = try whole.first(options.samples, options.testSamples, of: options.dataset)
      let (samples, classes) = (sizes.samples, sizes.outputs)
      // A class without a sample is none.
      classCounts = (0..<min(classes, samples)).map {
        samples * ($0 + 1) / min(classes, samples) - samples * $0 / min(classes, samples)
      }
      (testSamples, features) = (sizes.testSamples, sizes.width)
      readTestSamples = testSamples
      sampleShape = nil
      return
    }
    let dataset = try Dataset.open(
      options.dataset, directory: options.data, seed: options.seed, trainSamples: options.samples,
      testSamples: options.testSamples, variant: options.datasetVariant)
    let train = dataset.train
    let labels = try train.labels(first: train.sampleCount)
    let classes = try Classes(of: labels, train)
    var counts = [Int](repeating: 0, count: classes.count)
    for number in classes.numbers(of: labels) { counts[number] += 1 }
    classCounts = counts
    testSamples = try dataset.evaluatedTestSamples(of: classes)
    readTestSamples = dataset.test?.sampleCount ?? 0
    (features, sampleShape) = (train.featureCount, train.sampleShape)
    try options.checkSameImages(dataset.test?.sampleShape, as: sampleShape, features: features)
  }

  public var samples: Int { classCounts.reduce(0, +) }

  /// On so many ranks.
  func layout(ranks: Int) -> Layout { Layout(classCounts: classCounts, ranks: ranks) }
}
