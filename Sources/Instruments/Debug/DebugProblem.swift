import Datasets
import DeepRFM
import KernelMachine
import LinearAlgebra
import MPI
import Runtime

/// A small training problem in double precision on one rank, beside its reference implementation: what the
/// checks compare. What the references start from (x, labels) is checked against a reference of its own first.
public struct DebugProblem {
  /// The program's side: steps, options, threads.
  let training: Training<Double>
  /// Of unit norm, cut into tiles so small that most classes have several.
  let samples: Samples<Double>

  public let kernel: Kernel
  /// X, (N x d).
  public let x: Matrix<Double>
  let labels: [Int]
  /// Y, (N x K): +1 at a row's class, -1 elsewhere; or values, standardised.
  let y: Matrix<Double>
  /// k(x_i, x_j), the reference implementation's.
  let k: Matrix<Double>
  /// A of (K + ridge I) A = Y, the reference implementation's, (N x K).
  public let a: Matrix<Double>

  var n: Int { x.rows }
  var d: Int { x.columns }
  var classes: Int { y.columns }
  var rows: Rows<Double> { samples.rows }

  /// Rows of the highest tile.
  private static var tileRows: Int { 16 }

  /// *Collective, one rank.* The first `count` samples of the data set. Throws `InputError`.
  public init(
    _ options: DebugOptions, samples count: Int, kernel: Kernel.Kind, host: Host, world: Communicator
  ) throws {
    var train = TrainOptions()
    train.dataset = options.dataset
    train.data = options.data
    train.samples = count
    train.testSamples = 0
    train.seed = options.seed
    train.kernel = kernel
    train.precision = .float64
    train.quiet = true
    try self.init(Training<Double>(train, host, world))
  }

  private init(_ training: Training<Double>) throws {
    self.training = training
    kernel = Kernel(training.options.kernel, bandwidth: training.options.bandwidth ?? 2)
    var loaded = try training.loadSamples()
    try training.normalise(&loaded)
    x = loaded.rows.assembled()
    labels = loaded.labels
    y =
      loaded.values.map(Reference.standardisedValues) ?? Reference.targets(labels, classes: loaded.layout.classCount)
    k = Reference.kernel(kernel, x, x)
    a = try Reference.solution(k, ridge: training.options.ridge, y)
    let layout = Layout(classCounts: loaded.layout.classCounts, ranks: 1, tileRows: Self.tileRows)
    let rows = try centredOnClassMeans(
      x.copy(), Matrix(rows: layout.classCount, columns: x.columns), layout: layout, context: training.context)
    samples = Samples(
      layout: layout, order: loaded.order, standardisation: loaded.standardisation,
      targets: loaded.targets,
      rows: rows, values: loaded.values)
  }

  /// The same steps with other options.
  func training(_ change: (inout TrainOptions) -> Void) -> Training<Double> {
    var options = training.options
    change(&options)
    return Training(options, training.context.host, training.context.world)
  }

  /// *Local.* The tiles' builder of the program.
  var builder: TileBuilder<Double> {
    TileBuilder(kernel: kernel, rows)
  }

  /// *Collective.* The kernel operator of the program.
  func kernelOperator() throws -> KernelOperator<Double> {
    try KernelOperator(kernel, rows)
  }
}
