import Files

/// The data sets that the command knows.
public enum DatasetName: String, CaseIterable, Codable, Sendable {
  case digits, mnist, idx, cifar10, cifar100, svhn, npy, libsvm, csv, synthetic
}

/// The two parts of a data set.
public enum Split: String, CaseIterable, Codable, Sendable {
  case train, test
}

extension DatasetName {
  /// Whether the set is read from a folder, rather than built in or made.
  public var needsData: Bool {
    switch self {
    case .digits, .synthetic: false
    case .mnist, .idx, .cifar10, .cifar100, .svhn, .npy, .libsvm, .csv: true
    }
  }
}

/// Throws `InputError` if the data set is read from a folder and none was given.
public func requireData(_ dataset: DatasetName, _ data: String?) throws(InputError) {
  if dataset.needsData && data == nil {
    throw InputError("--dataset \(dataset.rawValue) needs --data DIR, the folder with its files")
  }
}

/// Which of its sets of labels CIFAR-100 is read with: 100 classes, or 20 groups of them.
public enum LabelSet: String, CaseIterable, Codable, Sendable {
  case fine, coarse
}

/// What some data sets have beside a folder.
public struct DatasetVariant: Sendable, Equatable {
  /// cifar100.
  public var labelSet = LabelSet.fine
  /// svhn: the extra training samples too.
  public var hasExtra = false
  /// csv.
  var table = TableRules()

  public init(labelSet: LabelSet = .fine, hasExtra: Bool = false, table: TableRules = TableRules()) {
    self.labelSet = labelSet
    self.hasExtra = hasExtra
    self.table = table
  }
}
