import Datasets
import Files
import Runtime

/// What a Deep RFM run's folder holds beside what every run's does.
extension RunFolder {
  public static var layersName: String { "layers" }
  public var layers: String { path + "/" + Self.layersName }

  /// In the metadata of data.safetensors, JSON arrays: the classes' names in their order; the labels that the files have for them,
  /// where these are others; and a number, the index of the files' first feature, where it is not 1.
  static let classNamesKey = "classNames"
  static let classLabelsKey = "classLabels"
  static let firstIndexKey = "firstIndex"

  static func metadata(_ classes: Classes, firstIndex: Int) -> [String: String] {
    let line = { (texts: [String]) in JSON.array(texts.map(JSON.string)).line }
    var metadata = [classNamesKey: line(classes.names)]
    if classes.labels != classes.names { metadata[classLabelsKey] = line(classes.labels) }
    if firstIndex != 1 { metadata[firstIndexKey] = "\(firstIndex)" }
    return metadata
  }

  /// layers/01.safetensors; `layer` counts from 1.
  public func layer(_ layer: Int) -> String { path + "/" + Self.layerName(layer) }

  public static func layerName(_ layer: Int) -> String { "\(layersName)/\(layer < 10 ? "0" : "")\(layer).safetensors" }

  /// *Local: rank 0 alone.* Makes the folder and writes config.json. Throws `InputError` or `FileError`.
  public static func create(_ path: String, _ configuration: RunConfiguration) throws -> RunFolder {
    try create(path, parts: layersName, configuration: configuration.json)
  }

  /// A layer's line of metrics.jsonl, with its end.
  public static func line(_ metrics: LayerMetrics) -> [UInt8] { Array((metrics.json.line + "\n").utf8) }

  /// *Local: rank 0 alone.* Adds a layer's line to metrics.jsonl; it is on the disk when this returns.
  public func append(_ metrics: LayerMetrics) throws(FileError) { try append(Self.line(metrics)) }
}
