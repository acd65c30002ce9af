import Datasets
import Files
import Glibc
import Measures
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
  /// After the last measured epoch, of each hidden layer: of phi, and S V^T phi as what is projected; at the end of the last one's output,
  /// which both are then. Empty where the files hold none.
  public var pictures: [GramRecord] = []

  package init(name: String, configuration: NetworkConfiguration, epochs: [EpochMetrics], notes: [String] = []) {
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
    guard let measured = measured.last else { return }
    do {
      pictures = try Self.pictures(folder, epoch: measured.epoch, layers: measured.layers.count)
    } catch {
      self.notes.append("No pictures: \(error)")
    }
  }

  /// *Local.* Throws `InputError` where the file is damaged; empty: it has none, as in runs of earlier versions.
  private static func pictures(_ folder: RunFolder, epoch: Int, layers: Int) throws -> [GramRecord] {
    let file = try folder.openTensors(folder.path + "/" + RunFolder.weightsName(epoch))
    guard file.tensors.contains(where: { $0.name == "shown" }) else { return [] }
    let shown: [Int] = try file.read("shown")
    let labels = try folder.readData().labels
    guard 1...PictureSample.mostSamples ~= shown.count, shown.allSatisfy(labels.indices.contains) else {
      throw InputError("\(file.path): \"shown\" is no choice of samples")
    }
    func read(_ name: String) throws -> [Float] {
      try file.expect(name, [shown.count, shown.count])
      return try file.read(name)
    }
    let names = (1...layers).map { ("gramInput.\($0)", "gramRight.\($0)") } + [("gramOutput", "gramOutput")]
    return try names.map { input, right in
      GramRecord(
        size: shown.count, input: try read(input), projected: try read(right), labels: shown.map { labels[$0] })
    }
  }

  var options: NetworkOptions { configuration.options }
  var last: EpochMetrics { epochs[epochs.count - 1] }
  /// Epochs that ended with a measurement.
  var measured: [EpochMetrics] { epochs.filter { !$0.layers.isEmpty } }
  /// The layers as they were measured last; empty if they never were.
  var finalLayers: [NetworkLayerMetrics] { measured.last?.layers ?? [] }
  var finalConvolutions: [NetworkLayerMetrics] { measured.last?.convolutions ?? [] }
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
