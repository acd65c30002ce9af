import Datasets
import DeepRFM
import Files

/// The sizes of a problem, which are all that a plan needs of it.
public struct ProblemShape: Sendable, Equatable {
  /// N, and the rows of the test part that are evaluated: none where no label is one of training's.
  public var samples, testSamples: Int
  /// Test rows that are read and not evaluated.
  private(set) var unknownSamples = 0
  /// Features of the first layer's input.
  var width: Int
  /// Classes, or values to be predicted.
  var outputs: Int
  /// Classes, or groups of near rows in their place.
  var centres: Int
  var predictsValues: Bool

  /// - Parameter centres: where they are not the outputs: values are predicted then.
  public init(samples: Int, testSamples: Int, width: Int, outputs: Int, centres: Int? = nil) {
    (self.samples, self.testSamples, self.width, self.outputs) = (samples, testSamples, width, outputs)
    self.centres = centres ?? outputs
    predictsValues = centres != nil
  }

  /// The official files' sizes, which need not be there for a plan; nil: what the user's own files hold.
  static func official(_ dataset: DatasetName, _ variant: DatasetVariant = DatasetVariant()) -> ProblemShape? {
    switch dataset {
    case .mnist: ProblemShape(samples: 60_000, testSamples: 10_000, width: 784, outputs: 10)
    case .cifar10: ProblemShape(samples: 50_000, testSamples: 10_000, width: 3072, outputs: 10)
    case .cifar100:
      ProblemShape(samples: 50_000, testSamples: 10_000, width: 3072, outputs: variant.labelSet == .fine ? 100 : 20)
    case .svhn:
      ProblemShape(samples: 73_257 + (variant.hasExtra ? 531_131 : 0), testSamples: 26_032, width: 3072, outputs: 10)
    case .digits, .idx, .npy, .libsvm, .csv, .synthetic: nil
    }
  }

  /// Whether the sizes can be known from the user's files only.
  static func needsFiles(_ dataset: DatasetName) -> Bool { dataset.needsData && official(dataset) == nil }

  /// *Local.* The sizes that train would find: in its files where a folder is given, else the official ones'. Throws `InputError`: more
  /// samples than there are, files that cannot be read.
  /// - Parameter opensFiles: false: official files need not be where the options say.
  public init(of options: TrainOptions, opensFiles: Bool = true) throws {
    guard options.data == nil || !opensFiles, let whole = Self.official(options.dataset, options.datasetVariant) else {
      let dataset = try Dataset.open(
        options.dataset, directory: options.data, seed: options.seed, trainSamples: options.samples,
        testSamples: options.testSamples, variant: options.datasetVariant)
      let (outputs, groups) = try dataset.train.targetShape(options.targets)
      let read = dataset.test?.sampleCount ?? 0
      // Values are always known.
      let evaluated = groups == nil ? try dataset.evaluatedTestSamples(of: dataset.classes()) : read
      self.init(
        samples: dataset.train.sampleCount, testSamples: evaluated, width: dataset.train.featureCount, outputs: outputs,
        centres: groups)
      unknownSamples = read - evaluated
      try holdOut(options.validation)
      return
    }
    self = try whole.first(options.samples, options.testSamples, of: options.dataset)
    if options.targets == .values {
      (outputs, centres, predictsValues) = (1, RowGrouping().groups(of: samples), true)
    }
    try holdOut(options.validation)
  }

  /// Only the first so many samples, and test samples; nil: all. Throws `InputError` where there are not so many.
  func first(_ samples: Int?, _ testSamples: Int?, of dataset: DatasetName) throws(InputError) -> ProblemShape {
    for (name, wanted, there) in [
      ("--samples", samples, self.samples), ("--test-samples", testSamples, self.testSamples),
    ] where wanted ?? 0 > there {
      throw InputError("\(name) \(wanted ?? 0) is more than the \(there) samples of \(dataset.rawValue)")
    }
    var shape = self
    (shape.samples, shape.testSamples) = (samples ?? self.samples, testSamples ?? self.testSamples)
    return shape
  }

  /// Samples held out are held like test samples. Throws `InputError` where there are not so many.
  private mutating func holdOut(_ size: Double) throws(InputError) {
    let held = size < 1 ? (size * Double(samples)).rounded() : size
    let (most, why) =
      predictsValues
      ? (max(0, samples - 1), "one is kept to train on")
      : (max(0, samples - outputs), "each class keeps one to train on")
    guard held <= Double(most) else {
      throw InputError("--validation: of \(samples) samples at most \(most) can be held out, for \(why)")
    }
    samples -= Int(held)
    testSamples += Int(held)
    if predictsValues { centres = RowGrouping().groups(of: samples) }
  }
}
