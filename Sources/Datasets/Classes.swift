import Files
import LinearAlgebra
import MPI

/// The classes of a training set: its distinct labels in their order. A number that no sample has costs nothing.
public struct Classes: Sendable, Equatable {
  /// As the files write them; a label's place here is its class.
  public let labels: [String]
  /// What the classes are called: as the files write them, where no other file names them.
  public let names: [String]
  private let numbers: [String: Int]

  public var count: Int { labels.count }

  /// Class of a test sample whose label no training sample has.
  public static let unseen = -1

  public init(labels: [String], names: [String]? = nil) {
    self.labels = labels
    self.names = names ?? labels
    numbers = Dictionary(zip(labels, 0...)) { first, _ in first }
  }

  /// The classes of `samples`, from their labels. Throws `InputError` where there are too many, or labels are values.
  public init(of labels: [Label], _ samples: any SampleReader) throws {
    let distinct = Set(labels)
    if distinct.contains(where: { !$0.isWhole }), let place = labels.firstIndex(where: { !$0.isWhole }) {
      throw InputError(
        "\(samples.labelPlace) has label \(labels[place].name) at sample \(place): classes are whole numbers, texts or one-hot"
          + " rows (--targets values predicts numbers)")
    }
    if distinct.contains(where: \.isTooLarge), let place = labels.firstIndex(where: \.isTooLarge) {
      throw InputError(
        "\(samples.labelPlace) has label \(labels[place].name) at sample \(place): a class's number must be below 2^53")
    }
    guard distinct.count <= Limits.classes else {
      throw InputError(
        "\(samples.labelPlace) has \(distinct.count) different labels; at most \(Limits.classes) classes are supported (--targets"
          + " values predicts numbers)")
    }
    let sorted = distinct.sorted()
    self.init(labels: sorted.map(\.name), names: sorted.map { samples.className(of: $0) ?? $0.name })
  }

  /// Each label's class, or `unseen`.
  public func numbers(of labels: [Label]) -> [Int] {
    // A name is made once a distinct label, not once a sample.
    var known: [Label: Int] = [:]
    return labels.map { label in
      if let number = known[label] { return number }
      let number = numbers[label.name] ?? Classes.unseen
      known[label] = number
      return number
    }
  }

  /// Whether any of these is a class: where none is, labels of samples to be tested are taken as unknown.
  static func areKnown(_ numbers: [Int]) -> Bool { numbers.contains { $0 != unseen } }
}

extension Classes {
  /// *Collective.* Rank 0's, which the others need not have made.
  static func shared(_ classes: Classes?, _ world: Communicator) throws -> Classes {
    let texts = [classes?.labels ?? [], classes?.names ?? []].map { JSON.array($0.map(JSON.string)).line }
    let lists = try texts.map { try Classes.names(in: world.broadcast($0, from: 0)) ?? [] }
    return Classes(labels: lists[0], names: lists[1])
  }

  /// The texts of a JSON array, nil where it is something else.
  public static func names(in text: String) -> [String]? {
    guard case .array(let names)? = try? JSON(parsing: text.utf8) else { return nil }
    let texts = names.compactMap { if case .string(let name) = $0 { name } else { nil } }
    return texts.count == names.count ? texts : nil
  }
}

/// *Collective.* The labels of samples to be tested, as classes of the training samples.
struct TestLabels: Sendable {
  /// Of all samples: a class, or `Classes.unseen`. nil: no label is one of training's, so that they are taken as unknown.
  let numbers: [Int]?
  /// What is to be told; rank 0's.
  let notes: [String]

  /// - Parameters:
  ///   - count: the first so many samples.
  ///   - isStrict: whether an unseen label throws `InputError`.
  init(
    _ reader: any SampleReader, first count: Int? = nil, _ classes: Classes, isStrict: Bool, world: Communicator
  ) throws {
    let count = count ?? reader.sampleCount
    var notes: [String] = []
    var numbers: [Int] = try world.together {
      guard world.rank == 0 else { return [] }
      let labels = try reader.labels(first: count)
      let numbers = classes.numbers(of: labels)
      notes = try Self.notes(labels, numbers, classes, reader.labelPlace, isStrict)
      return numbers
    }
    try world.broadcast(&numbers, from: 0)
    self.notes = notes
    self.numbers = Classes.areKnown(numbers) ? numbers : nil
  }

  private static func notes(
    _ labels: [Label], _ numbers: [Int], _ classes: Classes, _ place: String, _ isStrict: Bool
  ) throws -> [String] {
    guard let first = numbers.firstIndex(of: Classes.unseen) else { return [] }
    let missing = numbers.count { $0 == Classes.unseen }
    let sight = "label \(labels[first].name) at sample \(first)"
    if isStrict { throw InputError("\(place) has \(sight), which no training sample has (--strict)") }
    if missing == labels.count {
      return [
        "\(place) has no label that a training sample has (\(sight)): its labels are taken as unknown, no accuracy"
      ]
    }
    return [
      "\(place) has \(missing) of \(labels.count) labels that no training sample has (\(sight)): counted as wrong"
    ]
  }
}
