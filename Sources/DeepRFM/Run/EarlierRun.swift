import Files
import Glibc
import Runtime

/// What is left of a run in its directory, proven as far as checksums go. For rank 0.
public struct EarlierRun: Sendable {
  public let directory: RunFolder
  public let configuration: RunConfiguration
  /// Layers whose files and line are whole, from the first on.
  public private(set) var finishedLayers = 0
  /// Sentences on what was damaged and has to be recomputed.
  public private(set) var damages: [String] = []
  /// Their lines of metrics.jsonl, with their ends.
  private var lines: [[UInt8]] = []

  public var isFinished: Bool { finishedLayers == configuration.options.layers }

  /// *Local.* nil: no run has begun there; what a run that ended before it had a configuration left is taken away.
  ///
  /// Throws `InputError` if the directory holds something else, or a configuration that is damaged.
  public init?(_ path: String) throws {
    directory = RunFolder(path)
    guard access(directory.configuration, F_OK) == 0 else {
      directory.removeBeginnings(parts: RunFolder.layersName)
      return nil
    }
    configuration = try directory.readConfiguration()
    let manifest = Manifest(CheckpointFolder(directory))
    let written = try hasMetrics ? directory.readLines() : []
    while finishedLayers < min(written.count, configuration.options.layers) {
      let layer = finishedLayers + 1
      let name = RunFolder.layerName(layer)
      guard manifest.holds(line: written[layer - 1], of: layer) else {
        damages.append("\(directory.metrics), line \(layer), is damaged")
        break
      }
      guard manifest.holds(name, in: directory) else {
        damages.append("\(directory.path)/\(name) is missing or damaged")
        break
      }
      finishedLayers = layer
    }
    lines = Array(written[..<finishedLayers])
    if isFinished && !manifest.holds(RunFolder.modelName, in: directory) {
      damages.append("\(directory.model) is missing or damaged")
      finishedLayers -= 1
      lines.removeLast()
    }
  }

  private var hasMetrics: Bool { access(directory.metrics, F_OK) == 0 }

  /// *Local.* Whether data.safetensors is as it was written.
  var hasData: Bool { Manifest(CheckpointFolder(directory)).holds(RunFolder.dataName, in: directory) }

  /// *Local.* Leaves only the finished layers' lines in metrics.jsonl: a line that was cut off, or that will be written again, goes.
  public func keepFinishedLines() throws {
    guard hasMetrics else { return }
    let good = lines.flatMap { $0 }
    guard try InputFile.contents(directory.metrics, limit: 1 << 28) != good else { return }
    try OutputFile.replace(directory.metrics, with: good)
  }

  /// Throws `InputError` naming the options that would make other results than those that are there.
  public func checkOptions(_ options: TrainOptions) throws(InputError) {
    try TrainOptions.table.expectSame(
      options, asBegun: configuration.options, free: Self.free, in: directory.path)
  }

  /// What may change between two parts of a run: where and how fast, not what.
  private static let free: Set<String> = [
    "data", "allow-unconverged", "memory", "threads", "output", "checkpoint-every", "resume", "time-limit", "quiet",
  ]
}
