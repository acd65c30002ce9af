import Files
import Glibc

/// The folder of a run that was not told where to go. It is made at once, so that a job which starts in the same second takes another
/// name, and taken away again where no run began in it.
public struct DefaultFolder: Sendable {
  public let path: String
  private let parent: String
  private let madeParent: Bool

  /// *Local: rank 0 alone.* Makes `parent`/<name>-<time>, or the first of -2, -3, ... that is not there. Throws `InputError` where none
  /// can be made.
  ///
  /// The corresponding C function is `mkdir`: of several jobs one alone makes a folder.
  public init(for name: String, in parent: String = "runs", at time: Int? = nil) throws(InputError) {
    let first = "\(parent)/\(name)-\(Timestamp.local(time))"
    self.parent = parent
    madeParent = mkdir(parent, 0o777) == 0
    var (path, number) = (first, 1)
    while mkdir(path, 0o777) != 0 {
      guard errno == EEXIST else {
        throw InputError("--output: \(path) cannot be made: \(FileError.reason(errno)); another place can be given")
      }
      number += 1
      path = "\(first)-\(number)"
    }
    self.path = path
  }

  /// *Local.* Takes the folder away if it is empty, and its parent if that was made with it (rmdir).
  public func removeIfEmpty() {
    if rmdir(path) == 0, madeParent { rmdir(parent) }
  }
}
