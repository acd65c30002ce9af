import DeepRFM
import KernelMachine
import LinearAlgebra
import MPI
import Runtime

/// A small training problem in double precision on one rank, beside its plain twin: what the checks compare.
///
/// Twins are written as the formula says, in double loops over samples, without BLAS and without any of the program's
/// own steps; what they start from (x, labels) is checked against a twin of its own first.
public struct DebugProblem {
  /// The program's side: steps, options, threads.
  let training: Training<Double>
  /// Of unit norm, cut into tiles so small that most classes have several.
  let samples: Samples<Double>

  public let kernel: Kernel
  /// X, (N x d).
  public let x: Matrix<Double>
  public let labels: [Int]
  /// Y, (N x K): +1 at a row's class, -1 elsewhere.
  public let y: Matrix<Double>
  /// k(x_i, x_j), the plain twin's.
  public let k: Matrix<Double>
  /// A of (K + ridge I) A = Y, the plain twin's, (N x K).
  public let a: Matrix<Double>

  var n: Int { x.rows }
  var d: Int { x.columns }
  var classes: Int { y.columns }
  var rows: Rows<Double> { samples.rows }

  /// Rows of the highest tile.
  private static var tileRows: Int { 16 }

  /// *Collective, one rank.* The first `count` samples of the data set. Throws `InputError`.
  public init(
    _ options: DebugOptions, samples count: Int, kernel: Kernel.Kind, world: Communicator
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
    try self.init(Training<Double>(train, Host(surveying: world), world))
  }

  private init(_ training: Training<Double>) throws {
    self.training = training
    kernel = Kernel(training.options.kernel, bandwidth: training.options.bandwidth)
    var loaded = try training.loadSamples()
    try training.normalise(&loaded)
    x = plainRows(loaded.rows)
    labels = loaded.labels
    y = plainTargets(labels, classes: loaded.layout.classCount)
    k = plainKernel(x, kernel)
    a = try plainSolution(k, ridge: training.options.ridge, y)
    let layout = Layout(classCounts: loaded.layout.classCounts, ranks: 1, tileRows: Self.tileRows)
    let rows = try centredOnClassMeans(
      x.copy(), Matrix(rows: y.columns, columns: x.columns), layout: layout, context: training.context)
    samples = Samples(
      layout: layout, order: loaded.order, standardisation: loaded.standardisation,
      classes: loaded.classes,
      rows: rows, test: nil, testLabels: [], testCount: 0)
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

/// Rows as they are, centre and all.
func plainRows(_ rows: Rows<Double>) -> Matrix<Double> {
  let x = Matrix<Double>(rows: rows.rowCount, columns: rows.width)
  for segment in rows.segments {
    for i in segment.rows { rows.read(row: i, centre: segment.centre, into: x.row(i)) }
  }
  return x
}

/// +1 at a row's class, -1 elsewhere.
func plainTargets(_ labels: [Int], classes: Int) -> Matrix<Double> {
  let y = Matrix<Double>(rows: labels.count, columns: classes)
  for i in labels.indices { for c in 0..<classes { y[i, c] = labels[i] == c ? 1 : -1 } }
  return y
}
