import Files
import LinearAlgebra
import MPI
import Runtime

/// The training samples as the ranks hold them: sorted by class, or where values are predicted by group; standardised, each rank its
/// shard of rows.
public struct TrainingShard<T: Scalar & MPIElement> {
  public let layout: Layout
  public let targets: Targets
  /// Class-sorted position -> position in the file, all N. The sort is stable.
  public let order: [Int]
  public let standardisation: Standardisation
  /// Own rows, (own rows x features).
  public let rows: Matrix<T>
  /// Of the own rows, in their own units; (own rows x outputs). nil: classes.
  public let values: Matrix<Double>?
  /// What is to be told; rank 0's.
  public let notes: [String]

  /// *Collective.* Rank 0 reads the labels; each rank reads its own rows. Throws `InputError`, the same on all ranks: also where
  /// there is nothing to learn, samples of one class or one value or all of them equal.
  public init(
    _ reader: any SampleReader, targets kind: TargetKind = .auto, grouping: RowGrouping = RowGrouping(),
    world: Communicator
  ) throws {
    let found = try world.together { world.rank == 0 ? try FoundTargets(reader, kind) : nil }
    notes = found?.notes ?? []
    let shared = try FoundTargets.shared(found, reader, grouping, world)
    targets = shared.targets
    let labels = shared.numbers
    let order = labels.indices.sorted { (labels[$0], $0) < (labels[$1], $1) }
    var counts = [Int](repeating: 0, count: shared.groups)
    for label in labels { counts[label] += 1 }
    layout = Layout(classCounts: counts, ranks: world.size)
    self.order = order.map(reader.place(ofSample:))
    let shard = Layout(classCounts: counts, ranks: world.size).shard(of: world.rank)
    values = shared.values.map { $0.rows(order[shard]) }
    (rows, standardisation) = try standardised(Array(order[shard]), reader, world)
    guard standardisation.scale.contains(where: \.isFinite) else {
      throw InputError("\(reader.place): all \(labels.count) samples are equal, so there is nothing to learn from them")
    }
  }

  /// Labels, or groups, in class-sorted order.
  public var labels: [Int] { layout.labels }
}

extension Layout {
  /// Each sample's class, or group, in class-sorted order.
  public var labels: [Int] { classCounts.enumerated().flatMap { [Int](repeating: $0, count: $1) } }
}

extension Matrix {
  /// The given rows, in their order.
  fileprivate func rows(_ indices: ArraySlice<Int>) -> Matrix {
    let result = Matrix(uninitialisedRows: indices.count, columns: columns)
    for (i, index) in indices.enumerated() { for k in 0..<columns { result[i, k] = self[index, k] } }
    return result
  }
}

/// What the training labels say.
private struct FoundTargets {
  let targets: Targets
  /// Each sample's class, or its group once these are known.
  let numbers: [Int]
  /// Classes, or groups.
  let groups: Int
  /// (samples x outputs), in their own units. nil: classes.
  let values: Matrix<Double>?
  var notes: [String] = []

  private init(_ targets: Targets, numbers: [Int], groups: Int, values: Matrix<Double>?) {
    (self.targets, self.numbers, self.groups, self.values) = (targets, numbers, groups, values)
  }

  /// *Local.* Throws `InputError` where there are fewer than two classes, or one value.
  init(_ reader: any SampleReader, _ kind: TargetKind) throws {
    let labels = try reader.labels(first: reader.sampleCount)
    let place = reader.labelPlace
    if kind.decided(for: labels, reader) == .values {
      let values = try ValueScale.matrix(of: labels, place: place)
      let scale = try ValueScale(of: values, place: place)
      self.init(.values(scale), numbers: [], groups: 0, values: values)
      notes = TargetNotes.of(scale, values, place)
      return
    }
    let classes = try Classes(of: labels, reader)
    guard classes.count > 1 else {
      let one = classes.labels.first ?? "none"
      throw InputError(
        "\(place): all \(labels.count) samples have one label (\(one)), and at least two classes are needed"
          + (reader is SampleRange ? " (--samples takes the first of the file's order)" : ""))
    }
    self.init(.classes(classes), numbers: classes.numbers(of: labels), groups: classes.count, values: nil)
    notes = TargetNotes.of(classes, labels, place)
  }

  /// *Collective.* Rank 0's, on every rank, and the groups of what has no classes.
  static func shared(
    _ found: FoundTargets?, _ reader: any SampleReader, _ grouping: RowGrouping, _ world: Communicator
  ) throws -> FoundTargets {
    let outputs = try world.broadcast(found?.values?.columns ?? 0, from: 0)
    guard outputs > 0 else {
      let classes = try Classes.shared(found?.targets.classes, world)
      var numbers = found?.numbers ?? []
      try world.broadcast(&numbers, from: 0)
      return FoundTargets(.classes(classes), numbers: numbers, groups: classes.count, values: nil)
    }
    let values = found?.values ?? Matrix(uninitialisedRows: reader.sampleCount, columns: outputs)
    try world.broadcast(values.buffer, from: 0)
    let scale = try ValueScale(of: values, place: reader.labelPlace)
    let groups = try RowGroups(reader, grouping, world: world)
    return FoundTargets(.values(scale), numbers: groups.numbers, groups: groups.count, values: values)
  }
}

/// *Collective.* The given samples as rows of T, standardised by the numbers of all ranks' files in float64.
///
/// Where T holds every number of the files as it is (pixels do), they are read once. Else they are read twice more, row by row, so that
/// no more than the rows of T need memory.
@specialized(where T == Float)
@specialized(where T == Double)
private func standardised<T: Scalar & MPIElement>(
  _ indices: [Int], _ reader: any SampleReader, _ world: Communicator
) throws -> (rows: Matrix<T>, Standardisation) {
  var origin = [Double](repeating: 0, count: reader.featureCount)
  try world.together {
    if world.rank == 0 { try reader.readRows([0]) { _, values in origin = Array(values) } }
  }
  try world.broadcast(&origin, from: 0)
  let rows = Matrix<T>(uninitialisedRows: indices.count, columns: reader.featureCount)
  var moments = Moments(origin: origin)
  var isExact = true
  try world.together {
    try reader.readRows(indices) { position, values in
      moments.addFirst(values)
      let row = rows.row(position)
      for k in row.indices {
        row[k] = T(values[k])
        isExact = isExact && Double(row[k]) == values[k]
      }
    }
  }
  try moments.finishFirst(world)
  isExact = try world.minimum(isExact ? 1 : 0) == 1
  if isExact {
    rows.forEachInDouble { moments.addSecond($0) }
  } else {
    try world.together { try reader.readRows(indices) { _, values in moments.addSecond(values) } }
  }
  let standardisation = try moments.finishSecond(world, place: reader.place, names: reader.featureName)
  if isExact {
    standardisation.apply(to: rows)
  } else {
    try world.together { try standardisation.read(indices, reader, into: rows) }
  }
  return (rows, standardisation)
}

/// Samples to predict, standardised like the training samples: contiguous shares of the file's order.
public struct TestShard<T: Scalar & MPIElement> {
  /// Over all ranks.
  public let sampleCount: Int
  /// Of the own samples; nil: not known.
  public let known: KnownTargets?
  /// (own rows x features)
  public let rows: Matrix<T>
  /// What is to be told; rank 0's.
  public let notes: [String]

  /// *Collective.* - Parameters:
  ///   - count: the first so many samples of the file's order; nil: all.
  ///   - isLabelled: whether the samples have labels at all.
  ///   - isStrict: whether a label that no training sample has ends it.
  /// - Throws: `InputError`, the same on all ranks.
  public init(
    _ reader: any SampleReader, first count: Int? = nil, _ targets: Targets, _ standardisation: Standardisation,
    isLabelled: Bool = true, isStrict: Bool = false, world: Communicator
  ) throws {
    let count = count ?? reader.sampleCount
    sampleCount = count
    let share = Self.share(count, of: world.rank, in: world)
    switch targets {
    case _ where !isLabelled: (known, notes) = (nil, [])
    case .classes(let classes):
      let found = try TestLabels(reader, first: count, classes, isStrict: isStrict, world: world)
      known = found.numbers.map { .classes(Array($0[share])) }
      notes = found.notes
    case .values(let scale):
      let values = try world.together { try ValueScale.read(reader, first: count, outputs: scale.outputs) }
      known = .values(values.rows(Array(share)[...]))
      notes = []
    }
    rows = try world.together { try standardisation.loadRows(Array(share), reader) }
  }

  /// Own samples' classes, or `Classes.unseen`; nil: not known, or values.
  public var labels: [Int]? { known?.labels }

  /// A rank's share of so many rows.
  public static func share(_ count: Int, of rank: Int, in world: Communicator) -> Range<Int> {
    (count * rank / world.size)..<(count * (rank + 1) / world.size)
  }
}

extension Standardisation {
  /// *Local.* The given samples as rows, (indices x features), standardised from the file's own numbers. Throws `InputError`.
  public func loadRows<T: Scalar>(_ indices: [Int], _ reader: any SampleReader) throws -> Matrix<T> {
    let rows = Matrix<T>(uninitialisedRows: indices.count, columns: reader.featureCount)
    try read(indices, reader, into: rows)
    return rows
  }

  fileprivate func read<T: Scalar>(_ indices: [Int], _ reader: any SampleReader, into rows: Matrix<T>) throws {
    guard !indices.isEmpty else { return }
    try reader.readRows(indices) { position, values in
      try apply(to: values, into: rows.row(position), sample: indices[position], of: reader)
    }
  }
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
