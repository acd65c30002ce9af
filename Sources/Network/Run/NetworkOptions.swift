import Datasets
import Files
import LinearAlgebra
import Runtime

/// What is measured beside the hidden fully-connected layers. Raw values are those of `--measure`.
public enum ExtraMeasure: String, Sendable, Codable, CaseIterable {
  case convolutions
}

/// Everything that `deeprfm network` can be told, by its long name in camelCase: the options of config.json.
public struct NetworkOptions: DatasetOptions, RunOptions, Sendable, Equatable {
  public var dataset = DatasetName.digits
  /// The folder with the data set's files.
  public var data: String?
  /// The first so many of the file's order; nil: all.
  public var samples: Int?
  /// The same of the test split; 0: no test.
  public var testSamples: Int?
  /// csv: the column to be learnt; nil: the last.
  public var target: String?
  /// csv: columns that are passed over, with commas between them.
  public var ignore: String?
  /// csv: what becomes of a value that is not there.
  public var missing = MissingRule.refuse
  public var labelSet = LabelSet.fine
  public var extra = false
  public var architecture = Architecture.mlp
  /// Hidden fully-connected layers.
  public var depth = 5
  public var width = 512
  public var activation = ActivationKind.relu
  public var initScale = 1.0
  public var epochs = 300
  /// Rows of a batch, of all ranks.
  public var batch = 128
  public var learningRate = 0.05
  public var momentum = 0.0
  public var weightDecay = 0.0
  public var optimizer = OptimizerKind.sgd
  public var loss = LossKind.mse
  /// Epochs from one measurement to the next.
  public var measureEvery = 10
  public var measure: ExtraMeasure?
  /// A safetensors file to begin with.
  public var initialWeights: String?
  /// An NPY file, epochs x samples.
  public var sampleOrder: String?
  public var seed: UInt64 = 0
  public var precision = Precision.float32
  /// Bytes per rank; nil: most of what is free.
  public var memory: Int?
  /// Per rank; nil: the node's cores over its ranks.
  public var threads: Int?
  /// The run directory; nil: a new one under runs/.
  public var output: String?
  /// Seconds.
  public var checkpointEvery = 600.0
  public var resume = false
  /// Seconds.
  public var timeLimit: Double?
  public var quiet = false

  public init() {}

  package var datasetVariant: DatasetVariant {
    let table = TableRules(target: target, ignored: TableRules.names(in: ignore), missing: missing)
    return DatasetVariant(labelSet: labelSet, hasExtra: extra, table: table)
  }

  /// Whether an epoch, from 0, ends with a measurement.
  func measures(after epoch: Int) -> Bool { epoch % measureEvery == 0 || epoch == epochs - 1 }

  /// Measurements of a whole run.
  package var measurements: Int {
    (epochs + measureEvery - 1) / measureEvery + ((epochs - 1) % measureEvery == 0 ? 0 : 1)
  }
}

extension NetworkOptions {
  /// The order of the help and of config.json.
  public static let table = OptionTable<NetworkOptions>(
    "network",
    CommandOption<NetworkOptions>.sampleOptions + tableOptions
      + CommandOption<NetworkOptions>.variantOptions + networkOptions + trainingOptions
      + CommandOption<NetworkOptions>.runOptions(
        memory: "", checkpoints: "between two checkpoints", configuration: "network"))

  private static let tableOptions: [CommandOption<NetworkOptions>] = [
    CommandOption("target", \.target, .name, "csv: the column to be learnt (default: the last)"),
    CommandOption("ignore", \.ignore, .name, "csv: columns that are passed over, with commas between them"),
    CommandOption(
      "missing", \.missing, .choice,
      "csv: what becomes of missing values: refused, the column's mean in training, or the row is dropped"),
  ]

  private static let networkOptions: [CommandOption<NetworkOptions>] = [
    CommandOption(
      "architecture", \.architecture, .choice, "fully-connected layers, alone or on torchvision's convolutions"),
    CommandOption("depth", \.depth, .integer("L", in: 1...1000), "hidden fully-connected layers"),
    CommandOption("width", \.width, .integer("W", in: 1...1_000_000), "units of each"),
    CommandOption("activation", \.activation, .choice, "of every hidden unit"),
    CommandOption(
      "init-scale", \.initScale, .positive("S"), "hidden layers begin uniform in +-S sqrt(6 / (in + out))"),
    CommandOption(
      "initial-weights", \.initialWeights, .path("FILE.safetensors"),
      "begin with these: names as PyTorch's state dict has them, or weights.1, ... of an mlp"),
  ]

  private static let trainingOptions: [CommandOption<NetworkOptions>] = [
    CommandOption("epochs", \.epochs, .integer("E", in: 1...10_000_000), "0 to E - 1"),
    CommandOption("batch", \.batch, .count("B"), "samples of a step, of all ranks together"),
    CommandOption("learning-rate", \.learningRate, .positive("R"), "of a step"),
    CommandOption("momentum", \.momentum, .real("M", "a number from 0 to below 1") { $0 >= 0 && $0 < 1 }, "of sgd"),
    CommandOption(
      "weight-decay", \.weightDecay, .real("D", "a number of at least 0") { $0 >= 0 },
      "times the weights, added to the gradient"),
    CommandOption("optimizer", \.optimizer, .choice, "adam: beta 0.9 and 0.999"),
    CommandOption("loss", \.loss, .choice, "mse: of targets 1 and -1"),
    CommandOption(
      "measure-every", \.measureEvery, .integer("E", in: 1...10_000_000), "epochs; the first and the last always"),
    CommandOption("measure", \.measure, .choice, "beside the hidden fully-connected layers; by the AGOP over patches"),
    CommandOption(
      "sample-order", \.sampleOrder, .path("FILE.npy"),
      "the order of the samples, epochs x N class-sorted positions (default: drawn)"),
    CommandOption("seed", \.seed, .seed, "of all randomness; the rank count changes nothing"),
    CommandOption("precision", \.precision, .choice, "of the data and the network"),
  ]

  /// What may change between two parts of a run: where and how fast, not what.
  static let free: Set<String> = [
    "data", "memory", "threads", "output", "checkpoint-every", "resume", "time-limit", "quiet",
  ]

  /// The options that `arguments` ask for, checked. Throws `InputError`.
  public static func parse(_ arguments: [String]) throws(InputError) -> NetworkOptions {
    let assignments = try table.assignments(arguments)
    var options = NetworkOptions()
    if let file = assignments.last(where: { $0.option.name == "config" })?.text {
      try options.read(configuration: file)
    }
    try table.apply(assignments, to: &options)
    try options.validate()
    return options
  }

  /// Reads a run's config.json, but for its output directory, or a bare object of options.
  package mutating func read(configuration file: String) throws(InputError) {
    let bytes = try InputFile.contents(file, limit: 1 << 20, pipes: true)
    let json = try RunFolder.parse(bytes, file)
    if let object = json["options"] {
      try RunFormat.check(json, source: file)
      try Self.table.apply(object, from: file, leaving: ["output", "resume"], to: &self)
    } else {
      try Self.table.apply(json, from: file, to: &self)
    }
  }

  /// Checks what no option can check alone. Throws `InputError`.
  /// - Parameter needsFiles: false: the sizes of an official set are enough, as for a plan.
  package func validate(needsFiles: Bool = true) throws(InputError) {
    try validateDataset(needsFiles: needsFiles)
    try TableRules.check(dataset, target: target, ignore: ignore, missing: missing)
    try validateRun()
    if momentum != 0 && optimizer == .adam { throw InputError("--momentum goes with --optimizer sgd") }
    if measure == .convolutions && !architecture.takesImages {
      throw InputError("--measure convolutions: --architecture \(architecture.rawValue) has none")
    }
  }

  /// The network that is trained. Throws `InputError` where the samples are no images and it wants some.
  /// - Parameter shape: a sample's dimensions, where its file tells them; nil: what is taken for an image is square.
  package func form(features: Int, shape: [Int]?, classes: Int) throws(InputError) -> NetworkForm {
    var input = FeatureShape(features)
    if architecture.takesImages { input = try image(features, shape) }
    var form = NetworkForm(architecture, input: input, classes: classes)
    (form.depth, form.width, form.activation, form.scale) = (depth, width, activation, initScale)
    return form
  }

  /// What a sample is as an image: (channels x height x width), or of one channel (height x width), or with that channel last.
  private func image(_ features: Int, _ shape: [Int]?) throws(InputError) -> FeatureShape {
    let name = "--architecture \(architecture.rawValue)"
    // One row of numbers, however its dimensions are written, is a plain vector.
    guard let shape, shape.count(where: { $0 > 1 }) > 1 else {
      guard let image = FeatureShape.image(features: features) else {
        throw InputError(
          "\(name) takes square images of one channel or three, and \(dataset.rawValue) has \(features) features a sample"
        )
      }
      return image
    }
    let sizes = shape.count == 2 ? [1] + shape : shape
    guard checkedProduct(sizes) == features, sizes.count == 3 else {
      throw InputError("\(name) takes samples of channels x height x width, and these have the shape \(shape)")
    }
    if sizes[0] == 1 || sizes[0] == 3 { return FeatureShape(channels: sizes[0], height: sizes[1], width: sizes[2]) }
    if sizes[2] == 1 { return FeatureShape(channels: 1, height: sizes[0], width: sizes[1]) }
    if sizes[2] == 3 {
      throw InputError(
        "\(name): the samples have the shape \(shape), and channels come first: \([3, sizes[0], sizes[1]]) is needed")
    }
    throw InputError("\(name) takes images of one channel or three, and the samples have the shape \(shape)")
  }

  /// *Local.* Throws `InputError` where other samples of as many features are images of another shape than those of training, as far as
  /// both shapes are known.
  package func checkSameImages(_ other: [Int]?, as trained: [Int]?, features: Int) throws(InputError) {
    guard architecture.takesImages, let other, let trained else { return }
    guard try image(features, other) != image(features, trained) else { return }
    throw InputError(
      "--architecture \(architecture.rawValue): samples of the shape \(other) do not fit those of training, \(trained)")
  }
}

/// config.json of a network's run.
public typealias NetworkConfiguration = RunHeader<NetworkOptions>

extension RunHeader<NetworkOptions> {
  var json: JSON { json(NetworkOptions.table) }

  init(json: JSON, source: String) throws(InputError) {
    try self.init(json: json, source: source, NetworkOptions.table, defaults: NetworkOptions())
  }
}
