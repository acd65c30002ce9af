import Files
import LinearAlgebra
import MPI

/// Each feature: minus its mean, over its unbiased standard deviation; a constant feature becomes 0 (docs/method.md).
public struct Standardisation: Sendable, Equatable {
  /// Of the training samples, one a feature.
  public let mean: [Double]
  /// Unbiased standard deviation; infinite for a constant feature, so that dividing gives 0 wherever it is applied.
  public let scale: [Double]

  init(mean: [Double], scale: [Double]) {
    self.mean = mean
    self.scale = scale
  }

  /// *Collective.* From all ranks' rows; (own rows x features). Throws `InputError`.
  @specialized(where T == Float)
  @specialized(where T == Double)
  public init<T: Scalar & MPIElement>(of rows: Matrix<T>, world: Communicator) throws {
    try self.init(of: rows, place: "the samples", names: { "column \($0)" }, world: world)
  }

  /// *Local.* In place.
  @specialized(where T == Float)
  @specialized(where T == Double)
  public func apply<T: Scalar>(to rows: Matrix<T>) {
    for i in 0..<rows.rows {
      let row = rows.row(i)
      for k in row.indices { row[k] = T((Double(row[k]) - mean[k]) / scale[k]) }
    }
  }

  /// A sample this many deviations off says nothing, and its norm would overflow.
  private static let farthest = 1e15

  /// *Local.* One row of `reader`, from the file's own numbers. Throws `InputError` where one of them is out of all proportion.
  @specialized(where T == Float)
  @specialized(where T == Double)
  func apply<T: Scalar>(
    to values: UnsafeBufferPointer<Double>, into row: UnsafeMutableBufferPointer<T>, sample: Int,
    of reader: any SampleReader
  ) throws {
    var isNear = true
    for k in row.indices {
      let value = (values[k] - mean[k]) / scale[k]
      isNear = isNear && abs(value) <= Self.farthest
      row[k] = T(value)
    }
    guard !isNear, let k = row.indices.first(where: { !(abs((values[$0] - mean[$0]) / scale[$0]) <= Self.farthest) })
    else {
      return
    }
    throw InputError(
      "\(reader.place) has \(values[k]) at sample \(reader.place(ofSample: sample)), \(reader.featureName(k)): more than 1e15 standard deviations from"
        + " the training samples' mean")
  }
}

// MARK: - Mean and deviation

/// Two passes over numbers in float64. The first sums differences from a first row, so that a mean of 1e9 or of milliseconds since
/// 1970 keeps the digits of what varies; the second sums squares about the mean, and corrects both by the sum that should be 0.
struct Moments {
  /// Of the first pass, one a feature.
  private let origin: [Double]
  private var sums: [Double]
  /// The largest value of each feature, then the largest of their negatives.
  private var ends: [Double]
  private var count = 0
  /// After `finishFirst`.
  private var mean: [Double] = []
  private var unit: [Double] = []
  /// Of the second pass: differences and their squares.
  private var second: [Double] = []

  init(origin: [Double]) {
    self.origin = origin
    sums = [Double](repeating: 0, count: origin.count)
    ends = [Double](repeating: -.infinity, count: 2 * origin.count)
  }

  mutating func addFirst(_ values: UnsafeBufferPointer<Double>) {
    let features = origin.count
    count += 1
    for k in 0..<features {
      let value = values[k]
      sums[k] += value - origin[k]
      ends[k] = max(ends[k], value)
      ends[features + k] = max(ends[features + k], -value)
    }
  }

  /// *Collective.* Between the passes. The counts of all ranks add up to `total`.
  mutating func finishFirst(_ world: Communicator) throws {
    let features = origin.count
    sums.append(Double(count))
    try world.sum(&sums)
    try world.maximum(&ends)
    let total = sums[features]
    mean = (0..<features).map { origin[$0] + sums[$0] / total }
    // Squares of what is very small or very large would underflow or overflow: a power of two, which rounds nothing.
    unit = (0..<features).map { k in
      let range = ends[k] + ends[features + k]
      guard range.isFinite, range > 0, !(1e-100...1e100 ~= range) else { return 1 }
      return Double(sign: .plus, exponent: max(-1000, min(1000, -Int(range.exponent))), significand: 1)
    }
    second = [Double](repeating: 0, count: 2 * features)
  }

  mutating func addSecond(_ values: UnsafeBufferPointer<Double>) {
    let features = origin.count
    for k in 0..<features {
      let difference = (values[k] - mean[k]) * unit[k]
      second[k] += difference
      second[features + k] += difference * difference
    }
  }

  /// *Collective.* Throws `InputError` where a feature has no finite variance.
  mutating func finishSecond(
    _ world: Communicator, place: String, names: (Int) -> String
  ) throws -> Standardisation {
    let features = origin.count
    try world.sum(&second)
    let total = sums[features]
    var (means, scales): ([Double], [Double]) = ([], [])
    for k in 0..<features {
      if ends[k] == -ends[features + k] {
        means.append(ends[k])
        scales.append(.infinity)
        continue
      }
      let squares = max(0, second[features + k] - second[k] * second[k] / total)
      let scale = (squares / (total - 1)).squareRoot() / unit[k]
      means.append(mean[k] + second[k] / total / unit[k])
      scales.append(scale)
      guard means[k].isFinite, scale > 0, (scale * scale).isFinite else {
        throw InputError(
          "\(place) cannot be standardised: \(names(k)) goes from \(-ends[features + k]) to \(ends[k]), and its variance"
            + " \(scale == 0 ? "vanishes" : "overflows")")
      }
    }
    return Standardisation(mean: means, scale: scales)
  }
}

extension Standardisation {
  /// *Collective.* From rows that hold the files' own numbers; (own rows x features).
  init<T: Scalar & MPIElement>(
    of rows: Matrix<T>, place: String, names: (Int) -> String, world: Communicator
  ) throws {
    var origin = rows.rows > 0 ? rows.row(0).map(Double.init) : [Double](repeating: 0, count: rows.columns)
    // The first rank that has a row.
    let first = try world.minimum(rows.rows > 0 ? world.rank : world.size - 1)
    try world.broadcast(&origin, from: first)
    var moments = Moments(origin: origin)
    rows.forEachInDouble { moments.addFirst($0) }
    try moments.finishFirst(world)
    rows.forEachInDouble { moments.addSecond($0) }
    self = try moments.finishSecond(world, place: place, names: names)
  }
}

extension Matrix where Element: Scalar {
  /// Calls `body` with every row's values.
  func forEachInDouble(_ body: (UnsafeBufferPointer<Double>) -> Void) {
    let values = UnsafeMutableBufferPointer<Double>.allocate(capacity: columns)
    defer { values.deallocate() }
    values.initialize(repeating: 0)
    for i in 0..<rows {
      let row = row(i)
      for k in row.indices { values[k] = Double(row[k]) }
      body(UnsafeBufferPointer(values))
    }
  }
}
