import Files
import Glibc

/// DIR/checkpoint: what a run needs, beside its other files, to go on. For rank 0.
package struct CheckpointFolder: Sendable {
  package let run: RunDirectory
  package var path: String { run.path + "/checkpoint" }
  /// The state inside a layer that was written last, and the one before it.
  package var latest: String { path + "/layer.safetensors" }
  package var previous: String { path + "/layer-before.safetensors" }
  /// Where a state is written before it becomes the latest.
  package var next: String { path + "/layer-next.safetensors" }
  /// Checksums of the run's other files.
  package var ledger: String { path + "/files.json" }
  private var lock: String { path + "/lock" }

  package init(_ run: RunDirectory) { self.run = run }

  /// *Local.* Makes the folder. Throws `FileError`.
  func make() throws(FileError) { try Folder.make(path) }

  /// *Local.* Gives the state in `next` its place; the latest becomes the previous one. A crash between the two renames leaves
  /// `next`, whole, to be found.
  package func advance() throws(FileError) {
    if access(latest, F_OK) == 0 { try OutputFile.move(latest, to: previous) }
    try OutputFile.move(next, to: latest)
  }

  /// The states that may be there, newest first.
  package var states: [String] { [next, latest, previous] }

  /// *Local.* The layer has ended: its states are of no more use.
  func clear() {
    for path in states { unlink(path) }
  }

  /// *Local.* Keeps another job from working in this run directory as long as the result lives, or the process. Waits for one that is
  /// about to end. Throws `InputError` if it does not.
  ///
  /// The corresponding C function is `flock`. A file system that knows no locks gives none.
  func hold(patience: Double = 60, waiting: () -> Void = {}) throws -> FolderLock {
    let descriptor = open(lock, O_RDWR | O_CREAT | O_CLOEXEC, 0o666)
    guard descriptor >= 0 else { throw FileError("written", lock, code: errno) }
    let held = FolderLock(descriptor)
    let end = monotonicSeconds() + patience
    var told = false
    while flock(descriptor, LOCK_EX | LOCK_NB) != 0 {
      guard errno == EWOULDBLOCK || errno == EINTR else { return held }
      guard monotonicSeconds() < end else {
        throw InputError("\(run.path) is in use: another job is working in it")
      }
      if !told { waiting() }
      told = true
      usleep(100_000)
    }
    return held
  }
}

/// A lock on a run directory: let go with the last reference.
package final class FolderLock {
  private let descriptor: Int32

  fileprivate init(_ descriptor: Int32) { self.descriptor = descriptor }

  deinit { _ = Glibc.close(descriptor) }
}

/// Bytes and checksum of each file that a finished layer left, by name within the run directory; and of its line of
/// metrics.jsonl.
package struct Ledger: Sendable, Equatable {
  package typealias Entry = Fingerprint

  package private(set) var entries: [String: Entry] = [:]

  package init() {}

  package subscript(name: String) -> Entry? {
    get { entries[name] }
    set { entries[name] = newValue }
  }

  /// The name of a layer's line.
  package static func line(_ layer: Int) -> String { "metrics.jsonl:\(layer)" }

  /// *Local.* Notes a file as it is. Throws where it cannot be read.
  package mutating func note(_ name: String, in run: RunDirectory) throws {
    entries[name] = try Fingerprint(ofFile: run.path + "/" + name)
  }

  package mutating func note(line: [UInt8], of layer: Int) {
    entries[Self.line(layer)] = Fingerprint(of: line)
  }

  /// *Local.* Whether the file is as it was noted.
  package func holds(_ name: String, in run: RunDirectory) -> Bool {
    guard let found = try? Fingerprint(ofFile: run.path + "/" + name) else { return false }
    return entries[name] == found
  }

  package func holds(line: [UInt8], of layer: Int) -> Bool {
    entries[Self.line(layer)] == Fingerprint(of: line)
  }

  package var json: JSON {
    .object(
      entries.sorted { $0.key < $1.key }.map {
        JSON.Member(
          $0.key, .object([JSON.Member("bytes", JSON($0.value.bytes)), JSON.Member("crc32", JSON($0.value.crc32))]))
      })
  }

  /// Entries that make no sense are left out: what they were of counts as damaged.
  package init(json: JSON) {
    guard case .object(let members) = json else { return }
    for member in members {
      guard case .number(let bytes)? = member.value["bytes"], case .number(let sum)? = member.value["crc32"],
        let bytes = Int(bytes), let sum = UInt(sum)
      else { continue }
      entries[member.key] = Entry(bytes: bytes, crc32: sum)
    }
  }

  /// *Local.* An empty one if there is none or it is no JSON.
  package init(_ folder: CheckpointFolder) {
    let bytes = try? InputFile.contents(folder.ledger, limit: 1 << 26)
    self.init(json: bytes.flatMap { try? JSON(parsing: $0) } ?? .null)
  }

  /// *Local.* Throws `FileError`.
  package func write(_ folder: CheckpointFolder) throws(FileError) {
    try OutputFile.replace(folder.ledger, with: Array(json.page.utf8))
  }
}
