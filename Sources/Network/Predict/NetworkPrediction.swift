import Datasets
import Files
import LinearAlgebra
import MPI
import Runtime

/// The rows that a network is to predict, and where its outputs go.
public struct NetworkPredictionRequest: Sendable {
  /// The run directory.
  public var model = ""
  /// What to predict; nil: the rows of `input`.
  public var dataset: DatasetName?
  public var data: String?
  public var split = Split.test
  /// The first so many of the file's order; nil: all.
  public var samples: Int?
  /// Rows as .npy.
  public var input: String?
  /// Whether a label that no training sample has is refused.
  public var strict = false
  /// The .npy file to write.
  public var output = ""

  public init() {}
}

/// *Collective.* Evaluates a trained network on new rows, in double precision, writes its outputs, (rows x classes) in the rows' order, and
/// says how good they are where labels are known. Throws `InputError` before anything is written.
public func predictNetwork(_ request: NetworkPredictionRequest, world: Communicator) throws -> ExitStatus {
  let context = Context(world: world, host: try Host(surveying: world))
  let trained = try world.together { try TrainedNetwork(request.model) }
  let rows = try NetworkRows(request, trained, context)
  let writer = try world.together {
    world.rank == 0 ? try NPYWriter<Double>(request.output, shape: [rows.count, trained.form.classes]) : nil
  }
  let outputs = try trained.outputs(of: rows.shard.rows, context)
  try world.together {
    guard outputs.buffer.allSatisfy(\.isFinite) else {
      throw InputError("\(request.model): its numbers are too large, the outputs are not finite")
    }
  }
  let share = { TestShard<Double>.share(rows.count, of: $0, in: world).count }
  try world.gather(UnsafeBufferPointer(outputs.buffer), count: { share($0) * outputs.columns }) {
    try writer?.append($0)
  }
  try world.together { try writer?.finish() }
  try rows.report(outputs, trained, request, world)
  return .done
}

/// A network's run directory as prediction needs it: all shapes proven to fit each other. Throws `InputError`.
struct TrainedNetwork {
  let options: NetworkOptions
  let form: NetworkForm
  let data: RunData
  let classes: Classes
  private let file: SafetensorsFile

  /// *Local.*
  init(_ path: String) throws {
    let folder = RunFolder(path)
    options = try folder.readNetworkConfiguration().options
    data = try folder.readData()
    guard InputFile.exists(folder.model) else {
      throw InputError("\(path) has no model yet: its training is not finished")
    }
    file = try folder.openTensors(folder.model)
    guard let last = data.labels.last, last >= 0, last < Limits.classes else {
      throw InputError("\(folder.data): \"labels\" are no classes")
    }
    classes = try data.classes(count: last + 1, options.dataset)
    form = try options.form(features: data.standardisation.mean.count, classes: last + 1)
  }

  /// *Collective.* The outputs of this rank's rows; (rows x classes).
  func outputs(of rows: Matrix<Double>, _ context: Context) throws -> Matrix<Double> {
    let blockRows = max(1, min(NetworkMemory.evaluationRows, rows.rows))
    let network = try form.network(rows: blockRows, context, of: Double.self)
    try context.world.together { try network.weights.read(file) }
    let outputs = Matrix<Double>(uninitialisedRows: rows.rows, columns: form.classes)
    for block in (0..<rows.rows).pieces(ofAtMost: blockRows) {
      let values = try network.forward(rows.rows(block), .evaluate, batchRows: block.count)
      outputs.rows(block).copy(from: values)
    }
    return outputs
  }
}

/// The rows to predict: each rank its share of them, contiguous in the input's order, standardised.
struct NetworkRows {
  /// Over all ranks.
  let count: Int
  let shard: TestShard<Double>
  let notes: [String]

  /// *Collective.* Throws `InputError`, the same on all ranks.
  init(_ request: NetworkPredictionRequest, _ trained: TrainedNetwork, _ context: Context) throws {
    let (world, host) = (context.world, context.host)
    let copies = try SampleCopies(of: request.input ?? request.data, hostName: host.name, world: world)
    let reader = try world.together { try copies.reading { try Self.open(request, trained) } }
    try copies.checkSame([reader], labelled: request.input == nil)
    let count = request.samples ?? reader.sampleCount
    try world.together {
      guard count <= reader.sampleCount else {
        throw InputError("--samples \(count) is more than the \(reader.sampleCount) rows that are there")
      }
      try Memory.checkSamples(
        [reader], ranks: world.size, elementBytes: MemoryLayout<Double>.stride,
        budget: Memory.available / 10 * 9 / host.ranksOnNode)
    }
    shard = try TestShard<Double>(
      reader, first: count, .classes(trained.classes), trained.data.standardisation, isLabelled: request.input == nil,
      isStrict: request.strict, world: world)
    self.count = count
    notes = reader.notes + shard.notes
  }

  private static func open(_ request: NetworkPredictionRequest, _ trained: TrainedNetwork) throws -> any SampleReader {
    let features = trained.data.standardisation.mean.count
    if let dataset = request.dataset {
      return try Dataset.openSplit(
        request.split, of: dataset, directory: request.data, seed: trained.options.seed,
        model: Dataset.Trained(
          featureCount: features, trainSamples: trained.data.order.count, variant: trained.options.datasetVariant,
          firstIndex: trained.data.firstIndex))
    }
    let path = request.input ?? ""
    let reader = try NPYSamples.unlabelled(path)
    guard reader.featureCount == features else {
      throw InputError(
        "--input \(path) has \(reader.featureCount) features, but the model was trained with \(features)")
    }
    return reader
  }

  /// *Collective.* Rank 0 tells the number of rows, and their quality where labels are known.
  func report(
    _ outputs: Matrix<Double>, _ trained: TrainedNetwork, _ request: NetworkPredictionRequest, _ world: Communicator
  ) throws {
    var lines = notes.map { printable($0) } + ["rows: \(count)"]
    if let labels = shard.labels {
      let numbers = labels.map { Int32($0) } + [0]
      let own = numbers.withUnsafeBufferPointer { trained.options.loss.score(outputs.view, $0.baseAddress!) }
      var values = own.values
      try world.sum(&values)
      let score = Score(values)
      lines += ["accuracy: \(score.accuracy)", "loss: \(score.meanLoss)"]
    }
    lines.append("outputs: \(request.output) (\(count) x \(outputs.columns))")
    if world.rank == 0 { standardOutput(lines.joined(separator: "\n") + "\n") }
  }
}
