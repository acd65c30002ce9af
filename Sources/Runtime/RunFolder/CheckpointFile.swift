import Files
import MPI

/// What is saved inside a layer, as this rank sees it.
public struct Checkpoint {
  /// Facts, the same on all ranks.
  public var facts: JSON
  /// Matrices whose rows are the samples, class-sorted, each rank its own: any rank count can read them.
  public var spread: [SavedTensor]
  /// The same on all ranks.
  public var shared: [SavedTensor]
  /// Of this rank alone; the same names and precisions on all ranks. Only as many ranks as wrote them can read them.
  public var own: [SavedTensor]

  public init(
    facts: JSON, spread: [SavedTensor] = [], shared: [SavedTensor] = [], own: [SavedTensor] = []
  ) {
    self.facts = facts
    self.spread = spread
    self.shared = shared
    self.own = own
  }
}

/// A file of one checkpoint: safetensors whose last tensor, `crc32`, is the checksum of every byte before it. Rank 0 writes and
/// reads; the others need not see the file.
public struct CheckpointFile {
  public let path: String

  public init(_ path: String) { self.path = path }

  /// Version of this format, in the facts.
  public static let format = 3
  private static let tag = MessageTag.checkpoint.rawValue
  /// Bytes of a message.
  private static let pieceBytes = 16 << 20
  private static let checksumName = "crc32"
  private static let metadataKey = "checkpoint"

  /// Whose a tensor is.
  private enum Kind: Int {
    case spread, shared, own

    /// Of this kind a rank's tensors.
    func tensors(of checkpoint: Checkpoint) -> [SavedTensor] {
      switch self {
      case .spread: checkpoint.spread
      case .shared: checkpoint.shared
      case .own: checkpoint.own
      }
    }

    /// The name in the file. Names begin with their kind.
    func fullName(_ name: String, of rank: Int) -> String {
      switch self {
      case .spread: name
      case .shared: sharedPrefix + name
      case .own: "rank\(rank).\(name)"
      }
    }
  }

  /// A tensor of the file; `index` in its kind's list.
  private struct Part {
    let kind: Kind
    let index, rank, rows, columns, scalarBytes: Int

    var byteCount: Int { rows * columns * scalarBytes }
    var numbers: [Int] { [kind.rawValue, index, rank, rows, columns, scalarBytes] }

    init(_ numbers: ArraySlice<Int>) {
      let n = Array(numbers)
      kind = Kind(rawValue: n[0]) ?? .own
      (index, rank, rows, columns, scalarBytes) = (n[1], n[2], n[3], n[4], n[5])
    }

    init(_ kind: Kind, _ index: Int, _ rank: Int, _ tensor: SavedTensor) {
      (self.kind, self.index, self.rank) = (kind, index, rank)
      (rows, columns, scalarBytes) = (tensor.rows, tensor.columns, tensor.scalarBytes)
    }
  }

  // MARK: Writing

  /// *Collective.* Puts the checkpoint at `path`, or throws the error of rank 0 and leaves what was there. Returns its bytes.
  public func write(_ checkpoint: Checkpoint, _ world: Communicator, format: Int = format) throws -> Int {
    let parts = try plan(checkpoint, world)
    var facts = checkpoint.facts
    facts.set(JSON(format), at: ["format"])
    facts.set(JSON(world.size), at: ["ranks"])
    let sink = try world.together { world.rank == 0 ? try Sink(path, tensors(parts, of: checkpoint), facts) : nil }
    // After an error rank 0 still takes what the others are about to send.
    var outcome = Result<Void, any Error>.success(())
    for part in parts { try collect(part, checkpoint, world, sink, &outcome) }
    try world.together {
      try outcome.get()
      try sink?.finish()
    }
    return parts.reduce(0) { $0 + $1.byteCount }
  }

  /// *Collective.* What the file will hold, in order.
  private func plan(_ checkpoint: Checkpoint, _ world: Communicator) throws -> [Part] {
    var mine = checkpoint.spread.enumerated().map { Part(.spread, $0, world.rank, $1) }
    if world.rank == 0 { mine += checkpoint.shared.enumerated().map { Part(.shared, $0, 0, $1) } }
    mine += checkpoint.own.enumerated().map { Part(.own, $0, world.rank, $1) }
    let all = try world.allGather(mine.flatMap(\.numbers)).flatMap { $0 }
    let parts = stride(from: 0, to: all.count, by: 6).map { Part(all[$0..<($0 + 6)]) }
    return parts.sorted { ($0.kind.rawValue, $0.index, $0.rank) < ($1.kind.rawValue, $1.index, $1.rank) }
  }

  /// Spread tensors are one in the file; shared ones, and those of a rank, have names that say so.
  private func tensors(_ parts: [Part], of checkpoint: Checkpoint) -> [TensorInfo] {
    var result: [TensorInfo] = []
    for part in parts {
      let type: TensorType = part.scalarBytes == 4 ? .float32 : .float64
      if part.kind == .spread, part.rank > 0, let last = result.popLast() {
        result.append(TensorInfo(last.name, type, [last.shape[0] + part.rows, part.columns]))
      } else {
        // Every rank's own tensors have the same names.
        let name = part.kind.fullName(part.kind.tensors(of: checkpoint)[part.index].name, of: part.rank)
        result.append(TensorInfo(name, type, [part.rows, part.columns]))
      }
    }
    return result
  }

  /// *Collective.* Brings a part to rank 0 and into the file.
  private func collect(
    _ part: Part, _ checkpoint: Checkpoint, _ world: Communicator, _ sink: Sink?,
    _ outcome: inout Result<Void, any Error>
  ) throws {
    guard world.rank == 0 || world.rank == part.rank else { return }
    let tensors = part.kind.tensors(of: checkpoint)
    var arriving = [UInt8](repeating: 0, count: part.rank == 0 ? 0 : min(part.byteCount, Self.pieceBytes))
    try withExtendedLifetime(tensors) {
      for piece in (0..<part.byteCount).pieces(ofAtMost: Self.pieceBytes) {
        if world.rank == part.rank {
          let bytes = UnsafeRawBufferPointer(rebasing: tensors[part.index].bytes[piece])
          if part.rank > 0 {
            try world.send(bytes.bindMemory(to: UInt8.self), to: 0, tag: Self.tag)
          } else if case .success = outcome {
            outcome = Result { try sink?.append(bytes) }
          }
        } else {
          try arriving.withUnsafeMutableBufferPointer { buffer in
            let place = UnsafeMutableBufferPointer(rebasing: buffer[..<piece.count])
            try world.receive(place, from: part.rank, tag: Self.tag)
            if case .success = outcome { outcome = Result { try sink?.append(UnsafeRawBufferPointer(place)) } }
          }
        }
      }
    }
  }

  /// The file being written, and its checksum so far.
  private final class Sink {
    private let writer: SafetensorsWriter
    private var checksum = Checksum()

    init(_ path: String, _ tensors: [TensorInfo], _ facts: JSON) throws {
      let all = tensors + [TensorInfo(checksumName, .uint8, [8])]
      let metadata = [metadataKey: facts.line]
      writer = try SafetensorsWriter(path, all, metadata: metadata)
      checksum.add(try SafetensorsHeader.encoded(all, metadata: metadata))
    }

    func append(_ bytes: UnsafeRawBufferPointer) throws {
      try writer.append(bytes)
      checksum.add(bytes)
    }

    func finish() throws {
      try checksum.littleEndian.withUnsafeBytes { try writer.append($0) }
      try writer.finish()
    }
  }

  // MARK: Reading

  /// *Collective.* The checkpoint, for a rank whose rows of the spread matrices are `rows`. Throws `CheckpointError`, the same on all
  /// ranks, if the file is missing, cut short, changed in any bit, of another format or not this many ranks'.
  ///
  /// - Parameter wantsOwn: decides by the facts whether the ranks' own matrices are read: only if there are as many ranks.
  public func read(
    _ world: Communicator, rows: Range<Int>, wantsOwn: (JSON) -> Bool
  ) throws -> Checkpoint {
    var source: SafetensorsFile?
    var text = ""
    try Self.together(world) {
      guard world.rank == 0 else { return }
      try verify()
      let file = try SafetensorsFile(path)
      text = file.metadata[Self.metadataKey] ?? ""
      source = file
    }
    text = try world.broadcast(text, from: 0)
    guard let facts = try? JSON(parsing: text.utf8), facts["format"] == JSON(Self.format) else {
      throw CheckpointError("\(path) is of another version's format")
    }
    let readsOwn = facts["ranks"] == JSON(world.size) && wantsOwn(facts)
    var checkpoint = Checkpoint(facts: facts)
    for entry in try entries(source, world) {
      switch entry.kind {
      case .spread: checkpoint.spread.append(try scatter(entry, source, world, rows))
      case .shared: checkpoint.shared.append(try share(entry, source, world))
      case .own: if readsOwn, let tensor = try hand(entry, source, world) { checkpoint.own.append(tensor) }
      }
    }
    return checkpoint
  }

  /// Anything that is wrong with a file's contents is a `CheckpointError` on all ranks.
  private static func together(_ world: Communicator, _ body: () throws -> Void) throws {
    let outcome = Result { try body() }
    var words = ""
    if case .failure(let error) = outcome { words = "\(error)" }
    words = try world.broadcast(words, from: 0)
    if !words.isEmpty { throw CheckpointError(words) }
  }

  private struct Entry {
    let kind: Kind
    /// Of kind `own` alone.
    let rank: Int
    let name: String
    /// The name in the file.
    let tensor: String
    let rows, columns, scalarBytes: Int
  }

  /// *Collective.* The file's tensors but the checksum. Their names begin with their kind.
  private func entries(_ file: SafetensorsFile?, _ world: Communicator) throws -> [Entry] {
    let list = try world.broadcast(
      (file?.tensors ?? []).filter { $0.name != Self.checksumName }.map {
        "\($0.name) \($0.rows) \($0.rowCount) \($0.type.size)"
      }.joined(separator: "\n"), from: 0)
    return list.split(separator: "\n").compactMap { line in
      let words = line.split(separator: " ").map(String.init)
      guard words.count == 4, let rows = Int(words[1]), let columns = Int(words[2]), let bytes = Int(words[3]) else {
        return nil
      }
      let name = words[0]
      if let prefix = name.prefixMatch(of: /rank([0-9]+)\./), let rank = Int(prefix.1) {
        return Entry(
          kind: .own, rank: rank, name: String(name[prefix.range.upperBound...]), tensor: name, rows: rows,
          columns: columns, scalarBytes: bytes)
      }
      let isShared = name.hasPrefix(sharedPrefix)
      return Entry(
        kind: isShared ? .shared : .spread, rank: 0, name: isShared ? String(name.dropFirst(sharedPrefix.count)) : name,
        tensor: name, rows: rows, columns: columns, scalarBytes: bytes)
    }
  }

  /// *Collective.* Each rank's rows of a spread tensor.
  private func scatter(
    _ entry: Entry, _ file: SafetensorsFile?, _ world: Communicator, _ rows: Range<Int>
  ) throws -> SavedTensor {
    let ranges = try world.allGather([rows.lowerBound, rows.upperBound])
    guard ranges.allSatisfy({ $0[1] <= entry.rows }) else {
      throw CheckpointError("\(path): \(entry.name) has \(entry.rows) rows")
    }
    var own: SavedTensor?
    for (rank, range) in ranges.enumerated() {
      let tensor = try move(entry, rows: range[0]..<range[1], to: rank, file, world)
      if rank == world.rank { own = tensor }
    }
    guard let own else { throw CheckpointError("\(path): \(entry.name) is missing") }
    return own
  }

  /// *Collective.* A tensor that all ranks get.
  private func share(_ entry: Entry, _ file: SafetensorsFile?, _ world: Communicator) throws -> SavedTensor {
    let tensor = SavedTensor(entry.name, rows: entry.rows, columns: entry.columns, scalarBytes: entry.scalarBytes)
    try Self.together(world) { try file?.read(entry.tensor, 0..<entry.rows, into: tensor) }
    try world.broadcast(tensor.bytes.bindMemory(to: UInt8.self), from: 0)
    return tensor
  }

  /// *Collective.* A rank's own tensor; nil on the others.
  private func hand(_ entry: Entry, _ file: SafetensorsFile?, _ world: Communicator) throws -> SavedTensor? {
    guard entry.rank < world.size else { throw CheckpointError("\(path) names rank \(entry.rank)") }
    return try move(entry, rows: 0..<entry.rows, to: entry.rank, file, world)
  }

  /// *Collective.* Some rows, from rank 0's file to a rank.
  private func move(
    _ entry: Entry, rows: Range<Int>, to rank: Int, _ file: SafetensorsFile?, _ world: Communicator
  ) throws -> SavedTensor? {
    var tensor: SavedTensor?
    if world.rank == 0 || world.rank == rank {
      tensor = SavedTensor(entry.name, rows: rows.count, columns: entry.columns, scalarBytes: entry.scalarBytes)
    }
    try Self.together(world) { if let tensor { try file?.read(entry.tensor, rows, into: tensor) } }
    guard rank > 0, let bytes = tensor?.bytes.bindMemory(to: UInt8.self) else { return tensor }
    for piece in bytes.indices.pieces(ofAtMost: Self.pieceBytes) {
      let part = UnsafeMutableBufferPointer(rebasing: bytes[piece])
      if world.rank == 0 { try world.send(UnsafeBufferPointer(part), to: rank, tag: Self.tag) }
      if world.rank == rank { try world.receive(part, from: 0, tag: Self.tag) }
    }
    return world.rank == rank ? tensor : nil
  }

  /// *Local.* Throws `CheckpointError` unless every byte of the file is what was written.
  public func verify() throws {
    let file: InputFile
    do { file = try InputFile(path) } catch { throw CheckpointError("\(error)") }
    let count = file.size - 8
    guard count > 0 else { throw CheckpointError("\(path) is cut off") }
    guard try file.bytes(at: count, count: 8) == Checksum(of: file, count: count).littleEndian else {
      throw CheckpointError("\(path) is damaged: its checksum does not match")
    }
  }
}

extension SafetensorsFile {
  /// Reads rows as they are stored into memory of their size.
  fileprivate func read(_ name: String, _ rows: Range<Int>, into tensor: SavedTensor) throws {
    if tensor.scalarBytes == 4 {
      try read(name, rows: rows, into: tensor.bytes.bindMemory(to: Float.self))
    } else {
      try read(name, rows: rows, into: tensor.bytes.bindMemory(to: Double.self))
    }
  }
}

/// Begins the names of shared tensors in the file.
private let sharedPrefix = "all."
