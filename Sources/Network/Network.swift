import LinearAlgebra
import MPI
import Runtime

/// A network of layers one behind the other, with its numbers and workspaces, on a rank's rows of a batch.
public final class Network<T: NetworkReal> {
  package let layers: [any NetworkLayer<T>]
  /// Of each layer in the vector of all parameters.
  let ranges: [Range<Int>]
  public let weights: NetworkWeights<T>
  package let pass: Pass<T>
  /// The most rows that a rank has of a batch.
  let rows: Int
  /// The places of the fully-connected layers among the layers; the last is the output.
  let linears: [Int]
  /// Multiplications of a row's forward pass.
  let rowWork: Int

  /// *Local.* The weights are the caller's to fill.
  public init(_ builder: NetworkBuilder<T>, _ context: Context) {
    precondition(!builder.isPlan)
    precondition(builder.threads == context.pool.count, "workspaces for \(builder.threads) threads")
    builder.scratchMemory?.make()
    layers = builder.layers
    ranges = builder.ranges
    rows = builder.rows
    weights = NetworkWeights(builder.parameters, builder.statistics)
    pass = Pass(weights, context)
    linears = layers.indices.filter { builder.layers[$0] is Linear<T> }
    rowWork = builder.rowWork
  }

  /// Elements of an output row.
  public var outputs: Int { layers[layers.count - 1].output.count }

  /// A fully-connected layer, from 1; depth + 1 is the output.
  func linear(_ number: Int) -> Linear<T> {
    guard let layer = layers[linears[number - 1]] as? Linear<T> else { preconditionFailure("no such layer") }
    return layer
  }

  /// *Collective.* The outputs of this rank's rows, (rows x outputs), good until the next call.
  /// - Parameters:
  ///   - x: (rows x features); may have none.
  ///   - batchRows: all ranks' rows.
  ///   - observe: called with each layer, also inside a block, its input and its output, before the next layer may write to it.
  public func forward(
    _ x: MatrixView<T>, _ mode: Pass<T>.Mode, batchRows: Int,
    observe: Pass<T>.Observer? = nil
  ) throws -> MatrixView<T> {
    precondition(x.rows <= rows && x.stride == x.columns)
    (pass.mode, pass.rows, pass.batchRows, pass.observe) = (mode, x.rows, batchRows, observe)
    defer { pass.observe = nil }
    return try layers.reduce(x) { values, layer in try layer.observedForward(values, pass) }
  }

  /// *Collective.* All parameters' gradients over this rank's rows from the loss's gradient in the outputs, which is used up.
  /// - Parameter finished: called with a part of the gradient vector as soon as it is whole, from the last layer to the first; it may
  ///   change the parameters of that part.
  public func backward(_ gradient: MatrixView<T>, finished: (Range<Int>) throws -> Void = { _ in }) throws {
    pass.wantsParameterGradients = true
    var gradient = gradient
    for place in layers.indices.reversed() {
      let before = try layers[place].backward(gradient, wantsInput: place > 0, pass)
      if !ranges[place].isEmpty { try finished(ranges[place]) }
      if let before { gradient = before }
    }
  }

  /// Rows of a block that is to take no more than this many multiplications forward; at least one.
  func blockRows(ofWork work: Int) -> Int { Self.blockRows(ofWork: work, rowWork: rowWork, most: rows) }

  fileprivate static func blockRows(ofWork work: Int, rowWork: Int, most: Int) -> Int {
    min(most, max(1, work / max(1, rowWork)))
  }

  /// *Collective.* Rows through the network in evaluating mode, block after block, with safe points on the way.
  /// - Parameters:
  ///   - x: this rank's rows, (own rows x features); may have none.
  ///   - most: rows of the rank that has the most.
  ///   - work: multiplications from one safe point to the next, by rows, so that all ranks come to it together.
  ///   - between: called at each safe point, of which the last is the end, as often on every rank; may throw.
  ///   - body: called with a block of this rank's rows and its outputs.
  package func evaluate(
    _ x: Matrix<T>, most: Int, workBetween work: Int = SafePointDistance.multiplications,
    between: () throws -> Void, _ body: (_ block: Range<Int>, _ outputs: MatrixView<T>) -> Void
  ) throws {
    var passed = 0
    for block in (0..<most).pieces(ofAtMost: blockRows(ofWork: work)) {
      let own = block.clamped(to: 0..<x.rows)
      if !own.isEmpty { body(own, try forward(x.rows(own), .evaluate, batchRows: own.count)) }
      passed += block.count
      guard passed * rowWork >= work || block.upperBound == most else { continue }
      passed = 0
      try between()
    }
  }

  /// *Local.* Back from a gradient in the outputs of the last `forward`, which is used up, to the layer at this place: each layer's gram,
  /// if it has one, takes the gradient in its output. The parameters' gradients are left alone.
  func sweep(_ gradient: MatrixView<T>, downTo lowest: Int) throws {
    pass.wantsParameterGradients = false
    var gradient = gradient
    for place in (lowest..<layers.count).reversed() {
      guard let before = try layers[place].backward(gradient, wantsInput: place > lowest, pass) else { return }
      gradient = before
    }
  }
}

extension NetworkBuilder {
  /// Multiplications of a row's forward pass.
  var rowWork: Int {
    Network<T>.stages(in: layers).reduce(0) { sum, stage in
      sum + stage.layer.weight.range.count * (stage.layer.output.count / max(1, stage.layer.units))
    }
  }

  /// Rows of the blocks that a run evaluates and measures, at most: from one safe point to the next.
  /// - Parameter most: rows of the network's workspaces.
  package func blockRows(ofAtMost most: Int) -> Int {
    Network<T>.blockRows(ofWork: SafePointDistance.multiplications, rowWork: rowWork, most: most)
  }
}

/// How far apart safe points are where nothing is trained.
package enum SafePointDistance {
  /// Of a rank: a few seconds of a slow core, and still far more work than it is for the ranks to agree.
  package static let multiplications = 1 << 33
}

extension Phase {
  /// Forward and backward passes, and steps.
  static let train = Phase("train")
  /// Sums over ranks, and gradients, parameters and rows on their way, as far as they were not hidden behind work.
  static let exchange = Phase("exchange")
  static let evaluate = Phase("evaluate")
  static let measure = Phase("measure")

  /// The parts of an epoch's time, in the order of metrics.jsonl.
  static let ofEpoch: [Phase] = [train, exchange, evaluate, measure]
}
