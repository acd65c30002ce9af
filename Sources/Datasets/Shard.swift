import LinearAlgebra
import MPI
import Runtime

/// The training samples as the ranks hold them: sorted by class, standardised, each rank its shard of rows.
public struct TrainingShard<T: Scalar & MPIElement> {
  public let layout: Layout
  /// Class-sorted position -> position in the file, all N. The sort is stable.
  public let order: [Int]
  public let standardisation: Standardisation
  /// Own rows, (own rows x features).
  public let rows: Matrix<T>

  /// *Collective.* Rank 0 reads the labels; each rank reads its own rows. Throws `InputError`, the same on all ranks.
  public init(_ reader: any SampleReader, classCount: Int, world: Communicator) throws {
    let labels = try sharedLabels(reader, world)
    let order = labels.indices.sorted { (labels[$0], $0) < (labels[$1], $1) }
    var counts = [Int](repeating: 0, count: classCount)
    for label in labels { counts[label] += 1 }
    layout = Layout(classCounts: counts, ranks: world.size)
    self.order = order
    rows = try world.together {
      try loadRows(Array(order[Layout(classCounts: counts, ranks: world.size).shard(of: world.rank)]), reader)
    }
    standardisation = try Standardisation(of: rows, world: world)
    standardisation.apply(to: rows)
  }

  /// Labels in class-sorted order.
  public var labels: [Int] { layout.classCounts.enumerated().flatMap { [Int](repeating: $0, count: $1) } }
}

/// Samples to predict, standardised like the training samples: contiguous shares of the file's order.
public struct TestShard<T: Scalar & MPIElement> {
  /// Over all ranks.
  public let sampleCount: Int
  /// Own samples' labels.
  public let labels: [Int]
  /// (own rows x features)
  public let rows: Matrix<T>

  /// *Collective.* Throws `InputError`, the same on all ranks.
  public init(_ reader: any SampleReader, _ standardisation: Standardisation, world: Communicator) throws {
    sampleCount = reader.sampleCount
    let share = (sampleCount * world.rank / world.size)..<(sampleCount * (world.rank + 1) / world.size)
    labels = Array(try sharedLabels(reader, world)[share])
    rows = try world.together { try loadRows(Array(share), reader) }
    standardisation.apply(to: rows)
  }
}

/// *Collective.* Rank 0 reads all labels and tells the others.
private func sharedLabels(_ reader: any SampleReader, _ world: Communicator) throws -> [Int] {
  var labels = try world.together {
    world.rank == 0 ? try reader.labels(first: reader.sampleCount) : []
  }
  try world.broadcast(&labels, from: 0)
  return labels
}

/// *Local.* The given samples as rows, (indices x features), as they are in the file.
public func loadRows<T: Scalar>(_ indices: [Int], _ reader: any SampleReader) throws -> Matrix<T> {
  let rows = Matrix<T>(uninitialisedRows: indices.count, columns: reader.featureCount)
  guard !indices.isEmpty else { return rows }
  try reader.readRows(indices) { position, values in
    let row = rows.row(position)
    for k in row.indices { row[k] = T(values[k]) }
  }
  return rows
}
