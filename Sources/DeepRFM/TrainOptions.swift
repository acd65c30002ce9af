import Datasets
import Files
import KernelMachine
import LinearAlgebra
import Runtime
import Solve

/// Everything that `deeprfm train` can be told, by its long name in camelCase: the options of config.json.
public struct TrainOptions: DatasetOptions, RunOptions, Codable, Sendable, Equatable {
  public var dataset = DatasetName.digits
  /// The folder with the data set's files.
  public var data: String?
  /// The first so many of the file's order; nil: all.
  public var samples: Int?
  /// The same of the test split; 0: no test.
  public var testSamples: Int?
  /// Training samples held out to choose by: a share below 1, or a number; 0: none.
  public var validation = 0.0
  /// What the labels are taken for.
  public var targets = TargetKind.auto
  /// cifar100: which of its labels.
  public var labelSet = LabelSet.fine
  /// svhn: the extra training samples too.
  public var extra = false
  /// csv: the column to be predicted; nil: the last.
  var target: String?
  /// csv: columns that are passed over, with commas between them.
  var ignore: String?
  /// csv: what becomes of a value that is not there.
  public var missing = MissingRule.refuse
  /// Whether a test label that no training sample has ends the run.
  public var strict = false
  public var model = ModelKind.deepRFM
  public var layers = ModelKind.deepRFM.defaultLayers
  public var normalise = ModelKind.deepRFM.defaultNormalisation
  /// nil: best where samples are held out to choose by, else last.
  public var select: LayerChoice?
  /// Layers without a better validation metric after which the run ends; nil: it goes on to the last.
  public var patience: Int?
  public var kernel = Kernel.Kind.laplace
  /// nil: the median distance of each layer's rows.
  public var bandwidth: Double? = 2
  public var ridge = 1e-3
  public var classWeights = ClassWeights.none
  public var features = FeatureKind.relu
  /// Output width of the relu features.
  public var width = 512
  /// Scale of the cosine features' Cauchy weights.
  public var featureScale = 0.1
  public var projection = ProjectionKind.agop
  public var seed: UInt64 = 0
  public var precision = Precision.float32
  public var solver = SolverMethod.auto
  public var preconditioner = PreconditionerKind.nystrom
  /// nil: chosen by the solver.
  public var preconditionerRank: Int?
  public var agop = AGOPRoute.auto
  /// Of the true relative residual of the worst class.
  public var tolerance = 1e-4
  /// Relative error of tiles and weights between two classes that are kept as thin factors, 0: none are; nil: chosen, and tiles only where
  /// many do not fit.
  public var tileTolerance: Double?
  public var maxIterations = 500
  public var allowUnconverged = false
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

  /// Takes over what is the default with a model: its layers, and whether rows are normalised.
  public mutating func adopt(_ model: ModelKind) {
    (self.model, layers, normalise) = (model, model.defaultLayers, model.defaultNormalisation)
  }

  public var datasetVariant: DatasetVariant {
    let table = TableRules(target: target, ignored: TableRules.names(in: ignore), missing: missing)
    return DatasetVariant(labelSet: labelSet, hasExtra: extra, table: table)
  }
}

extension TrainOptions {
  /// The order of the help and of config.json.
  public static let table = OptionTable<TrainOptions>(
    "train", dataOptions + methodOptions + solverOptions + runOptions)

  private static let dataOptions: [CommandOption<TrainOptions>] =
    CommandOption<TrainOptions>.sampleOptions + learningOptions + CommandOption<TrainOptions>.variantOptions
    + tableOptions

  /// What is done with the samples.
  private static let learningOptions: [CommandOption<TrainOptions>] = [
    CommandOption(
      "validation", \.validation,
      .real("F", "a share below 1, or a number of samples") {
        $0 >= 0 && ($0 < 1 || $0 == $0.rounded()) && $0 <= Double(Int32.max)
      },
      "hold out this share (below 1) or number of the training samples, in proportion from each class, to choose by"),
    CommandOption(
      "targets", \.targets, .choice,
      "what labels are: auto takes texts, one-hot rows and whole numbers for classes (in csv at most 20 different numbers), others for "
        + "values to be predicted"),
  ]

  private static let tableOptions: [CommandOption<TrainOptions>] = [
    CommandOption("target", \.target, .name, "csv: the column to be predicted (default: the last)"),
    CommandOption("ignore", \.ignore, .name, "csv: columns that are passed over, with commas between them"),
    CommandOption(
      "missing", \.missing, .choice,
      "csv: what becomes of missing values: refused, the column's mean in training, or the row is dropped"),
    CommandOption(
      flag: "strict", \.strict, "a test label that no training sample has ends the run (else: counted as wrong)"),
  ]

  private static let methodOptions: [CommandOption<TrainOptions>] = [
    CommandOption(
      "model", \.model, .choice,
      "rfm: no features, each layer's rows are the first ones times the last layer's root; it defaults to --layers 5 --normalise none"
    ),
    CommandOption("layers", \.layers, .integer("L", in: 1...100_000), "number of layers"),
    CommandOption(
      "normalise", \.normalise, .choice, "divide each row by its norm, in rfm once, before the first layer"),
    CommandOption(
      "select", \.select, .choice,
      "the layer that predict uses: the last, or the best by the validation samples (default: best with --validation)"),
    CommandOption(
      "patience", \.patience, .integer("P", in: 1...100_000),
      "end after P layers without a better validation metric"),
    CommandOption("kernel", \.kernel, .choice, "of the Euclidean distance"),
    CommandOption(
      "bandwidth", \.bandwidth, .positive("S", orNil: "auto"),
      "s in the kernel; auto: each layer's median distance between rows"),
    CommandOption(
      "ridge", \.ridge, .real("MU", "a number of at least 0") { $0 >= 0 },
      "added to the kernel's diagonal; 0 is allowed"),
    CommandOption(
      "class-weights", \.classWeights, .choice, "balanced: all classes together count the same in the ridge system"),
    CommandOption("features", \.features, .choice, "the random map that ends a layer"),
    CommandOption(
      "width", \.width, .integer("W", in: 1...1_000_000),
      "relu: output width; cosine keeps the input width"),
    CommandOption(
      "feature-scale", \.featureScale, .positive("G"), "cosine: Cauchy scale of the weights"),
    CommandOption(
      "projection", \.projection, .choice,
      "what multiplies the data before the features (identity and random are ablations)"),
    CommandOption("seed", \.seed, .seed, "of all randomness; the rank count changes nothing"),
    CommandOption("precision", \.precision, .choice, "of the data and the kernel"),
  ]

  private static let solverOptions: [CommandOption<TrainOptions>] = [
    CommandOption(
      "solver", \.solver, .choice,
      "cholesky: one rank, K whole in double precision; auto: cg, but cholesky where there are so many outputs that it costs less, by one rank on "
        + "all cores of the node, and cg again for a layer where K has no factor or its solution misses the tolerance"
    ),
    CommandOption("preconditioner", \.preconditioner, .choice, "of the conjugate gradient"),
    CommandOption(
      "preconditioner-rank", \.preconditionerRank, .count("R"),
      "columns of K it is made of (default: chosen)"),
    CommandOption(
      "agop", \.agop, .choice, "route of the average gradient outer product; sketch is approximate"),
    CommandOption(
      "tolerance", \.tolerance, .real("T", "a number above 0 and below 1") { $0 > 0 && $0 < 1 },
      "true relative residual of the worst class"),
    CommandOption(
      "tile-tolerance", \.tileTolerance, .real("T", "a number of at least 0 and below 1") { $0 >= 0 && $0 < 1 },
      "relative error of the AGOP's weights, and of tiles, between classes that become two thin factors where that is less work; 0: dense ones only "
        + "(default: chosen, and tiles only where many do not fit the memory)"),
    CommandOption(
      "max-iterations", \.maxIterations, .count("I"), "of the conjugate gradient"),
    CommandOption(
      flag: "allow-unconverged", \.allowUnconverged, "go on when the tolerance was not reached"),
  ]

  private static let runOptions = CommandOption<TrainOptions>.runOptions(
    memory: "; what does not fit is recomputed", checkpoints: "inside a layer; a layer's end is one anyway",
    configuration: "run")

  /// The options that `arguments` ask for, checked. Throws `InputError`.
  public static func parse(_ arguments: [String]) throws(InputError) -> TrainOptions {
    let assignments = try table.assignments(arguments)
    let given = assignments.map { ($0.option.name, $0.text) }
    var options = TrainOptions()
    options.begin(with: given)
    if let file = assignments.last(where: { $0.option.name == "config" })?.text {
      try options.read(configuration: file)
    }
    try table.apply(assignments, to: &options)
    try options.refuseForeign(given)
    try options.validate()
    return options
  }

  /// Takes over the defaults of the model that the command line names, before a configuration is read and the line applied.
  public mutating func begin(with given: [(name: String, text: String)]) {
    if let model = given.last(where: { $0.name == "model" }).flatMap({ ModelKind(rawValue: $0.text) }) { adopt(model) }
  }

  /// Throws `InputError` where the command line gives an option that the model does not have.
  public func refuseForeign(_ given: [(name: String, text: String)]) throws(InputError) {
    guard let foreign = given.first(where: { model.foreignOptions.contains($0.name) }) else { return }
    throw InputError("--\(foreign.name) has no meaning with --model \(model.rawValue), which has no random features")
  }

  /// Reads a run's config.json, or a bare object of options.
  ///
  /// Of a run's config.json the output directory is left out: it is that run's own, and a new run has another.
  public mutating func read(configuration file: String) throws(InputError) {
    let bytes = try InputFile.contents(file, limit: 1 << 20, pipes: true)
    let json: JSON
    do throws(JSON.SyntaxError) {
      json = try JSON(parsing: bytes)
    } catch {
      throw InputError("\(file) is not JSON: \(error)")
    }
    if case .string(let name)? = (json["options"] ?? json)["model"], let model = ModelKind(rawValue: name) {
      adopt(model)
    }
    if let object = json["options"] {
      try RunFormat.check(json, source: file)
      try Self.table.apply(object, from: file, leaving: ["output", "resume"], to: &self)
    } else {
      try Self.table.apply(json, from: file, to: &self)
    }
  }

  /// Checks what no option can check alone. Throws `InputError`.
  func validate() throws(InputError) {
    try validateDataset()
    try TableRules.check(dataset, target: target, ignore: ignore, missing: missing)
    if validation == 0 {
      if select == .best { throw InputError("--select best goes with --validation") }
      if patience != nil { throw InputError("--patience goes with --validation") }
    }
    try validateRun()
  }

  /// Checks what depends on the number of ranks. Throws `InputError`, on every rank the same.
  public func validate(ranks: Int) throws(InputError) {
    if solver == .cholesky && ranks > 1 {
      throw InputError("--solver cholesky runs on one rank, not on \(ranks)")
    }
  }
}
