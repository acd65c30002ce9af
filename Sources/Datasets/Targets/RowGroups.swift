import LinearAlgebra
import MPI

/// How rows are grouped where they have no classes.
public struct RowGrouping: Sendable {
  var seed: UInt64
  /// Whether rows are grouped by their direction alone, since each is divided by its norm before the kernel sees it.
  var byDirection: Bool
  /// Groups; nil: chosen by the number of samples.
  var count: Int?

  public init(seed: UInt64 = 0, byDirection: Bool = true, count: Int? = nil) {
    (self.seed, self.byDirection, self.count) = (seed, byDirection, count)
  }

  /// Few: what a group costs is a distance to each other group's mean for each row, and tiles cut short at its end.
  private static let most = 16
  /// Samples for each group at the least: two full tiles.
  private static let leastSamples = 1024

  /// Of so many samples; fewer where rows coincide.
  public func groups(of samples: Int) -> Int {
    min(samples, count ?? max(1, min(Self.most, samples / Self.leastSamples)))
  }
}

/// Groups of near rows, which take the place of classes where values are predicted: what a run computes does not depend on them but for
/// rounding, since rows are deviations from their group's mean, small ones.
///
/// The groups' centres are found by k-means (Lloyd 1982; seeded as k-means++, Arthur, Vassilvitskii 2007) among a seeded sample of the
/// rows, by rank 0; every rank then groups its share of the file. All in float64 from the file's own numbers, so that the number of
/// ranks changes nothing.
struct RowGroups {
  /// Each sample's group, in the file's order; every group has a sample.
  let numbers: [Int]
  let count: Int

  /// *Collective.* Throws `InputError`.
  init(_ reader: any SampleReader, _ grouping: RowGrouping, world: Communicator) throws {
    let samples = reader.sampleCount
    let wanted = grouping.groups(of: samples)
    guard wanted > 1 else {
      numbers = [Int](repeating: 0, count: samples)
      count = 1
      return
    }
    let found = try world.together { world.rank == 0 ? try GroupCentres(reader, grouping, count: wanted) : nil }
    let centres = try GroupCentres.shared(found, count: wanted, features: reader.featureCount, world)
    let share = (samples * world.rank / world.size)..<(samples * (world.rank + 1) / world.size)
    let own = try world.together { try centres.nearest(Array(share), reader, byDirection: grouping.byDirection) }
    let all = try world.allGather(own).flatMap { $0 }
    let present = Set(all).sorted()
    let places = Dictionary(zip(present, 0...)) { first, _ in first }
    numbers = all.map { places[$0] ?? 0 }
    count = present.count
  }
}

/// Centres of groups, in units of the sample's deviations.
private struct GroupCentres {
  /// Of the sample's features; scale 0 for a constant one, which tells nothing.
  private var mean, scale: [Double]
  /// (groups x features)
  private let centres: Matrix<Double>

  /// Rows that centres are sought among, and numbers in them.
  private static let (sampleRows, sampleNumbers) = (2048, 1 << 24)
  private static let rounds = 20

  /// *Local.* Throws `InputError`.
  init(_ reader: any SampleReader, _ grouping: RowGrouping, count: Int) throws {
    let (samples, features) = (reader.sampleCount, reader.featureCount)
    let size = min(samples, max(count, min(Self.sampleRows, Self.sampleNumbers / features)))
    let random = RandomStream(seed: grouping.seed, layer: 0, purpose: .groups)
    // One of each of so many equal pieces of the file.
    let indices = (0..<size).map { k in
      let piece = (samples * k / size)..<(samples * (k + 1) / size)
      return piece.lowerBound + Int(random.uniform(row: k, column: 0) * Double(piece.count))
    }
    let rows = Matrix<Double>(uninitialisedRows: size, columns: features)
    try reader.readRows(indices) { position, values in
      _ = rows.row(position).update(fromContentsOf: values)
    }
    (mean, scale) = Self.moments(rows)
    centres = Matrix(rows: count, columns: features)
    for i in 0..<size { standardise(UnsafeBufferPointer(rows.row(i)), into: rows.row(i), grouping.byDirection) }
    seed(among: rows, random)
    for _ in 0..<Self.rounds where !move(among: rows) { break }
  }

  private init(mean: [Double], scale: [Double], centres: Matrix<Double>) {
    (self.mean, self.scale, self.centres) = (mean, scale, centres)
  }

  /// *Collective.* Rank 0's.
  static func shared(_ found: GroupCentres?, count: Int, features: Int, _ world: Communicator) throws -> GroupCentres {
    var (mean, scale) = (found?.mean ?? [], found?.scale ?? [])
    let centres = found?.centres ?? Matrix(uninitialisedRows: count, columns: features)
    try world.broadcast(&mean, from: 0)
    try world.broadcast(&scale, from: 0)
    try world.broadcast(centres.buffer, from: 0)
    return GroupCentres(mean: mean, scale: scale, centres: centres)
  }

  private static func moments(_ rows: Matrix<Double>) -> (mean: [Double], scale: [Double]) {
    let n = Double(rows.rows)
    var (mean, squares) = ([Double](repeating: 0, count: rows.columns), [Double](repeating: 0, count: rows.columns))
    for i in 0..<rows.rows { for k in mean.indices { mean[k] += (rows[i, k] - rows[0, k]) / n } }
    for k in mean.indices { mean[k] += rows[0, k] }
    for i in 0..<rows.rows {
      for k in mean.indices { squares[k] += (rows[i, k] - mean[k]) * (rows[i, k] - mean[k]) / n }
    }
    return (mean, squares.map { $0.squareRoot() })
  }

  private func standardise(
    _ values: UnsafeBufferPointer<Double>, into row: UnsafeMutableBufferPointer<Double>, _ byDirection: Bool
  ) {
    for k in row.indices { row[k] = scale[k] > 0 ? (values[k] - mean[k]) / scale[k] : 0 }
    if byDirection { divideByNorm(row) }
  }

  /// The first centre is a row at random, each next one a row with a chance proportional to its squared distance from those there are.
  private func seed(among rows: Matrix<Double>, _ random: RandomStream) {
    var distances = [Double](repeating: .infinity, count: rows.rows)
    var chosen = Int(random.uniform(row: 0, column: 1) * Double(rows.rows))
    for c in 0..<centres.rows {
      _ = centres.row(c).update(fromContentsOf: rows.row(chosen))
      for i in distances.indices { distances[i] = min(distances[i], distance(rows.row(i), c)) }
      let total = distances.reduce(0, +)
      var rest = random.uniform(row: c + 1, column: 1) * total
      chosen =
        distances.firstIndex { distance in
          rest -= distance
          return rest < 0
        } ?? 0
    }
  }

  /// Moves each centre onto the mean of the rows nearest to it; false: none moves.
  private func move(among rows: Matrix<Double>) -> Bool {
    let sums = Matrix<Double>(rows: centres.rows, columns: centres.columns)
    var counts = [Double](repeating: 0, count: centres.rows)
    for i in 0..<rows.rows {
      let (row, c) = (rows.row(i), nearest(rows.row(i)))
      counts[c] += 1
      for k in row.indices { sums[c, k] += row[k] }
    }
    var moves = false
    for c in counts.indices where counts[c] > 0 {
      let centre = centres.row(c)
      for k in centre.indices {
        let mean = sums[c, k] / counts[c]
        moves = moves || mean != centre[k]
        centre[k] = mean
      }
    }
    return moves
  }

  /// The first of the nearest centres.
  private func nearest(_ row: UnsafeMutableBufferPointer<Double>) -> Int {
    var best = (distance: Double.infinity, centre: 0)
    for c in 0..<centres.rows {
      let distance = distance(row, c)
      if distance < best.distance { best = (distance, c) }
    }
    return best.centre
  }

  private func distance(_ row: UnsafeMutableBufferPointer<Double>, _ c: Int) -> Double {
    let centre = centres.row(c)
    var sum = 0.0
    for k in row.indices { sum += (row[k] - centre[k]) * (row[k] - centre[k]) }
    return sum
  }

  /// *Local.* Each sample's nearest centre. Throws `InputError`.
  func nearest(_ indices: [Int], _ reader: any SampleReader, byDirection: Bool) throws -> [Int] {
    var numbers = [Int](repeating: 0, count: indices.count)
    guard !indices.isEmpty else { return numbers }
    let row = Matrix<Double>(uninitialisedRows: 1, columns: reader.featureCount)
    try reader.readRows(indices) { position, values in
      standardise(values, into: row.buffer, byDirection)
      numbers[position] = nearest(row.buffer)
    }
    return numbers
  }
}
