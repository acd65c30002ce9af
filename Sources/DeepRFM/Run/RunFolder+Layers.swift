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
}
