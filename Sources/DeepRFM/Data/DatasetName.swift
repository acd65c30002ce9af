/// The data sets that `--dataset` names.
public enum DatasetName: String, CaseIterable, Codable, Sendable {
  case digits, mnist, cifar10, svhn, npy, libsvm, synthetic
}
