import Files
import Glibc
import Runtime

/// What is left of a network's run in its directory. For rank 0.
struct EarlierNetworkRun {
  let folder: RunFolder
  let configuration: NetworkConfiguration
  /// Whole lines of metrics.jsonl from the first epoch on.
  let epochs: Int
  private let manifest: Manifest

  /// *Local.* nil: no run has begun there; what a run that ended before it had a configuration left is taken away. Throws `InputError` if
  /// the directory holds something else, or a configuration that is damaged.
  init?(_ path: String) throws {
    folder = RunFolder(path)
    guard access(folder.configuration, F_OK) == 0 else {
      folder.removeBeginnings(parts: RunFolder.weightsName)
      return nil
    }
    guard folder.isNetwork else {
      throw InputError("--resume: the run in \(path) is none of a network")
    }
    configuration = try folder.readNetworkConfiguration()
    manifest = Manifest(CheckpointFolder(folder))
    var whole = 0
    if InputFile.exists(folder.metrics) {
      for line in try folder.readLines() {
        guard let json = try? JSON(parsing: line), let metrics = try? EpochMetrics(json: json, source: ""),
          metrics.epoch == whole
        else { break }
        whole += 1
      }
    }
    epochs = whole
  }

  var isFinished: Bool {
    epochs >= configuration.options.epochs && manifest.holds(RunFolder.modelName, in: folder)
      && isWhole(upTo: configuration.options.epochs)
  }

  var hasData: Bool { manifest.holds(RunFolder.dataName, in: folder) }

  /// *Local.* Whether lines and weights of the first epochs are as they were written.
  func isWhole(upTo epoch: Int) -> Bool {
    guard epochs >= epoch else { return false }
    let options = configuration.options
    return (0..<epoch).filter(options.measures).allSatisfy {
      manifest.holds(RunFolder.weightsName($0), in: folder)
    }
  }
}
