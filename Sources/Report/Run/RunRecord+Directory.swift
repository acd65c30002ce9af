import Datasets
import DeepRFM
import Files
import Glibc
import Runtime

/// The one place where the report touches files of a run.
extension RunRecord {
  /// *Local.* Reads a run, finished or not. What is damaged is left out and told in `notes`.
  ///
  /// Throws `InputError` if nothing can be shown: no run, or one that has not finished a layer.
  public init(reading path: String) throws(InputError) {
    let directory = RunFolder(path)
    let configuration = try directory.readConfiguration()
    let unfinished = InputError("\(path) has not finished a layer yet: there is nothing to report")
    guard access(directory.metrics, F_OK) == 0 else { throw unfinished }
    let (lines, fault) = try directory.readMetricsUpToFault()
    var notes = fault.map { ["\($0.description); what follows it is left out."] } ?? []
    var byLayer: [Int: LayerMetrics] = [:]
    for metrics in lines where metrics.layer >= 1 { byLayer[metrics.layer] = metrics }
    guard !byLayer.isEmpty else {
      throw fault ?? unfinished
    }
    let reader = PictureReader(directory, isPlain: configuration.options.model == .rfm)
    let layers = byLayer.values.sorted { $0.layer < $1.layer }.map { reader.layer($0) }
    if let fault = reader.dataFault { notes.append("No classes beside the pictures: \(fault)") }
    if let first = reader.faults.first {
      notes.append("No pictures of \(Self.count(reader.faults.count, "layer")): \(first)")
    }
    let last = layers[layers.count - 1].metrics.layer
    if !LayerSelection(configuration.options, layers.map(\.metrics)).hasEnded {
      notes.append("The run is not finished: \(last) of \(configuration.options.layers) layers so far.")
    }
    if layers.count < last { notes.append("Lines of \(Self.count(last - layers.count, "layer")) are missing.") }
    var (facts, confusion): (RunFacts?, LayerConfusion?)
    do {
      facts = try directory.readFacts()
      confusion = try facts?.selectedLayer.flatMap { try directory.readConfusion($0) }
    } catch {
      notes.append("What was chosen cannot be read: \(error)")
    }
    self.init(name: path, configuration: configuration, layers: layers, notes: notes)
    (selectedLayer, classNames) = (facts?.selectedLayer, facts?.classNames ?? [])
    self.confusion = confusion
    columns = facts?.coding?.featureNames ?? []
  }

  static func count(_ number: Int, _ noun: String) -> String { "\(number) \(noun)\(number == 1 ? "" : "s")" }
}

/// Reads the spectra and Gram matrices, and collects what it could not read.
private final class PictureReader {
  private let directory: RunFolder
  /// A plain RFM, whose every layer has the data's columns.
  private let isPlain: Bool
  /// Class-sorted; empty if the file cannot be read.
  private let labels: [Int]
  /// Why it could not be read.
  let dataFault: String?
  private(set) var faults: [String] = []
  /// Larger ones are not of this program's making, and would not be small pictures.
  private static let largest = 256

  init(_ directory: RunFolder, isPlain: Bool) {
    (self.directory, self.isPlain) = (directory, isPlain)
    let data = Result { try directory.readData() }
    labels = (try? data.get().labels) ?? []
    if case .failure(let error) = data { dataFault = "\(error)" } else { dataFault = nil }
  }

  func layer(_ metrics: LayerMetrics) -> LayerRecord {
    do {
      let file = try directory.openLayer(metrics.layer)
      let names = Set(file.tensors.map(\.name))
      let spectrum: [Double] = names.contains("spectrum") ? try file.read("spectrum") : []
      return LayerRecord(
        metrics: metrics, spectrum: spectrum, gram: names.contains("gramInput") ? try gram(file) : nil,
        values: names.contains("shownTargets") ? try values(file) : nil,
        diagonal: metrics.predictsValues && (metrics.layer == 1 || isPlain)
          ? try diagonal(file, metrics.inputWidth) : [])
    } catch {
      faults.append("\(error)")
      return LayerRecord(metrics: metrics)
    }
  }

  private func values(_ file: SafetensorsFile) throws -> ValueRecord {
    let shape = try file.matrixShape("shownTargets")
    try file.expect("shownOutputs", [shape.rows, shape.columns])
    guard shape.rows * shape.columns <= Self.mostValues else {
      throw InputError("\(file.path): shownTargets has the shape \(shape), more than can be shown")
    }
    return ValueRecord(
      outputs: shape.columns, targets: try file.matrix("shownTargets").values,
      predicted: try file.matrix("shownOutputs").values)
  }

  private static let mostValues = 1 << 14

  /// Row by row: the matrix may be large.
  private func diagonal(_ file: SafetensorsFile, _ width: Int) throws -> [Double] {
    try file.expect("agop", [width, width])
    return try (0..<width).map { try file.read("agop", rows: $0..<($0 + 1), as: Double.self)[$0] }
  }

  private func gram(_ file: SafetensorsFile) throws -> GramRecord {
    let size = try file.tensor("shown").rows
    let input = try file.tensor("gramInput").shape
    let projected = try file.tensor("gramProjected").shape
    guard 1...Self.largest ~= size, input == [size, size], projected == input else {
      throw InputError(
        "\(file.path): gramInput has the shape \(input) and gramProjected \(projected) for \(size) samples")
    }
    let shown: [Int] = try file.read("shown")
    let known = shown.allSatisfy(labels.indices.contains)
    return GramRecord(
      size: size, input: try file.read("gramInput"), projected: try file.read("gramProjected"),
      labels: known ? shown.map { labels[$0] } : [])
  }
}
