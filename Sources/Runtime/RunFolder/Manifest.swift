import Files

/// Bytes and checksum of each file that a finished layer left, by name within the run directory; and of its line of
/// metrics.jsonl.
public struct Manifest: Sendable, Equatable {
  private(set) var entries: [String: Fingerprint] = [:]

  public init() {}

  public subscript(name: String) -> Fingerprint? {
    get { entries[name] }
    set { entries[name] = newValue }
  }

  /// The name of a layer's line.
  static func line(_ layer: Int) -> String { "metrics.jsonl:\(layer)" }

  /// *Local.* Notes a file as it is. Throws where it cannot be read.
  public mutating func note(_ name: String, in run: RunFolder) throws {
    entries[name] = try Fingerprint(ofFile: run.path + "/" + name)
  }

  public mutating func note(line: [UInt8], of layer: Int) {
    entries[Self.line(layer)] = Fingerprint(of: line)
  }

  /// *Local.* Whether the file is as it was noted.
  public func holds(_ name: String, in run: RunFolder) -> Bool {
    guard let found = try? Fingerprint(ofFile: run.path + "/" + name) else { return false }
    return entries[name] == found
  }

  public func holds(line: [UInt8], of layer: Int) -> Bool {
    entries[Self.line(layer)] == Fingerprint(of: line)
  }

  var json: JSON {
    .object(
      entries.sorted { $0.key < $1.key }.map {
        JSON.Member(
          $0.key, .object([JSON.Member("bytes", JSON($0.value.bytes)), JSON.Member("crc32", JSON($0.value.crc32))]))
      })
  }

  /// Entries that make no sense are left out: what they were of counts as damaged.
  init(json: JSON) {
    guard case .object(let members) = json else { return }
    for member in members {
      guard case .number(let bytes)? = member.value["bytes"], case .number(let sum)? = member.value["crc32"],
        let bytes = Int(bytes), let sum = UInt(sum)
      else { continue }
      entries[member.key] = Fingerprint(bytes: bytes, crc32: sum)
    }
  }

  /// *Local.* An empty one if there is none or it is no JSON.
  public init(_ folder: CheckpointFolder) {
    let bytes = try? InputFile.contents(folder.manifest, limit: 1 << 26)
    self.init(json: bytes.flatMap { try? JSON(parsing: $0) } ?? .null)
  }

  /// *Local.* Throws `FileError`.
  public func write(_ folder: CheckpointFolder) throws(FileError) {
    try OutputFile.replace(folder.manifest, with: Array(json.page.utf8))
  }
}
