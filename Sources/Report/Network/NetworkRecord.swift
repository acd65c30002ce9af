import Files
import Glibc
import Network
import Runtime

/// What a report shows of a network's run.
public struct NetworkRecord: Sendable {
  /// The directory, as it was named.
  public var name: String
  var configuration: NetworkConfiguration
  /// In order; at least one.
  var epochs: [EpochMetrics]
  /// What is missing or damaged, a sentence each.
  public var notes: [String]

  init(name: String, configuration: NetworkConfiguration, epochs: [EpochMetrics], notes: [String] = []) {
    (self.name, self.configuration, self.epochs, self.notes) = (name, configuration, epochs, notes)
  }

  /// *Local.* Reads a run, finished or not. Throws `InputError` if nothing can be shown.
  public init(reading path: String) throws(InputError) {
    let folder = RunFolder(path)
    let configuration = try folder.readNetworkConfiguration()
    guard access(folder.metrics, F_OK) == 0 else {
      throw InputError("\(path) has not finished an epoch yet: there is nothing to report")
    }
    let epochs = try folder.readEpochs()
    guard let last = epochs.last else {
      throw InputError("\(path) has not finished an epoch yet: there is nothing to report")
    }
    var notes: [String] = []
    if last.epoch + 1 < configuration.options.epochs {
      notes.append("The run is not finished: \(last.epoch + 1) of \(configuration.options.epochs) epochs so far.")
    }
    self.init(name: path, configuration: configuration, epochs: epochs, notes: notes)
  }

  var options: NetworkOptions { configuration.options }
  var last: EpochMetrics { epochs[epochs.count - 1] }
  /// Epochs that ended with a measurement.
  var measured: [EpochMetrics] { epochs.filter { !$0.layers.isEmpty } }
  /// The layers as they were measured last; empty if they never were.
  var finalLayers: [NetworkLayerMetrics] { measured.last?.layers ?? [] }
  var seconds: Double { epochs.reduce(0) { $0 + ($1.totalSeconds.isFinite ? $1.totalSeconds : 0) } }

  /// "MLP, MNIST"
  var title: String { "\(options.architecture.rawValue) on \(options.dataset.rawValue)" }

  /// Of the final layers.
  var rootCorrelations: [Double] { finalLayers.map(\.nfa.root) }

  /// The share of the whole network's fall of log NC1 over its layers that is due to S V^T; not a number where NC1 does not fall.
  var rightShare: Double {
    guard let first = finalLayers.first, let last = finalLayers.last else { return .nan }
    let whole = log(first.nc1.input / last.nc1.output)
    guard whole > 0 else { return .nan }
    return finalLayers.reduce(0) { $0 + log($1.nc1.input / $1.nc1.right) } / whole
  }
}

extension Setting {
  /// In the order of the help.
  static func all(of options: NetworkOptions) -> [Setting] { all(in: NetworkOptions.table.json(options)) }
}
