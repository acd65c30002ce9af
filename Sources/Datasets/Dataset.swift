import Files

/// A data set, open for reading: its samples stay in their files.
public struct Dataset: Sendable {
  public let name: String
  public let classCount: Int
  /// One for each class, where the files name them.
  public let classNames: [String]?
  public let train: any SampleReader
  /// nil where the folder has no test files, or no test samples are wanted.
  public let test: (any SampleReader)?

  /// *Local.* Opens a data set and checks its headers and sizes.
  ///
  /// - Parameters:
  ///   - directory: the folder of the official files; not used for digits and synthetic.
  ///   - seed: of the synthetic set.
  ///   - trainSamples: only the first so many in file order; nil for all. For digits, which has no test file,
  ///     the remaining samples are then the test part. For synthetic: how many to make.
  ///   - testSamples: likewise; 0 for no test part.
  /// - Throws: `InputError`: one sentence that names the file or option.
  public static func open(
    _ name: DatasetName, directory: String?, seed: UInt64, trainSamples: Int? = nil,
    testSamples: Int? = nil, synthetic shape: Synthetic.Shape = Synthetic.Shape()
  ) throws -> Dataset {
    guard trainSamples ?? 1 > 0 else { throw InputError("--samples must be at least 1") }
    guard testSamples ?? 0 >= 0 else { throw InputError("--test-samples must not be negative") }
    let parts = try wholeParts(name, directory, seed, trainSamples, testSamples, shape)
    return Dataset(
      name: name.rawValue, classCount: parts.classCount, classNames: parts.classNames,
      train: try limit(parts.train, to: trainSamples, "--samples", parts.place),
      test: try limitTest(parts.test, to: testSamples, parts.place))
  }

  /// What the files hold, before `--samples` and `--test-samples` cut it.
  private struct Parts {
    var classCount = 10
    var classNames: [String]?
    let train: any SampleReader
    let test: (any SampleReader)?
    /// For messages.
    let place: String
  }

  private static func wholeParts(
    _ name: DatasetName, _ directory: String?, _ seed: UInt64, _ trainSamples: Int?,
    _ testSamples: Int?,
    _ shape: Synthetic.Shape
  ) throws -> Parts {
    if name == .digits { return digits(trainSamples) }
    if name == .synthetic {
      var shape = shape
      shape.train = trainSamples ?? shape.train
      shape.test = testSamples ?? shape.test
      return try Parts(
        classCount: shape.classCount, train: Synthetic(.train, shape: shape, seed: seed),
        test: Synthetic(.test, shape: shape, seed: seed), place: "the synthetic data set")
    }
    let folder = try DataFolder(directory, for: name)
    switch name {
    case .libsvm: return try libsvm(folder)
    case .npy: return try npy(folder)
    default: return try official(name, folder)
    }
  }

  private static func digits(_ trainSamples: Int?) -> Parts {
    let all = Digits()
    let rest = min(trainSamples ?? all.sampleCount, all.sampleCount)..<all.sampleCount
    return Parts(
      train: all, test: rest.isEmpty ? nil : SampleRange(all, rest), place: "the digits data set")
  }

  private static func official(_ name: DatasetName, _ folder: DataFolder) throws -> Parts {
    guard let train = try officialSplit(.train, name, folder) else {
      throw InputError("\(folder.path) has no training files of \(name.rawValue)")
    }
    let test = try officialSplit(.test, name, folder)
    try checkFeatures(test, train.featureCount, folder)
    let names = name == .cifar10 ? try CIFAR10.classNames(in: folder) : nil
    return Parts(classNames: names, train: train, test: test, place: folder.path)
  }

  fileprivate static func officialSplit(
    _ split: Split, _ name: DatasetName, _ folder: DataFolder
  ) throws -> (any SampleReader)? {
    switch name {
    case .mnist: try MNIST.open(split, in: folder)
    case .cifar10: try CIFAR10.open(split, in: folder)
    case .svhn: try SVHN.open(split, in: folder)
    case .digits, .npy, .libsvm, .synthetic: nil
    }
  }

  private static func npy(_ folder: DataFolder) throws -> Parts {
    guard let train = try NPYSamples.open(.train, in: folder) else {
      throw InputError("\(folder.path) has no file train_x.npy")
    }
    let test = try NPYSamples.open(.test, in: folder)
    try test?.checkLabels(below: train.classCount)
    try checkFeatures(test, train.featureCount, folder)
    return Parts(classCount: train.classCount, train: train, test: test, place: folder.path)
  }

  private static func libsvm(_ folder: DataFolder) throws -> Parts {
    let train = try LIBSVM.train(in: folder)
    return Parts(
      classCount: train.classCount, classNames: train.classNames, train: train,
      test: try LIBSVM.test(in: folder, known: train.known), place: folder.path)
  }

  private static func checkFeatures(
    _ test: (any SampleReader)?, _ features: Int, _ folder: DataFolder
  ) throws {
    if let test, test.featureCount != features {
      throw InputError(
        "\(folder.path) has \(features) features in its training samples, but \(test.featureCount) in its test"
          + " samples")
    }
  }

  private static func limit(
    _ reader: any SampleReader, to count: Int?, _ option: String, _ place: String
  ) throws -> any SampleReader {
    guard let count, count != reader.sampleCount else { return reader }
    guard count < reader.sampleCount else {
      throw InputError(
        "\(option) \(count) is more than the \(reader.sampleCount) samples of \(place)")
    }
    return SampleRange(reader, 0..<count)
  }

  private static func limitTest(
    _ reader: (any SampleReader)?, to count: Int?, _ place: String
  ) throws -> (any SampleReader)? {
    if count == 0 { return nil }
    if reader == nil, let count {
      throw InputError("--test-samples \(count): \(place) has no test samples")
    }
    return try reader.flatMap {
      $0.sampleCount == 0 ? nil : try limit($0, to: count, "--test-samples", place)
    }
  }
}

extension Dataset {
  /// What a trained model knows of its data set.
  public struct Trained: Sendable {
    public let featureCount: Int
    public let classCount: Int
    /// LIBSVM: the labels of the classes.
    public let classNames: [String]?
    /// Digits: where the test part begins.
    public let trainSamples: Int

    public init(featureCount: Int, classCount: Int, classNames: [String]?, trainSamples: Int) {
      self.featureCount = featureCount
      self.classCount = classCount
      self.classNames = classNames
      self.trainSamples = trainSamples
    }
  }

  /// *Local.* Opens one split alone, for `predict`: the other's files need not be there. All its samples, except
  /// that the training part of digits and synthetic ends where training ended.
  ///
  /// Throws `InputError`, also where the samples do not fit the model: features, labels.
  public static func openSplit(
    _ split: Split, of name: DatasetName, directory: String?, seed: UInt64, model: Trained,
    synthetic shape: Synthetic.Shape = Synthetic.Shape()
  ) throws -> any SampleReader {
    let reader = try anySplit(split, name, directory, seed, model, shape)
    guard let reader else {
      throw InputError("--split \(split.rawValue): \(name.rawValue) has no such samples there")
    }
    guard reader.featureCount == model.featureCount else {
      throw InputError(
        "--dataset \(name.rawValue) has \(reader.featureCount) features, but the model was trained with"
          + " \(model.featureCount)")
    }
    return reader
  }

  private static func anySplit(
    _ split: Split, _ name: DatasetName, _ directory: String?, _ seed: UInt64, _ model: Trained,
    _ shape: Synthetic.Shape
  ) throws -> (any SampleReader)? {
    switch name {
    case .digits, .synthetic:
      // A model of another data set may have been trained on more samples than there are digits.
      let end = name == .digits ? min(model.trainSamples, Digits().sampleCount) : model.trainSamples
      let whole = try open(
        name, directory: nil, seed: seed, trainSamples: end, synthetic: shape)
      return split == .train ? whole.train : whole.test
    case .npy:
      let reader = try NPYSamples.open(split, in: DataFolder(directory, for: name))
      try reader?.checkLabels(below: model.classCount)
      return reader
    case .libsvm:
      return try libsvmSplit(split, DataFolder(directory, for: name), model)
    case .mnist, .cifar10, .svhn:
      return try officialSplit(split, name, DataFolder(directory, for: name))
    }
  }

  private static func libsvmSplit(
    _ split: Split, _ folder: DataFolder, _ model: Trained
  ) throws -> (any SampleReader)? {
    guard let path = folder.find([split.rawValue]) else { return nil }
    let labels = (model.classNames ?? []).compactMap { DecimalNumber.value(Array($0.utf8)[...]) }
    guard labels.count == model.classCount else {
      throw InputError("\(path) cannot be read: the model does not hold the labels of its classes")
    }
    return try LIBSVM(
      path, known: LIBSVM.Known(classLabels: labels, featureCount: model.featureCount))
  }
}
