import Files
import Glibc

/// DIR/checkpoint: what a run needs, beside its other files, to go on. For rank 0.
public struct CheckpointFolder: Sendable {
  let run: RunFolder
  public var path: String { run.path + "/checkpoint" }
  /// The state inside a layer that was written last, and the one before it.
  public var latest: String { path + "/layer.safetensors" }
  public var previous: String { path + "/layer-before.safetensors" }
  /// Where a state is written before it becomes the latest.
  public var next: String { path + "/layer-next.safetensors" }
  /// Checksums of the run's other files.
  public var manifest: String { path + "/files.json" }
  private var lock: String { path + "/lock" }

  public init(_ run: RunFolder) { self.run = run }

  /// *Local.* Makes the folder. Throws `FileError`.
  public func make() throws(FileError) { try Folder.make(path) }

  /// *Local.* Gives the state in `next` its place; the latest becomes the previous one. A crash between the two renames leaves
  /// `next`, whole, to be found.
  public func advance() throws(FileError) {
    if access(latest, F_OK) == 0 { try OutputFile.move(latest, to: previous) }
    try OutputFile.move(next, to: latest)
  }

  /// The states that may be there, newest first.
  public var states: [String] { [next, latest, previous] }

  /// *Local.* The layer has ended: its states are of no more use.
  public func clear() {
    for path in states { unlink(path) }
  }

  /// *Local.* Keeps another job from working in this run directory as long as the result lives, or the process. Waits for one that is
  /// about to end. Throws `InputError` if it does not.
  ///
  /// The corresponding C function is `flock`. A file system that knows no locks gives none.
  public func hold(patience: Double = 60, waiting: () -> Void = {}) throws -> FolderLock {
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
public final class FolderLock {
  private let descriptor: Int32

  fileprivate init(_ descriptor: Int32) { self.descriptor = descriptor }

  deinit { _ = Glibc.close(descriptor) }
}
