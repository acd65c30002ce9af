import Files
import MPI
import Runtime

/// Which class's samples a layer's predictor takes for which: the pairs that occur, with their numbers. Of K classes a table would have
/// K x K entries, most of them 0 where K is large.
public struct Confusion: Sendable, Equatable {
  public struct Entry: Sendable, Equatable {
    /// -1: a label that no training sample has.
    public let actual: Int
    public let predicted: Int
    public let count: Int

    init(actual: Int, predicted: Int, count: Int) {
      (self.actual, self.predicted, self.count) = (actual, predicted, count)
    }
  }

  /// By actual class, then by predicted.
  public let entries: [Entry]

  init(entries: [Entry]) { self.entries = entries }

  /// *Collective.* Of all ranks' samples; empty on ranks other than 0.
  init(_ actual: [Int], _ predicted: [Int], _ world: Communicator) throws {
    var counts: [Pair: Int] = [:]
    for (a, p) in zip(actual, predicted) { counts[Pair(actual: a, predicted: p), default: 0] += 1 }
    let own = counts.flatMap { [$0.key.actual, $0.key.predicted, $0.value] }
    var all: [Pair: Int] = [:]
    for part in try world.gather(own, to: 0) ?? [] {
      for i in stride(from: 0, to: part.count, by: 3) {
        all[Pair(actual: part[i], predicted: part[i + 1]), default: 0] += part[i + 2]
      }
    }
    entries = all.sorted { ($0.key.actual, $0.key.predicted) < ($1.key.actual, $1.key.predicted) }.map {
      Entry(actual: $0.key.actual, predicted: $0.key.predicted, count: $0.value)
    }
  }

  private struct Pair: Hashable {
    let actual, predicted: Int
  }
}

/// A layer's confusions by split.
public struct LayerConfusion: Sendable, Equatable {
  public var train: Confusion
  public var validation, test: Confusion?

  init(train: Confusion, validation: Confusion? = nil, test: Confusion? = nil) {
    (self.train, self.validation, self.test) = (train, validation, test)
  }

  private static let names = ["train", "validation", "test"]

  /// *Local: rank 0 alone.* A tensor a split, (entries x 3): actual class, predicted class, number. Throws `FileError`.
  func write(to path: String) throws {
    let parts = zip(Self.names, [train, validation, test]).compactMap { name, part in part.map { (name, $0.entries) } }
    let writer = try SafetensorsWriter(
      path, parts.map { TensorInfo($0.0, .int64, [$0.1.count, 3]) }, metadata: RunFormat.metadata)
    for (_, entries) in parts { try writer.append(entries.flatMap { [$0.actual, $0.predicted, $0.count] }) }
    try writer.finish()
  }

  /// *Local.* Throws `InputError` where the file is malformed.
  init(_ file: SafetensorsFile) throws {
    let found = Set(file.tensors.map(\.name))
    func part(_ name: String) throws -> Confusion? {
      guard found.contains(name) else { return nil }
      guard try file.tensor(name).shape.dropFirst() == [3] else {
        throw InputError("\(file.path): \"\(name)\" is no table of classes and numbers")
      }
      let numbers = try file.read(name, as: Int.self)
      return Confusion(
        entries: stride(from: 0, to: numbers.count, by: 3).map {
          Confusion.Entry(actual: numbers[$0], predicted: numbers[$0 + 1], count: numbers[$0 + 2])
        })
    }
    train = try part("train") ?? Confusion(entries: [])
    (validation, test) = (try part("validation"), try part("test"))
  }
}

extension RunFolder {
  public static func confusionName(_ layer: Int) -> String {
    "confusion/\(layer < 10 ? "0" : "")\(layer).safetensors"
  }

  /// *Local.* Throws `InputError`; nil: the run has none.
  public func readConfusion(_ layer: Int) throws -> LayerConfusion? {
    let file = path + "/" + Self.confusionName(layer)
    return InputFile.exists(file) ? try LayerConfusion(openTensors(file)) : nil
  }
}

extension RunRecorder {
  /// *Collective.* confusion/NN.safetensors.
  func save(_ confusion: LayerConfusion, of layer: Int) throws {
    try world.together {
      guard world.rank == 0 else { return }
      try Folder.make(directory.path + "/confusion")
      try confusion.write(to: directory.path + "/" + RunFolder.confusionName(layer))
    }
  }
}
