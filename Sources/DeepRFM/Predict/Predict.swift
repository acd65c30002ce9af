import Datasets
import Files
import KernelMachine
import LinearAlgebra
import MPI
import Runtime

/// *Collective.* Evaluates a trained run's predictor on new rows, writes its outputs, (rows x outputs) in the rows' order,
/// and says how good they are where labels are known.
///
/// Throws `InputError` before anything is written. An output file that is there is replaced, once the new one is whole.
public func predict(_ options: PredictOptions, world: Communicator) throws -> ExitStatus {
  let host = try Host(surveying: world)
  try Prediction(options, host, world).predict()
  return .done
}

/// The path of new rows through a trained run's layers, in double precision: in the layers between, new rows have no
/// class means beside them that would keep float32's digits.
final class Prediction {
  let options: PredictOptions
  let context: Context
  let model: TrainedRun
  /// Of the training samples on these ranks, however many trained.
  let layout: Layout

  var world: Communicator { context.world }
  var timer: PhaseTimer { context.timer }
  var shard: Range<Int> { layout.shard(of: world.rank) }

  /// *Collective.* Opens the run. Throws `InputError`.
  init(_ options: PredictOptions, _ host: Host, _ world: Communicator) throws {
    self.options = options
    context = Context(world: world, host: host)
    let model = try world.together { try TrainedRun(options.model, layer: options.layer) }
    self.model = model
    layout = Layout(classCounts: model.classCounts, ranks: world.size)
  }

  /// *Collective.*
  func predict() throws {
    let new = try NewRows(options, model, layout: layout, context: context)
    let files = try world.together { world.rank == 0 ? try makeFiles(rows: new.count) : nil }
    let centers = try loadCenters()
    let points = try lastInput(of: new.points)
    let rows = { TestShard<Double>.share(new.count, of: $0, in: self.world).count }
    if options.features != nil {
      let features = points.inOrder()
      try world.gather(UnsafeBufferPointer(features.buffer), count: { rows($0) * features.columns }) {
        try files?.features?.append($0)
      }
    }
    let outputs = try evaluate(points, centers)
    // The ranks' outputs come to rank 0 one after the other.
    try world.gather(UnsafeBufferPointer(outputs.buffer), count: { rows($0) * outputs.columns }) {
      try files?.append($0)
    }
    try world.together { try files?.finish() }
    try report(outputs, new)
  }

  /// *Local: rank 0 alone.*
  private func makeFiles(rows: Int) throws -> PredictionFiles {
    try PredictionFiles(
      options.paths, names: model.targets.classes?.names, width: model.last.outputs,
      featureWidth: model.last.inputWidth, rows: rows)
  }

  /// *Collective.* Standardised rows as the wanted layer's kernel sees them.
  private func lastInput(of points: GroupedRows<Double>) throws -> GroupedRows<Double> {
    let normalised = { (points: GroupedRows<Double>) in
      self.model.options.normalise == .rows ? points.normalised() : points
    }
    return try model.mapsToLast.reduce(normalised(points)) { points, layer in
      switch try world.together({ try layer.map() }) {
      case .features(let map): normalised(points.mapped(by: map))
      case .projection(let r): points.projected(by: r)
      }
    }
  }

  /// *Collective.* f(x) = k(x, centers) A of each own point, in the input's order.
  private func evaluate(_ points: GroupedRows<Double>, _ centers: Rows<Double>) throws
    -> Matrix<Double>
  {
    let coefficients = try world.together { try model.last.coefficients(shard) }
    let predictor = Predictor(kernel: model.last.kernel, rows: centers)
    let grouped = points.regrouped(to: centers)
    let outputs = try predictor.outputs(at: grouped, coefficients)
    return try world.together {
      let outputs = model.targets.values?.inOwnUnits(outputs) ?? outputs
      guard outputs.buffer.allSatisfy(\.isFinite) else {
        throw InputError("\(options.model): its numbers are too large, the outputs are not finite")
      }
      return outputs
    }
  }
}

// MARK: - Output

extension Prediction {
  /// *Collective.* Rank 0 tells the number of rows, and their quality where labels are known.
  private func report(_ outputs: Matrix<Double>, _ new: NewRows) throws {
    var lines = new.notes.map { printable($0) } + ["rows: \(new.count)"]
    if let known = new.known {
      lines += try Quality(of: outputs, known, over: new.count, world, timer).lines
    }
    if let output = options.output { lines.append("outputs: \(output) (\(new.count) x \(outputs.columns))") }
    if let labels = options.labels { lines.append("labels: \(labels)") }
    if let features = options.features {
      lines.append("features: \(features) (\(new.count) x \(model.last.inputWidth)), layer \(model.layers.count)")
    }
    if world.rank == 0 { standardOutput(lines.joined(separator: "\n") + "\n") }
  }
}
