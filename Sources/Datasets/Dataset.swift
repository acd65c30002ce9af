import Files

/// A data set, open for reading: its samples stay in their files.
public struct Dataset: Sendable {
  public let name: String
  public internal(set) var train: any SampleReader
  /// Held out of the training samples to choose by; nil: none are.
  public internal(set) var validation: (any SampleReader)?
  /// nil where the folder has no test files, or no test samples are wanted.
  public let test: (any SampleReader)?
  /// What was found in the files that the user should know: a sentence each.
  public let notes: [String]

  /// *Local.* Opens a data set and checks its headers and sizes.
  ///
  /// - Parameters:
  ///   - directory: the folder of the official files; not used for digits and synthetic.
  ///   - seed: of the synthetic set.
  ///   - trainSamples: only the first so many in file order; nil for all. For digits, which has no test file,
  ///     the remaining samples are then the test part. For synthetic: how many to make.
  ///   - testSamples: likewise; 0 for no test part, whose files are then not read.
  ///   - split: which of the training samples are held out; a table's categories and means are then those of the others.
  /// - Throws: `InputError`: one sentence that names the file or option.
  public static func open(
    _ name: DatasetName, directory: String?, seed: UInt64, trainSamples: Int? = nil,
    testSamples: Int? = nil, variant: DatasetVariant = DatasetVariant(),
    synthetic shape: Synthetic.Shape = Synthetic.Shape(), holdingOut split: ValidationSplit? = nil
  ) throws -> Dataset {
    guard trainSamples ?? 1 > 0 else { throw InputError("--samples must be at least 1") }
    guard testSamples ?? 0 >= 0 else { throw InputError("--test-samples must not be negative") }
    let parts = try wholeParts(name, directory, seed, trainSamples, testSamples, variant, shape, split)
    let train = try limit(parts.train, to: trainSamples, "--samples", parts.place)
    let (test, notes) = try limitTest(parts.test, to: testSamples, parts.place)
    let whole = Dataset(
      name: name.rawValue, train: train, test: test, notes: train.notes + (test?.notes ?? []) + notes)
    return split.map(whole.holdingOut) ?? whole
  }

  /// *Local.* The classes of the training samples. Reads their labels.
  public func classes() throws -> Classes { try Classes(of: train.labels(first: train.sampleCount), train) }

  /// *Local.* Test samples that a run evaluates: all of them, or none where none has a label of these classes. Reads their labels. Throws
  /// `InputError`.
  public func evaluatedTestSamples(of classes: Classes) throws -> Int {
    guard let test, Classes.areKnown(classes.numbers(of: try test.labels(first: test.sampleCount))) else { return 0 }
    return test.sampleCount
  }

  /// What the files hold, before `--samples` and `--test-samples` cut it.
  private struct Parts {
    let train: any SampleReader
    let test: (any SampleReader)?
    /// For messages.
    let place: String
  }

  private static func wholeParts(
    _ name: DatasetName, _ directory: String?, _ seed: UInt64, _ trainSamples: Int?,
    _ testSamples: Int?, _ variant: DatasetVariant, _ shape: Synthetic.Shape, _ split: ValidationSplit?
  ) throws -> Parts {
    if name == .digits { return digits(trainSamples) }
    if name == .synthetic {
      var shape = shape
      shape.train = trainSamples ?? shape.train
      shape.test = testSamples ?? shape.test
      return try Parts(
        train: Synthetic(.train, shape: shape, seed: seed),
        test: Synthetic(.test, shape: shape, seed: seed), place: "the synthetic data set")
    }
    let folder = try DataFolder(directory, for: name)
    if name == .csv {
      let heldOut = Set(split?.validation ?? [])
      return try table(folder, variant.table, trainSamples, heldOut, wantsTest: testSamples != 0)
    }
    return try files(name, folder, variant, wantsTest: testSamples != 0)
  }

  private static func digits(_ trainSamples: Int?) -> Parts {
    let all = Digits()
    let rest = min(trainSamples ?? all.sampleCount, all.sampleCount)..<all.sampleCount
    return Parts(
      train: all, test: rest.isEmpty ? nil : SampleRange(all, rest), place: "the digits data set")
  }

  private static func files(
    _ name: DatasetName, _ folder: DataFolder, _ variant: DatasetVariant, wantsTest: Bool
  ) throws -> Parts {
    if name == .libsvm {
      guard let (train, test) = try LIBSVM.open(folder, wantsTest: wantsTest) else { throw missingFiles(name, folder) }
      return Parts(train: train, test: test, place: folder.path)
    }
    guard let train = try split(.train, of: name, folder, variant) else { throw missingFiles(name, folder) }
    let test = wantsTest ? try split(.test, of: name, folder, variant) : nil
    if let test, test.sampleCount > 0, test.featureCount != train.featureCount {
      throw InputError(
        "\(folder.path) has \(train.featureCount) features in its training samples, but \(test.featureCount) in its test"
          + " samples")
    }
    return Parts(train: train, test: test, place: folder.path)
  }

  /// The columns' coding is that of the training rows in use that are not held out.
  private static func table(
    _ folder: DataFolder, _ rules: TableRules, _ trainSamples: Int?, _ heldOut: Set<Int>, wantsTest: Bool
  ) throws -> Parts {
    let files = CSVFolder(folder)
    guard let path = try files.train() else { throw missingFiles(.csv, folder) }
    let train = try CSV(training: path, rules, limit: trainSamples, heldOut: heldOut)
    let test =
      try wantsTest ? train.coding.flatMap { coding in try files.test.map { try CSV($0, coding, rules) } } : nil
    return Parts(train: train, test: test, place: folder.path)
  }

  private static func missingFiles(_ name: DatasetName, _ folder: DataFolder) -> InputError {
    let wanted =
      switch name {
      case .mnist, .idx: "train-images-idx3-ubyte, train-labels-idx1-ubyte"
      case .cifar10: "data_batch_1.bin, ... of cifar-10-binary.tar.gz"
      case .cifar100: "train.bin of cifar-100-binary.tar.gz"
      case .svhn: "train_32x32.mat"
      case .npy: "train_x.npy and train_y.npy, or an .npz archive"
      case .libsvm: "train, or NAME.libsvm, .svm, .txt, or NAME with NAME.t"
      case .csv: "train.csv, or a single .csv file"
      case .digits, .synthetic: ""
      }
    return folder.missing("training file of \(name.rawValue) (\(wanted))")
  }

  fileprivate static func split(
    _ split: Split, of name: DatasetName, _ folder: DataFolder, _ variant: DatasetVariant
  ) throws -> (any SampleReader)? {
    switch name {
    case .mnist, .idx: try IDXNames.open(split, in: folder)
    case .cifar10: try CIFAR.open(split, .ten, in: folder)
    case .cifar100: try CIFAR.open(split, .hundred(variant.labelSet), in: folder)
    case .svhn: try SVHN.open(split, hasExtra: variant.hasExtra, in: folder)
    case .npy: try NPYFolder.open(split, in: folder)
    case .digits, .libsvm, .csv, .synthetic: nil
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
  ) throws -> (test: (any SampleReader)?, notes: [String]) {
    if count == 0 { return (nil, []) }
    if let reader, !reader.hasLabels {
      return (nil, ["\(reader.labelPlace) is not there: there is no test part"])
    }
    guard let reader, reader.sampleCount > 0 else {
      if let count { throw InputError("--test-samples \(count): \(place) has no test samples") }
      return (nil, reader.map { ["\($0.place) holds no samples: there is no test part"] } ?? [])
    }
    return (try limit(reader, to: count, "--test-samples", place), [])
  }
}

extension Dataset {
  /// What a trained model knows of its data set.
  public struct Trained: Sendable {
    let featureCount: Int
    /// Digits: where the test part begins.
    let trainSamples: Int
    let variant: DatasetVariant
    /// LIBSVM: index of the first feature.
    let firstIndex: Int
    /// csv.
    let coding: TableCoding?
    /// Synthetic: how many the run asked for; nil: as many as there are unasked.
    let testSamples: Int?

    public init(
      featureCount: Int, trainSamples: Int, variant: DatasetVariant = DatasetVariant(), firstIndex: Int = 1,
      coding: TableCoding? = nil, testSamples: Int? = nil
    ) {
      self.coding = coding
      self.testSamples = testSamples
      self.featureCount = featureCount
      self.trainSamples = trainSamples
      self.variant = variant
      self.firstIndex = firstIndex
    }
  }

  /// LIBSVM: index of the first feature in the training file.
  public var firstIndex: Int {
    let part = (train as? SampleSelection)?.whole ?? train
    let reader = (part as? SampleRange)?.whole ?? part
    return (reader as? LIBSVM)?.firstIndex ?? 1
  }

  /// *Local.* Opens one split alone, for `predict`: the other's files need not be there. All its samples, except
  /// that the training part of digits and synthetic ends where training ended; synthetic test samples are no fewer
  /// than the run had.
  ///
  /// Throws `InputError`, also where the samples do not fit the model's features.
  public static func openSplit(
    _ split: Split, of name: DatasetName, directory: String?, seed: UInt64, model: Trained,
    synthetic shape: Synthetic.Shape = Synthetic.Shape()
  ) throws -> any SampleReader {
    let reader = try anySplit(split, name, directory, seed, model, shape)
    guard let reader, reader.sampleCount > 0 else {
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
      var shape = shape
      shape.test = max(shape.test, model.testSamples ?? 0)
      let whole = try open(
        name, directory: nil, seed: seed, trainSamples: end, synthetic: shape)
      return split == .train ? whole.train : whole.test
    case .libsvm:
      let files = try LIBSVMFolder(DataFolder(directory, for: name))
      let known = LIBSVM.Known(featureCount: model.featureCount, firstIndex: model.firstIndex)
      return try (split == .train ? files.train : files.test).map { try LIBSVM($0, known: known) }
    case .csv:
      guard let coding = model.coding else { throw notATable }
      let files = CSVFolder(try DataFolder(directory, for: name))
      return try (split == .train ? files.train() : files.test).map { try CSV($0, coding, model.variant.table) }
    case .mnist, .idx, .cifar10, .cifar100, .svhn, .npy:
      return try Self.split(split, of: name, DataFolder(directory, for: name), model.variant)
    }
  }

  private static var notATable: InputError {
    InputError("the model was not trained on a table (--dataset csv), so a table's columns cannot be read for it")
  }

  /// *Local.* The rows of a CSV file to be predicted: columns by their names, the target not read. No row is dropped, for each has its
  /// place in the outputs. Throws `InputError`.
  public static func openTable(_ path: String, model: Trained) throws -> any SampleReader {
    guard let coding = model.coding else { throw notATable }
    var rules = model.variant.table
    if rules.missing == .drop { rules.missing = .refuse }
    let reader = try CSV(path, coding, rules, labelled: false)
    guard reader.sampleCount > 0 else { throw InputError("\(path) holds no rows") }
    return reader
  }
}
