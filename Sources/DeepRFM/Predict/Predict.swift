import Datasets
import Files
import KernelMachine
import LinearAlgebra
import MPI
import Runtime

#if canImport(Glibc)
  import Glibc
#endif

/// *Collective.* Evaluates a trained run's predictor on new rows, writes its outputs, (rows x classes) in the rows' order,
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
    var new = try NewRows(options, model, layout: layout, context: context)
    let writer = try openOutput(rows: new.count)
    let centers = try loadCenters()
    new.points = try lastInput(of: new.points)
    let outputs = try evaluate(new.points, centers)
    try write(outputs, of: new.count, to: writer)
    try report(outputs, new)
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
      guard outputs.buffer.allSatisfy(\.isFinite) else {
        throw InputError("\(options.model): its numbers are too large, the outputs are not finite")
      }
      return outputs
    }
  }
}

// MARK: - Output

extension Prediction {
  /// *Collective.* Rank 0's writer: made before the work, so that a place that cannot be written is known at once.
  private func openOutput(rows: Int) throws -> NPYWriter<Double>? {
    try world.together {
      guard world.rank == 0 else { return nil }
      var status = stat()
      if stat(options.output, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR {
        throw InputError("--output \(options.output) is a folder; a file's name is needed")
      }
      return try NPYWriter(options.output, shape: [rows, layout.classCount])
    }
  }

  /// *Collective.* The ranks' outputs come to rank 0 one after the other.
  private func write(_ outputs: Matrix<Double>, of count: Int, to writer: NPYWriter<Double>?) throws {
    let rows = { TestShard<Double>.share(count, of: $0, in: self.world).count }
    try world.gather(UnsafeBufferPointer(outputs.buffer), count: { rows($0) * outputs.columns }) {
      try writer?.append($0)
    }
    try world.together { try writer?.finish() }
  }

  /// *Collective.* Rank 0 tells the number of rows, and their quality where labels are known.
  private func report(_ outputs: Matrix<Double>, _ new: NewRows) throws {
    var lines = new.notes.map { printable($0) } + ["rows: \(new.count)"]
    if let labels = new.labels {
      let found = try quality(of: outputs, labels, over: new.count, world, timer)
      lines += ["accuracy: \(found.accuracy)", "mean squared error: \(found.meanSquaredError)"]
    }
    lines.append("outputs: \(options.output) (\(new.count) x \(outputs.columns))")
    if world.rank == 0 { standardOutput(lines.joined(separator: "\n") + "\n") }
  }
}
