import Files
import Glibc

/// The folder of a data set's official files.
public struct DataFolder {
  public let path: String

  /// Throws `InputError` where none is given, or it is not a readable folder.
  public init(_ path: String?, for dataset: DatasetName) throws {
    guard let path, !path.isEmpty else {
      throw InputError("--dataset \(dataset.rawValue) needs --data DIR, the folder with its files")
    }
    var status = stat()
    guard stat(path, &status) == 0 else {
      throw InputError("--data \(path) cannot be opened: \(FileError.reason(errno))")
    }
    guard status.st_mode & S_IFMT == S_IFDIR else {
      throw InputError("--data \(path) is not a folder")
    }
    self.path = path
  }

  /// The first of the names that exists here, as a path; each name is tried with .gz behind it too.
  public func find(_ names: [String]) -> String? {
    for name in names {
      for candidate in ["\(path)/\(name)", "\(path)/\(name).gz"] where InputFile.exists(candidate) {
        return candidate
      }
    }
    return nil
  }

  /// `find`, or an `InputError` that names the folder and the file.
  public func require(_ names: [String]) throws -> String {
    guard let found = find(names) else {
      throw InputError("\(path) has no file \(names[0]), plain or with .gz")
    }
    return found
  }
}
