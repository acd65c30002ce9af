import Datasets
import Files
import LinearAlgebra
import MPI
import Measures
import Runtime

/// Rows to measure with their labels: this rank's.
struct LabelledRows {
  let rows: any RowSource
  /// As the files have them.
  let labels: [Int]
  /// Where the rows come from: for messages.
  let name: String
  /// Over all ranks.
  let count: Int
  /// The distance from 1 to the next number of the type that they are stored in; 0 where nothing is rounded.
  let spacing: Double
  /// Of the labels 0, 1, ...; nil: labels are their own names.
  let classNames: [String]?

  /// *Collective.* Throws `InputError`.
  init(features: String, labels: String, world: Communicator) throws {
    self = try world.together {
      let array = try InputArray(argument: features)
      guard array.rows > 0 else { throw InputError("\(array.name) has no rows") }
      try Limits.checkFeatures(array.columns, of: array.name)
      let file = try LabelFile(argument: labels, rows: array.rows, of: array.name)
      let share = TestShard<Double>.share(array.rows, of: world.rank, in: world)
      return LabelledRows(
        rows: FileRows(array, rows: share), labels: try file.read(share), name: array.name, count: array.rows,
        spacing: array.format.isReal ? array.format.spacing : 0)
    }
  }

  init(
    rows: any RowSource, labels: [Int], name: String, count: Int, spacing: Double = .ulpOfOne,
    classNames: [String]? = nil
  ) {
    (self.rows, self.labels, self.name) = (rows, labels, name)
    (self.count, self.spacing, self.classNames) = (count, spacing, classNames)
  }
}

/// What else a measurement is given, opened and checked against the rows.
struct CollapseInputs {
  private(set) var map: LinearMap?
  /// This rank's rows.
  let outputs: FileRows?
  /// Rank 0's, (d x d).
  private(set) var agop: Matrix<Double>?
  /// Whether there is one, on every rank.
  private(set) var hasAGOP: Bool
  /// This rank's rows of d.
  let gradients: FileRows?

  /// *Collective.* Throws `InputError`.
  /// - Parameter model: whose layer takes the rows, where no other weights are given.
  init(_ options: CollapseOptions, rows: LabelledRows, model: ModelRows?, world: Communicator) throws {
    self = try world.together { try CollapseInputs(opening: options, rows, world) }
    guard map == nil, let model else { return }
    (map, agop, hasAGOP) = (model.map, model.agop, model.hasAGOP)
  }

  private init(opening options: CollapseOptions, _ rows: LabelledRows, _ world: Communicator) throws {
    let width = rows.rows.width
    let weights = try options.weights.map { try Self.weights($0, width: width, rows.name) }
    let bias = try options.bias.map { try Self.bias($0, outputs: weights?.rows ?? 0) }
    map = weights.map { LinearMap(weights: $0, bias: bias, activation: options.activation) }
    outputs = try options.outputs.map { argument in
      let array = try InputArray(argument: argument)
      guard array.rows == rows.count else {
        throw InputError("\(rows.name) has \(rows.count) rows, but \(array.name) has \(array.rows)")
      }
      return FileRows(array, rows: TestShard<Double>.share(array.rows, of: world.rank, in: world))
    }
    gradients = try options.gradients.map { argument in
      let array = try InputArray(argument: argument).inRowsOfLast()
      guard array.columns == width else {
        throw InputError(
          "\(array.name) has the shape \(array.shape), but \(rows.name) has \(width) features: a gradient has as many")
      }
      return FileRows(array, rows: TestShard<Double>.share(array.rows, of: world.rank, in: world))
    }
    hasAGOP = options.agop != nil
    agop = try world.rank == 0 ? options.agop.map { try Self.agop($0, width: width) } : nil
  }

  private static func weights(_ argument: String, width: Int, _ features: String) throws -> Matrix<Double> {
    let array = try InputArray(argument: argument)
    guard array.columns == width, array.rows > 0 else {
      let hint = array.columns != width && array.rows == width ? "; are they transposed?" : ""
      throw InputError(
        "\(array.name) has the shape \(array.shape), but \(features) has \(width) features: weights are (outputs x features), as"
          + " PyTorch stores them\(hint)")
    }
    return try whole(array)
  }

  private static func bias(_ argument: String, outputs: Int) throws -> [Double] {
    let array = try InputArray(argument: argument)
    guard array.rows * array.columns == outputs else {
      throw InputError("\(array.name) has the shape \(array.shape), but the weights have \(outputs) outputs")
    }
    return try whole(array).values
  }

  /// Symmetric but for the rounding of the type it is stored in.
  private static func agop(_ argument: String, width: Int) throws -> Matrix<Double> {
    let array = try InputArray(argument: argument)
    guard array.rows == width, array.columns == width else {
      throw InputError(
        "\(array.name) has the shape \(array.shape): an AGOP of \(width) features is \(width) x \(width)")
    }
    let matrix = try whole(array)
    let largest = matrix.buffer.reduce(0) { max($0, abs($1)) }
    let rounding = largest * max(1e-6, 8 * array.format.spacing)
    for i in 0..<width {
      for j in 0..<i {
        guard abs(matrix[i, j] - matrix[j, i]) <= rounding else {
          throw InputError(
            "\(array.name) is not symmetric: \(matrix[i, j]) at (\(i), \(j)), \(matrix[j, i]) at (\(j), \(i))")
        }
        matrix[i, j] = (matrix[i, j] + matrix[j, i]) / 2
        matrix[j, i] = matrix[i, j]
      }
    }
    return matrix
  }

  private static func whole(_ array: InputArray) throws -> Matrix<Double> {
    let matrix = Matrix<Double>(uninitialisedRows: array.rows, columns: array.columns)
    try array.read(0..<array.rows, into: matrix.buffer)
    return matrix
  }
}
