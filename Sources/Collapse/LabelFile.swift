import Datasets
import Files
import MPI
import Runtime

/// The labels of a file as each rank needs them: its own rows' alone.
struct LabelFile {
  private let array: InputArray
  /// Labels in it.
  let count: Int
  private let isOneHot: Bool

  /// *Local.* Throws `InputError` where the array is not (n), (n x 1), (1 x n) or one-hot rows.
  init(argument: String, rows: Int, of features: String) throws {
    array = try InputArray(argument: argument)
    let shape = array.shape
    let isFlat = shape.count <= 1 || (shape.count == 2 && (shape[1] == 1 || (shape[0] == 1 && rows != 1)))
    guard isFlat || shape.count == 2 && 1...Limits.classes ~= shape[1] else {
      throw InputError("\(array.name) has the shape \(shape): one label a row, or one-hot rows are needed")
    }
    isOneHot = !isFlat
    count = isFlat ? array.rows * array.columns : array.rows
    guard count == rows else {
      throw InputError("\(features) has \(rows) rows, but \(array.name) has \(count) labels")
    }
  }

  /// *Local.* The labels of some rows. Throws `InputError`.
  func read(_ rows: Range<Int>) throws -> [Int] {
    if isOneHot { return try readOneHot(rows) }
    // A single row of labels is read whole.
    let isRow = array.rows == 1 && array.columns > 1
    var values = [Double](repeating: 0, count: isRow ? array.columns : rows.count)
    try values.withUnsafeMutableBufferPointer { try array.read(isRow ? 0..<1 : rows, into: $0) }
    return try (isRow ? values[rows] : values[...]).enumerated().map { place, value in
      guard value == value.rounded(), abs(value) < 0x1p53 else {
        throw InputError(
          "\(array.name) has \(value) at row \(rows.lowerBound + place): a label is a whole number below 2^53, or a one-hot row"
        )
      }
      return Int(value)
    }
  }

  private func readOneHot(_ rows: Range<Int>) throws -> [Int] {
    var labels: [Int] = []
    labels.reserveCapacity(rows.count)
    for part in rows.pieces(ofAtMost: max(1, (1 << 16) / array.columns)) {
      var values = [Double](repeating: 0, count: part.count * array.columns)
      try values.withUnsafeMutableBufferPointer { try array.read(part, into: $0) }
      for (place, row) in part.enumerated() {
        let own = values[(place * array.columns)..<((place + 1) * array.columns)]
        // -1 in place of 0, as training targets have it, is taken too.
        let others = Set(own.filter { $0 != 1 })
        guard let one = own.firstIndex(of: 1), own.count(where: { $0 == 1 }) == 1,
          others.isSubset(of: [0]) || others == [-1]
        else {
          throw InputError(
            "\(array.name) has the shape \(array.shape), but row \(row) is not one-hot (a single 1 among zeros): one label a row is"
              + " needed")
        }
        labels.append(one - own.startIndex)
      }
    }
    return labels
  }
}

/// Labels as numbers from 0 on, for all ranks alike.
struct NumberedClasses {
  /// As the files have them, ascending; a label's place is its class.
  let labels: [Int]
  private let places: [Int: Int]

  /// *Collective.* From every rank's labels. Throws `InputError` where there are too many different ones.
  init(of own: [Int], name: String, world: Communicator) throws {
    let found = try world.together {
      let found = Set(own)
      try Self.check(found.count, name)
      return found.sorted()
    }
    let labels = try Set(world.allGather(found).joined()).sorted()
    try world.together { try Self.check(labels.count, name) }
    self.labels = labels
    places = Dictionary(uniqueKeysWithValues: zip(labels, 0...))
  }

  private static func check(_ count: Int, _ name: String) throws {
    guard count <= Limits.classes else {
      throw InputError(
        "\(name) has more than \(Limits.classes) different labels: are they values, rather than classes?")
    }
  }

  func numbers(of labels: [Int]) -> [Int] { labels.map { places[$0] ?? -1 } }
}
