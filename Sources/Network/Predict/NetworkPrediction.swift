import Datasets
import Files
import LinearAlgebra
import MPI
import Runtime

/// The rows that a network is to predict, and where its outputs go.
public struct NetworkPredictionRequest: Sendable {
  /// The run directory.
  public var model: String
  /// Of the rows as a layer sees them: a fully-connected one, from 1; nil: the output.
  public var layer: Int?
  public var rows: RowsToPredict
  /// The first so many of the file's order; nil: all.
  public var samples: Int?
  /// Whether a label that no training sample has is refused.
  public var strict = false
  public var paths: PredictionFiles.Paths

  public init(model: String, rows: RowsToPredict, paths: PredictionFiles.Paths) {
    (self.model, self.rows, self.paths) = (model, rows, paths)
  }
}

/// *Collective.* Evaluates a trained network on new rows, in double precision, writes its outputs, (rows x classes) in the rows' order, the
/// classes' names, and the rows as one of its fully-connected layers sees them, and says how good the outputs are where labels are known.
/// Throws `InputError` before anything is written.
public func predictNetwork(_ request: NetworkPredictionRequest, world: Communicator) throws -> ExitStatus {
  let context = Context(world: world, host: try Host(surveying: world))
  let trained = try world.together { try TrainedNetwork(request.model, layer: request.layer) }
  let rows = try NetworkRows(
    request.rows, first: request.samples, isStrict: request.strict, trained, context)
  let files = try world.together {
    world.rank == 0
      ? try PredictionFiles(
        request.paths, names: trained.classes.names, width: trained.form.classes, featureWidth: trained.featureWidth,
        rows: rows.count) : nil
  }
  let found = try trained.evaluate(rows.shard.rows, wantsFeatures: request.paths.features != nil, context)
  try world.together {
    guard found.outputs.buffer.allSatisfy(\.isFinite) else {
      throw InputError("\(request.model): its numbers are too large, the outputs are not finite")
    }
  }
  let share = { TestShard<Double>.share(rows.count, of: $0, in: world).count }
  if let features = found.features {
    try world.gather(UnsafeBufferPointer(features.buffer), count: { share($0) * features.columns }) {
      try files?.features?.append($0)
    }
  }
  try world.gather(UnsafeBufferPointer(found.outputs.buffer), count: { share($0) * found.outputs.columns }) {
    try files?.append($0)
  }
  try world.together { try files?.finish() }
  try rows.report(found.outputs, trained, request.paths, world)
  return .done
}

extension NetworkRows {
  /// *Collective.* Rank 0 tells the number of rows, and their quality where labels are known.
  fileprivate func report(
    _ outputs: Matrix<Double>, _ trained: TrainedNetwork, _ paths: PredictionFiles.Paths, _ world: Communicator
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
    if let path = paths.outputs { lines.append("outputs: \(path) (\(count) x \(outputs.columns))") }
    if let path = paths.labels { lines.append("labels: \(path)") }
    if let path = paths.features {
      lines.append("features: \(path) (\(count) x \(trained.featureWidth)), layer \(trained.layer)")
    }
    if world.rank == 0 { standardOutput(lines.joined(separator: "\n") + "\n") }
  }
}
