import Files
import Glibc
import Runtime

/// What is left of a run in its directory, proven as far as checksums go. For rank 0.
struct EarlierRun: Sendable {
  let directory: RunFolder
  let configuration: RunConfiguration
  /// Layers whose files and line are whole, from the first on.
  private(set) var finishedLayers = 0
  /// Sentences on what was damaged and has to be recomputed.
  private(set) var damages: [String] = []
  /// Their lines of metrics.jsonl, with their ends.
  private var lines: [[UInt8]] = []

  var isFinished: Bool { finishedLayers > 0 && LayerSelection(configuration.options, metrics).hasEnded }
  /// Their metrics.
  private(set) var metrics: [LayerMetrics] = []
  /// The layer whose X model.safetensors should hold and does not: to be written again.
  private(set) var layerOfLostModel: Int?

  /// *Local.* nil: no run has begun there; what a run that ended before it had a configuration left is taken away.
  ///
  /// Throws `InputError` if the directory holds something else, or a configuration that is damaged.
  init?(_ path: String) throws {
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
      // A run of an earlier version has no confusions.
      let confusion = RunFolder.confusionName(layer)
      let files = [name] + (manifest[confusion] == nil ? [] : [confusion])
      if let lost = files.first(where: { !manifest.holds($0, in: directory) }) {
        damages.append("\(directory.path)/\(lost) is missing or damaged")
        break
      }
      let source = "\(directory.metrics), line \(layer)"
      metrics.append(try LayerMetrics(json: try RunFolder.parse(written[layer - 1], source), source: source))
      finishedLayers = layer
    }
    lines = Array(written[..<finishedLayers])
    checkModel(manifest)
  }

  /// The last layer makes its model again; that of a layer before is written on the way through the finished layers.
  private mutating func checkModel(_ manifest: Manifest) {
    let selection = LayerSelection(configuration.options, metrics)
    guard let layer = selection.layer else { return }
    let held = manifest.holds(RunFolder.modelName, in: directory)
    if configuration.options.choice == .last {
      guard !held else { return }
      damages.append("\(directory.model) is missing or damaged")
      finishedLayers -= 1
      lines.removeLast()
      metrics.removeLast()
    } else if !held || directory.layerOfModel != layer {
      layerOfLostModel = layer
    }
  }

  private var hasMetrics: Bool { access(directory.metrics, F_OK) == 0 }

  /// *Local.* Whether data.safetensors is as it was written.
  var hasData: Bool { Manifest(CheckpointFolder(directory)).holds(RunFolder.dataName, in: directory) }

  /// *Local.* Leaves only the finished layers' lines in metrics.jsonl: a line that was cut off, or that will be written again, goes.
  func keepFinishedLines() throws {
    guard hasMetrics else { return }
    let good = lines.flatMap { $0 }
    guard try InputFile.contents(directory.metrics, limit: 1 << 28) != good else { return }
    try OutputFile.replace(directory.metrics, with: good)
  }

  /// Throws `InputError` naming the options that would make other results than those that are there.
  func checkOptions(_ options: TrainOptions) throws(InputError) {
    try TrainOptions.table.expectSame(
      options, asBegun: configuration.options, free: Self.free, in: directory.path)
  }

  /// What may change between two parts of a run: where and how fast, not what.
  static let free: Set<String> = [
    "data", "allow-unconverged", "memory", "threads", "output", "checkpoint-every", "resume", "time-limit", "quiet",
  ]
}
