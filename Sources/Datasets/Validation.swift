import Files
import LinearAlgebra

/// Which training samples are held out to choose by: in proportion from each class, at random by the seed, the same on however many
/// ranks. Each class keeps a sample to train on.
public struct ValidationSplit: Sendable, Equatable {
  /// Ascending, as the reader counts its samples.
  public let training, validation: [Int]

  /// *Local.* Throws `InputError` where so many cannot be held out, or none are.
  /// - Parameters:
  ///   - size: a share below 1, or a number of samples.
  ///   - groups: each sample's class, from 0 on; values have one group.
  public init(_ size: Double, of groups: [Int], seed: UInt64) throws(InputError) {
    var members = [[Int]](repeating: [], count: (groups.max() ?? -1) + 1)
    for (sample, group) in groups.enumerated() { members[group].append(sample) }
    let total = try Self.total(size, of: groups.count, groups: members.count { !$0.isEmpty })
    let stream = RandomStream(seed: seed, layer: 0, purpose: .validation)
    var isHeldOut = [Bool](repeating: false, count: groups.count)
    for (group, quota) in zip(members, Self.quotas(total, of: members.map(\.count))) {
      let drawn = group.map { (key: stream.words(row: $0, column: 0), sample: $0) }
      let shuffled = drawn.sorted { ($0.key.0, $0.key.1, $0.sample) < ($1.key.0, $1.key.1, $1.sample) }
      for pick in shuffled.prefix(quota) { isHeldOut[pick.sample] = true }
    }
    training = groups.indices.filter { !isHeldOut[$0] }
    validation = groups.indices.filter { isHeldOut[$0] }
  }

  /// *Local.* From the samples that were drawn, ascending.
  public init(validation: [Int], of samples: Int) {
    let heldOut = Set(validation)
    training = (0..<samples).filter { !heldOut.contains($0) }
    self.validation = validation
  }

  private static func total(_ size: Double, of samples: Int, groups: Int) throws(InputError) -> Int {
    let asked = size < 1 ? (size * Double(samples)).rounded() : size
    let most = samples - groups
    let option = "--validation \(size < 1 ? "\(size)" : "\(Int(size))")"
    guard asked <= Double(most) else {
      let why = groups == 1 ? "one is kept to train on" : "each class keeps one to train on"
      throw InputError("\(option): of \(samples) samples at most \(most) can be held out, for \(why)")
    }
    guard asked >= 1 else { throw InputError("\(option) of \(samples) samples is none") }
    return Int(asked)
  }

  /// In proportion, the rest to the largest remainders (Hamilton's method), and never all of a group.
  private static func quotas(_ total: Int, of counts: [Int]) -> [Int] {
    let samples = counts.reduce(0, +)
    var quotas = counts.map { total * $0 / samples }
    let byRemainder = counts.indices.sorted { (total * counts[$1] % samples, $0) < (total * counts[$0] % samples, $1) }
    var left = total - quotas.reduce(0, +)
    while left > 0 {
      for group in byRemainder where left > 0 && quotas[group] + 1 < counts[group] {
        quotas[group] += 1
        left -= 1
      }
    }
    return quotas
  }
}

/// Some of another reader's samples.
struct SampleSelection: SamplePart {
  let whole: any SampleReader
  /// Ascending.
  let indices: [Int]

  /// `indices` must ascend and lie in the whole.
  init(_ whole: any SampleReader, _ indices: [Int]) {
    self.whole = whole
    self.indices = indices
  }

  var sampleCount: Int { indices.count }
  func place(ofSample sample: Int) -> Int { whole.place(ofSample: indices[sample]) }

  func labels(first count: Int) throws -> [Label] {
    try checkAsked(count, of: "the part of the data set")
    guard count > 0 else { return [] }
    let labels = try whole.labels(first: indices[count - 1] + 1)
    return indices.prefix(count).map { labels[$0] }
  }

  func readRows(
    _ wanted: [Int], _ body: (_ position: Int, _ values: UnsafeBufferPointer<Double>) throws -> Void
  ) throws {
    let inWhole = try wanted.map { index in
      guard indices.indices.contains(index) else {
        throw InputError("the part of the data set has no sample \(index): it holds \(indices.count)")
      }
      return indices[index]
    }
    try whole.readRows(inWhole, body)
  }
}

extension Dataset {
  /// *Local.* The same data set with some of its training samples held out. A table's coding stays (`open` makes it anew).
  public func holdingOut(_ split: ValidationSplit) -> Dataset {
    var held = self
    held.train = SampleSelection(train, split.training)
    held.validation = SampleSelection(train, split.validation)
    return held
  }
}
