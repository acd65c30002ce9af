import Files
import Runtime

/// What a Deep RFM run's folder holds beside what every run's does.
extension RunFolder {
  static var layersName: String { "layers" }
  public var layers: String { path + "/" + Self.layersName }

  /// In the metadata of a layer's file, where the layer's bandwidth was chosen: the number.
  static let bandwidthKey = "bandwidth"

  /// In the metadata of model.safetensors: the layer whose X it holds.
  static let modelLayerKey = "layer"

  /// layers/01.safetensors; `layer` counts from 1.
  public func layer(_ layer: Int) -> String { path + "/" + Self.layerName(layer) }

  public static func layerName(_ layer: Int) -> String { "\(layersName)/\(layer < 10 ? "0" : "")\(layer).safetensors" }

  /// *Local: rank 0 alone.* Makes the folder and writes config.json. Throws `InputError` or `FileError`.
  public static func create(_ path: String, _ configuration: RunConfiguration) throws -> RunFolder {
    try create(path, parts: layersName, configuration: configuration.json)
  }

  /// A layer's line of metrics.jsonl, with its end.
  static func line(_ metrics: LayerMetrics) -> [UInt8] { Array((metrics.json.line + "\n").utf8) }

  /// *Local: rank 0 alone.* Adds a layer's line to metrics.jsonl; it is on the disk when this returns.
  public func append(_ metrics: LayerMetrics) throws(FileError) { try append(Self.line(metrics)) }
}
