import Files
import Glibc
import MPI

/// What a run writes down before it begins: config.json.
public struct RunConfiguration: Sendable, Equatable {
  public var options: TrainOptions
  /// Of the program that wrote it.
  public var version: String
  public var ranks: Int
  /// Per rank.
  public var threads: Int
  /// One name a node.
  public var hosts: [String]
  /// OpenBLAS's name for the kernels it runs.
  public var blasKernels: String
  /// ISO 8601, UTC.
  public var startedAt: String

  public init(
    options: TrainOptions, ranks: Int, threads: Int, hosts: [String], blasKernels: String,
    startedAt: String = Timestamp.iso8601()
  ) {
    self.options = options
    self.version = DeepRFM.version
    self.ranks = ranks
    self.threads = threads
    self.hosts = hosts
    self.blasKernels = blasKernels
    self.startedAt = startedAt
  }
}

/// The folder that a run fills: who writes what is in INTERFACE's order, and only rank 0 makes and names things.
public struct RunDirectory: Sendable, Equatable {
  public let path: String

  public var configuration: String { path + "/config.json" }
  public var metrics: String { path + "/metrics.jsonl" }
  public var layers: String { path + "/layers" }
  public var data: String { path + "/data.safetensors" }
  public var model: String { path + "/model.safetensors" }
  public var report: String { path + "/report.html" }

  /// In the metadata of data.safetensors: the classes' names as a JSON array, where the data set names them.
  static let classNamesKey = "classNames"

  /// layers/01.safetensors; `layer` counts from 1.
  public func layer(_ layer: Int) -> String {
    path + "/" + Self.layerName(layer)
  }

  /// runs/<dataset>-<yyyyMMdd-HHmmss>, local time.
  public static func defaultPath(for dataset: DatasetName, at time: Int? = nil) -> String {
    "runs/\(dataset.rawValue)-\(Timestamp.local(time))"
  }

  /// The directory of an existing run. Touches nothing.
  public init(_ path: String) {
    self.path = path
  }

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
        if InputFile.exists(RunDirectory(path).configuration) {
          throw InputError("--output \(path) holds a run: --resume goes on with it, or give another directory")
        }
        throw InputError("--output \(path) is in use: give another directory, or an empty one")
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

  /// *Local: rank 0 alone.* Makes the directory and writes config.json: the first writing of a run.
  ///
  /// Throws `InputError` if the directory is in use, `FileError` if the disk refuses.
  public static func create(_ path: String, _ configuration: RunConfiguration) throws
    -> RunDirectory
  {
    try check(path)
    let directory = RunDirectory(path)
    try Folder.make(path)
    // Of two runs that both saw it empty, one alone makes this.
    guard mkdir(directory.layers, 0o777) == 0 else {
      if errno == EEXIST { throw InputError("--output \(path) is in use: give another directory") }
      throw FileError("made", directory.layers, code: errno)
    }
    try OutputFile.replace(directory.configuration, with: Array(configuration.json.page.utf8))
    return directory
  }

  /// *Local: rank 0 alone.* Adds a layer's line to metrics.jsonl; it is on the disk when this returns.
  public func append(_ metrics: LayerMetrics) throws(FileError) {
    let file = try OutputFile(appendingTo: self.metrics)
    try file.write(Self.line(metrics))
    try file.finish()
  }

  /// A layer's line, with its end.
  package static func line(_ metrics: LayerMetrics) -> [UInt8] { Array((metrics.json.line + "\n").utf8) }

  /// *Local.* The path of a file of this run, to be read. Throws `InputError` if it is no regular file, or a link leads out of the
  /// directory: somebody else may have made it, to have other files read or a pipe waited for (realpath, stat).
  package func own(_ file: String) throws(InputError) -> String {
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

  /// Throws `InputError` if there is no config.json or it is malformed.
  public func readConfiguration() throws(InputError) -> RunConfiguration {
    let bytes = try InputFile.contents(own(configuration), limit: 1 << 20)
    return try RunConfiguration(json: try Self.parse(bytes, configuration), source: configuration)
  }

  /// The lines of metrics.jsonl. A last line that was cut off, by a crash while it was written, is left out.
  ///
  /// Throws `InputError` if there is no such file or a whole line is malformed.
  public func readMetrics() throws(InputError) -> [LayerMetrics] {
    let (lines, fault) = try readMetricsUpToFault()
    if let fault { throw fault }
    return lines
  }

  /// The lines before the first malformed one, and what is wrong with it. Throws `InputError` if there is no such file.
  public func readMetricsUpToFault() throws(InputError) -> (lines: [LayerMetrics], fault: InputError?) {
    let bytes = try InputFile.contents(own(metrics), limit: 1 << 28)
    var lines: [LayerMetrics] = []
    let newline = UInt8(ascii: "\n")
    let whole = bytes[...(bytes.lastIndex(of: newline) ?? -1)]
    for (index, line) in whole.split(separator: newline).enumerated() {
      let source = "\(metrics), line \(index + 1)"
      do throws(InputError) {
        lines.append(try LayerMetrics(json: try Self.parse(line, source), source: source))
      } catch {
        return (lines, error)
      }
    }
    return (lines, nil)
  }

  private static func parse(_ text: some Sequence<UInt8>, _ source: String) throws(InputError)
    -> JSON
  {
    do throws(JSON.SyntaxError) {
      return try JSON(parsing: text)
    } catch {
      throw InputError("\(source) is not JSON: \(error)")
    }
  }
}

// MARK: - config.json

extension RunConfiguration {
  var json: JSON {
    .object([
      JSON.Member("options", TrainOptions.table.json(options)),
      JSON.Member("version", .string(version)),
      JSON.Member("ranks", JSON(ranks)),
      JSON.Member("threads", JSON(threads)),
      JSON.Member("hosts", .array(hosts.map { .string($0) })),
      JSON.Member("blasKernels", .string(blasKernels)),
      JSON.Member("startedAt", .string(startedAt)),
    ])
  }

  init(json: JSON, source: String) throws(InputError) {
    func member<Value>(_ key: String, _ read: (JSON) -> Value?) throws(InputError) -> Value {
      guard let value = json[key].flatMap(read) else {
        throw InputError("\(source): \"\(key)\" is missing or has the wrong type")
      }
      return value
    }
    func text(_ json: JSON) -> String? {
      if case .string(let text) = json { text } else { nil }
    }
    func count(_ json: JSON) -> Int? {
      if case .number(let literal) = json { Int(literal) } else { nil }
    }
    func texts(_ json: JSON) -> [String]? {
      guard case .array(let values) = json else { return nil }
      let texts = values.compactMap(text)
      return texts.count == values.count ? texts : nil
    }
    options = TrainOptions()
    try TrainOptions.table.apply(try member("options") { $0 }, from: source, to: &options)
    version = try member("version", text)
    ranks = try member("ranks", count)
    threads = try member("threads", count)
    hosts = try member("hosts", texts)
    blasKernels = try member("blasKernels", text)
    startedAt = try member("startedAt", text)
  }
}

/// Moments as text. Times are seconds since 1970; nil is now.
public enum Timestamp {
  /// 2025-01-31T23:59:59Z
  public static func iso8601(_ time: Int? = nil) -> String {
    formatted("%Y-%m-%dT%H:%M:%SZ", time, gmtime_r)
  }

  /// 20250131-235959, local time.
  public static func local(_ time: Int? = nil) -> String {
    formatted("%Y%m%d-%H%M%S", time, localtime_r)
  }

  private static func formatted(
    _ format: String, _ time: Int?,
    _ split: (UnsafePointer<time_t>, UnsafeMutablePointer<tm>) -> UnsafeMutablePointer<tm>?
  ) -> String {
    var seconds = time_t(time ?? Glibc.time(nil))
    var parts = tm()
    _ = split(&seconds, &parts)
    var text = [CChar](repeating: 0, count: 64)
    let length = strftime(&text, text.count, format, &parts)
    return String(decoding: text[..<length].map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }
}
