import Files
import Runtime

/// What every command that learns from samples can be told of them.
public protocol DatasetOptions {
  var dataset: DatasetName { get set }
  /// The folder with the data set's files.
  var data: String? { get set }
  /// The first so many of the file's order; nil: all.
  var samples: Int? { get set }
  /// The same of the test split; 0: no test.
  var testSamples: Int? { get set }
  /// cifar100: which of its labels.
  var labelSet: LabelSet { get set }
  /// svhn: the extra training samples too.
  var extra: Bool { get set }
}

extension DatasetOptions {
  /// Checks what no option can check alone. Throws `InputError`.
  /// - Parameter needsFiles: whether a set that is read from a folder needs one to be named.
  public func validateDataset(needsFiles: Bool = true) throws(InputError) {
    if needsFiles { try requireData(dataset, data) }
    if labelSet != .fine && dataset != .cifar100 { throw InputError("--label-set goes with --dataset cifar100") }
    if extra && dataset != .svhn { throw InputError("--extra goes with --dataset svhn") }
  }
}

extension CommandOption where Options: DatasetOptions {
  /// Which samples.
  public static var sampleOptions: [CommandOption] {
    [
      CommandOption("dataset", \.dataset, .choice, "what to learn; digits and synthetic need no files"),
      CommandOption(
        "data", \.data, .path("DIR"),
        "folder with the set's official files (.gz accepted); npy: train_x.npy train_y.npy [test_x.npy "
          + "test_y.npy], or an .npz or .safetensors file; libsvm: train [test], or NAME and NAME.t; idx: files named as MNIST's; csv: "
          + "train.csv [test.csv], or a file"),
      CommandOption("samples", \.samples, .count("N"), "the first N of the file's order"),
      CommandOption("test-samples", \.testSamples, .count("N", from: 0), "the same of the test split; 0: no test"),
    ]
  }

  /// Which variant of some data sets.
  public static var variantOptions: [CommandOption] {
    [
      CommandOption("label-set", \.labelSet, .choice, "cifar100: its 100 classes or their 20 groups"),
      CommandOption(flag: "extra", \.extra, "svhn: the extra training samples (extra_32x32.mat) behind the others"),
    ]
  }
}
