import MPI

/// The copies of a data set that several hosts read: a host whose copy is missing or another version is found out before
/// the work begins, for its ranks would train on other samples than the rest.
package struct SampleCopies {
  let hostName: String
  /// The ranks of this host.
  let node: Communicator
  let world: Communicator

  private var severalHosts: Bool { node.size < world.size }

  package init(hostName: String, node: Communicator, world: Communicator) {
    self.hostName = hostName
    self.node = node
    self.world = world
  }

  /// *Local, or what `body` is.* What goes wrong with input here is said with the host's name, if there are several hosts.
  package func reading<R>(_ body: () throws -> R) throws -> R {
    do {
      return try body()
    } catch let error as InputError where severalHosts {
      throw InputError("on host \(hostName): \(error)")
    }
  }

  /// *Collective.* Throws `InputError`, naming the host, if a host reads other samples than rank 0's host does.
  ///
  /// Every host goes through all its samples once, each of its ranks a share of them. On one host there is nothing to do.
  /// - Parameters:
  ///   - splits: of the data set, on every rank, in one order.
  ///   - classes: how many the data set has, where that is its own to say.
  ///   - place: where the data are, for the sentence.
  package func checkSame(
    _ splits: [any SampleReader], labelled: Bool = true, classes: Int = 0, in place: String
  ) throws {
    guard severalHosts else { return }
    let part = try world.together { try reading { try splits.map { try digest($0, labelled) } } }
    // A host's digest is the sum of its ranks', whatever their number.
    let parts = try node.allGather(part)
    let sums = part.indices.map { index in parts.reduce(0) { $0 &+ $1[index] } }
    let mine = zip(splits, sums).flatMap { [$0.sampleCount, $0.featureCount, $1] } + [classes]
    let firstHost = try world.broadcast(hostName, from: 0)
    var first = mine
    try world.broadcast(&first, from: 0)
    try world.together {
      guard mine != first else { return }
      throw InputError("host \(hostName) has other data than host \(firstHost) in \(place): \(difference(mine, first))")
    }
  }

  /// *Local.* A number that other values, labels or another order of the samples would change: of this rank's share.
  private func digest(_ reader: any SampleReader, _ labelled: Bool) throws -> Int {
    let count = reader.sampleCount
    let share = (count * node.rank / node.size)..<(count * (node.rank + 1) / node.size)
    guard !share.isEmpty else { return 0 }
    let labels = labelled ? try reader.labels(first: share.upperBound) : []
    var sum: UInt64 = 0
    try reader.readRows(Array(share)) { position, values in
      let index = share.lowerBound + position
      var row = Self.mixed(UInt64(index), UInt64(labelled ? labels[index] + 1 : 0))
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

  private func difference(_ mine: [Int], _ first: [Int]) -> String {
    for i in stride(from: 0, to: min(mine.count, first.count) - 1, by: 3) where mine[i..<i + 2] != first[i..<i + 2] {
      return "\(mine[i]) samples of \(mine[i + 1]) features, not \(first[i]) of \(first[i + 1])"
    }
    return mine.count == first.count
      ? "as many samples, with other values or labels" : "\(mine.count / 3) splits, not \(first.count / 3)"
  }
}
