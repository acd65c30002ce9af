import Files
import Glibc
import MPI

/// The folder that a run fills. Only rank 0 makes and names things in it; what a kind of run adds is named in an extension beside that
/// kind.
public struct RunFolder: Sendable, Equatable {
  public let path: String

  /// The options and the machine, written first.
  public var configuration: String { path + "/config.json" }
  /// A line a layer, or an epoch.
  public var metrics: String { path + "/metrics.jsonl" }
  /// What turns the file's samples into the run's rows.
  public var data: String { path + "/" + Self.dataName }
  /// What predicts.
  public var model: String { path + "/" + Self.modelName }
  public var report: String { path + "/report.html" }

  public static var dataName: String { "data.safetensors" }
  public static var modelName: String { "model.safetensors" }

  /// The folder of an existing run. Touches nothing.
  public init(_ path: String) { self.path = path }

  /// *Local.* Throws `InputError` if a run could not be made at `path`: it is in use, or cannot be written to.
  ///
  /// Writes nothing, so it can be asked before the data is read; `create` asks again.
  public static func check(_ path: String) throws(InputError) {
    var status = stat()
    if stat(path, &status) == 0 {
      guard status.st_mode & S_IFMT == S_IFDIR else {
        throw InputError("--output \(path) is not a directory")
      }
      guard try isEmpty(path) else {
        if InputFile.exists(RunFolder(path).configuration) {
          throw InputError("--output \(path) holds a run: --resume goes on with it, or give another directory")
        }
        throw InputError("--output \(path) holds other files and no run: give another directory, or an empty one")
      }
    } else if errno != ENOENT {
      throw InputError("--output \(path) cannot be used: \(FileError.reason(errno))")
    }
    let parent = Folder.nearestExisting(path)
    guard access(parent, W_OK | X_OK) == 0 else {
      throw InputError("--output \(path) cannot be made in \(parent): \(FileError.reason(errno))")
    }
  }

  private static func isEmpty(_ path: String) throws(InputError) -> Bool {
    do throws(FileError) {
      return try Folder.names(in: path).isEmpty
    } catch {
      throw InputError("--output: \(error)")
    }
  }

  /// *Local: rank 0 alone.* Makes the folder and writes config.json: the first writing of a run.
  ///
  /// Throws `InputError` if the folder is in use, `FileError` if the disk refuses. - Parameter parts: a folder inside, for the files
  /// that the run will write one by one.
  public static func create(_ path: String, parts: String, configuration: JSON) throws -> RunFolder {
    try check(path)
    let folder = RunFolder(path)
    try Folder.make(path)
    // Of two runs that both saw it empty, one alone makes this.
    guard mkdir("\(path)/\(parts)", 0o777) == 0 else {
      if errno == EEXIST {
        throw InputError("--output \(path): another run is just beginning there: give another directory")
      }
      throw FileError("made", "\(path)/\(parts)", code: errno)
    }
    try OutputFile.replace(folder.configuration, with: configuration.page)
    return folder
  }

  /// *Local.* Takes away what `create` makes before the configuration, if nothing has been put there.
  public func removeBeginnings(parts: String) {
    unlink(configuration + OutputFile.suffix)
    rmdir("\(path)/\(parts)")
  }

  /// *Local: rank 0 alone.* Adds a line to metrics.jsonl; it is on the disk when this returns.
  public func append(_ line: [UInt8]) throws(FileError) {
    let file = try OutputFile(appendingTo: metrics)
    try file.write(line)
    try file.finish()
  }

  /// *Local.* The lines of metrics.jsonl as bytes, with their ends. A last line that was cut off, by a crash while it was written, is
  /// left out. Throws `InputError` if there is no such file.
  public func readLines() throws(InputError) -> [[UInt8]] { try readLines(of: metrics) }

  /// *Local.* The same of another file of lines.
  public func readLines(of file: String) throws(InputError) -> [[UInt8]] {
    let bytes = try InputFile.contents(own(file), limit: 1 << 28)
    var lines: [[UInt8]] = []
    var start = 0
    for (index, byte) in bytes.enumerated() where byte == UInt8(ascii: "\n") {
      lines.append(Array(bytes[start...index]))
      start = index + 1
    }
    return lines
  }

  /// *Local.* The path of a file of this run, to be read. Throws `InputError` if it is no regular file, or a link leads out of the
  /// directory: somebody else may have made it, to have other files read or a pipe waited for (realpath, stat).
  public func own(_ file: String) throws(InputError) -> String {
    guard let root = realpath(path, nil) else {
      throw InputError("\(path) cannot be read: \(FileError.reason(errno))")
    }
    defer { free(root) }
    guard let real = realpath(file, nil) else {
      throw InputError("\(file) cannot be read: \(FileError.reason(errno))")
    }
    defer { free(real) }
    let length = strlen(root)
    guard strncmp(root, real, length) == 0, real[length] == CChar(UInt8(ascii: "/")) || length == 1 else {
      throw InputError("\(file) is a link to a file outside of the run directory")
    }
    var status = stat()
    guard stat(real, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
      throw InputError("\(file) is not a regular file")
    }
    return file
  }

  /// A text as JSON. Throws `InputError` that begins with `source`.
  public static func parse(_ text: some Sequence<UInt8>, _ source: String) throws(InputError) -> JSON {
    do throws(JSON.SyntaxError) {
      return try JSON(parsing: text)
    } catch {
      throw InputError("\(source) is not JSON: \(error)")
    }
  }
}
