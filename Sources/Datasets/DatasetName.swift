import Files

/// The data sets that the command knows.
public enum DatasetName: String, CaseIterable, Codable, Sendable {
  case digits, mnist, cifar10, svhn, npy, libsvm, synthetic
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
    case .mnist, .cifar10, .svhn, .npy, .libsvm: true
    }
  }
}

/// Throws `InputError` if the data set is read from a folder and none was given.
public func requireData(_ dataset: DatasetName, _ data: String?) throws(InputError) {
  if dataset.needsData && data == nil {
    throw InputError("--dataset \(dataset.rawValue) needs --data DIR, the folder with its files")
  }
}
