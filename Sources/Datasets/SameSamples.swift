import Files
import MPI

/// The copies of a data set that ranks read, on several hosts or from several folders: one that is missing or another version is found
/// out before the work begins, for its ranks would train on other samples than the rest.
public struct SampleCopies {
  let hostName: String
  /// The data's folder or file; empty: the program's own.
  let place: String
  /// The ranks of this host that read this place.
  let readers: Communicator
  let world: Communicator

  private var severalCopies: Bool { readers.size < world.size }

  /// *Collective.*
  public init(of place: String?, hostName: String, world: Communicator) throws {
    self.hostName = hostName
    self.place = place ?? ""
    self.world = world
    let node = try world.splitByNode()
    let places = try node.allGather(Array(self.place.utf8))
    readers = try node.split(color: places.firstIndex(of: Array(self.place.utf8)) ?? 0, key: node.rank)
  }

  /// *Local, or what `body` is.* What goes wrong with input here is said with the host's name, if there are several copies.
  public func reading<R>(_ body: () throws -> R) throws -> R {
    do {
      return try body()
    } catch let error as InputError where severalCopies {
      throw InputError("on host \(hostName): \(error)")
    }
  }

  /// *Collective.* Throws `InputError`, naming the host, if a copy holds other samples than rank 0's does.
  ///
  /// Every copy is gone through once, each of its ranks takes a share. Where there is one there is nothing to do.
  /// - Parameter splits: of the data set, on every rank, in one order.
  public func checkSame(_ splits: [any SampleReader], labelled: Bool = true) throws {
    guard severalCopies else { return }
    let part = try world.together { try reading { try splits.map { try digest($0, labelled) } } }
    // A copy's digest is the sum of its ranks', whatever their number.
    let parts = try readers.allGather(part)
    let sums = part.indices.map { index in parts.reduce(0) { $0 &+ $1[index] } }
    let mine = zip(splits, sums).flatMap { [$0.sampleCount, $0.featureCount, $1] }
    let (firstHost, firstPlace) = (try world.broadcast(hostName, from: 0), try world.broadcast(place, from: 0))
    var first = mine
    try world.broadcast(&first, from: 0)
    try world.together {
      guard mine != first else { return }
      let copies =
        place == firstPlace
        ? "than host \(firstHost) in \(place)" : "in \(place) than host \(firstHost) in \(firstPlace)"
      throw InputError("host \(hostName) has other data \(copies): \(difference(mine, first))")
    }
  }

  /// *Local.* A number that other values, labels or another order of the samples would change: of this rank's share.
  private func digest(_ reader: any SampleReader, _ labelled: Bool) throws -> Int {
    let count = reader.sampleCount
    let share = (count * readers.rank / readers.size)..<(count * (readers.rank + 1) / readers.size)
    guard !share.isEmpty else { return 0 }
    let labels = labelled ? try reader.labels(first: share.upperBound) : []
    var sum: UInt64 = 0
    try reader.readRows(Array(share)) { position, values in
      let index = share.lowerBound + position
      var row = Self.mixed(UInt64(index), labelled ? Self.word(labels[index]) : 0)
      for value in values { row = Self.mixed(row, value.bitPattern) }
      sum &+= row
    }
    return Int(bitPattern: UInt(sum))
  }

  /// One step of a hash: a multiplication by an odd number loses nothing, the shift brings high bits down.
  @inline(__always)
  private static func mixed(_ state: UInt64, _ word: UInt64) -> UInt64 {
    let product = (state ^ word) &* 0x9E37_79B9_7F4A_7C15
    return product ^ (product >> 32)
  }

  /// A number of a label that is the same in every process, which Swift's own hashes are not.
  private static func word(_ label: Label) -> UInt64 {
    switch label {
    case .number(let value): value.bitPattern
    case .text(let text): text.utf8.reduce(1) { mixed($0, UInt64($1)) }
    case .oneHot(let place, let count): mixed(UInt64(place), UInt64(count))
    case .row(let values): values.reduce(2) { mixed($0, $1.bitPattern) }
    }
  }

  private func difference(_ mine: [Int], _ first: [Int]) -> String {
    for i in stride(from: 0, to: min(mine.count, first.count), by: 3) where mine[i..<i + 2] != first[i..<i + 2] {
      return "\(mine[i]) samples of \(mine[i + 1]) features, not \(first[i]) of \(first[i + 1])"
    }
    return mine.count == first.count
      ? "as many samples, with other values or labels" : "\(mine.count / 3) splits, not \(first.count / 3)"
  }
}
