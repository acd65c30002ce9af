import Datasets
import Files
import LinearAlgebra
import MPI
import Runtime

/// A network's run directory as prediction needs it: all shapes proven to fit each other.
struct TrainedNetwork {
  let options: NetworkOptions
  let form: NetworkForm
  let data: RunData
  let classes: Classes
  /// Whose input the rows' features are: a fully-connected layer, from 1; depth + 1 is the output.
  let layer: Int
  private let coding: TableCoding?
  private let file: SafetensorsFile

  /// *Local.* Throws `InputError`.
  init(_ path: String, layer: Int? = nil) throws {
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
    form = try options.form(
      features: data.standardisation.mean.count, shape: data.sampleShape, classes: last + 1)
    coding = options.dataset == .csv ? try folder.readFacts()?.coding : nil
    self.layer = layer ?? form.depth + 1
    guard 1...(form.depth + 1) ~= self.layer else {
      throw InputError(
        "--layer \(self.layer): the network in \(path) has \(form.depth + 1) fully-connected layers, the output among them"
      )
    }
  }

  /// Of the layer's input. *Local.*
  var featureWidth: Int {
    if layer > 1 { return form.width }
    guard form.architecture.takesImages,
      let builder = try? form.build(rows: 0, threads: 1, isPlan: true, of: Double.self)
    else { return form.input.count }
    return builder.layers.first { $0 is Linear<Double> }?.input.count ?? 0
  }

  /// What a data set must agree with.
  var trained: Dataset.Trained {
    Dataset.Trained(
      featureCount: data.standardisation.mean.count, trainSamples: data.order.count, variant: options.datasetVariant,
      firstIndex: data.firstIndex, coding: coding, testSamples: options.testSamples)
  }

  /// *Collective.* Of this rank's rows the outputs, (rows x classes), and, where wanted, the layer's input, (rows x its width). Throws
  /// `InputError` where a rank has not the memory.
  func evaluate(
    _ rows: Matrix<Double>, wantsFeatures: Bool, _ context: Context
  ) throws -> (outputs: Matrix<Double>, features: Matrix<Double>?) {
    let width = form.classes + (wantsFeatures ? featureWidth : 0)
    let blockRows = try NetworkMemory.rowsOfPrediction(
      form, most: context.world.maximum(rows.rows), held: rows.rows * width * MemoryLayout<Double>.stride,
      budget: Memory.available / 10 * 9 / context.host.ranksOnNode, context)
    let network = try form.network(rows: blockRows, context, of: Double.self)
    try context.world.together { try network.weights.read(file) }
    let outputs = Matrix<Double>(uninitialisedRows: rows.rows, columns: form.classes)
    let features =
      wantsFeatures ? Matrix<Double>(uninitialisedRows: rows.rows, columns: network.linear(layer).input.count) : nil
    let seen = ObjectIdentifier(network.linear(layer))
    for block in (0..<rows.rows).pieces(ofAtMost: blockRows) {
      let values = try network.forward(rows.rows(block), .evaluate, batchRows: block.count) { layer, input, _ in
        if ObjectIdentifier(layer) == seen { features?.rows(block).copy(from: input) }
      }
      outputs.rows(block).copy(from: values)
    }
    return (outputs, features)
  }

  /// *Local.* W of the layer, in double. Throws `InputError`.
  func weights() throws -> Matrix<Double> {
    let prefix = form.architecture.takesImages ? "head." : ""
    let name = "\(prefix)linear\(layer).weight"
    let outputs = layer > form.depth ? form.classes : form.width
    try file.expect(name, [outputs, featureWidth])
    return try file.matrix(name)
  }
}

/// Rows for a network: each rank its share of them, contiguous in the input's order, standardised.
struct NetworkRows {
  /// Over all ranks.
  let count: Int
  let shard: TestShard<Double>
  let notes: [String]

  /// *Collective.* Throws `InputError`, the same on all ranks.
  /// - Parameter samples: the first so many of the file's order; nil: all.
  init(
    _ rows: RowsToPredict, first samples: Int?, isStrict: Bool, _ trained: TrainedNetwork, _ context: Context
  ) throws {
    let (world, host) = (context.world, context.host)
    let copies = try SampleCopies(of: rows.input ?? rows.data, hostName: host.name, world: world)
    let reader = try world.together {
      let reader = try copies.reading { try rows.open(for: trained.trained, seed: trained.options.seed) }
      try trained.options.checkSameImages(
        reader.sampleShape, as: trained.data.sampleShape, features: reader.featureCount)
      return reader
    }
    try copies.checkSame([reader], labelled: reader.hasLabels)
    let count = samples ?? reader.sampleCount
    try world.together {
      guard count <= reader.sampleCount else {
        throw InputError("--samples \(count) is more than the \(reader.sampleCount) rows that are there")
      }
      try Memory.checkSamples(
        [reader], ranks: world.size, elementBytes: MemoryLayout<Double>.stride,
        budget: Memory.available / 10 * 9 / host.ranksOnNode)
    }
    shard = try TestShard<Double>(
      reader, first: count, .classes(trained.classes), trained.data.standardisation, isLabelled: reader.hasLabels,
      isStrict: isStrict, world: world)
    self.count = count
    notes = reader.notes + shard.notes
  }
}
