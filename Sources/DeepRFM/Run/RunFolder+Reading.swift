import Files
import Runtime

/// The one reader of a run's files, for predict, report, plan and --resume. Each file is the run's own, of a format that is known here,
/// and proven as far as it can be by itself; what does not hold is an `InputError` that names the file.
extension RunFolder {
  /// *Local.* config.json. Throws `InputError` if there is none or it is malformed.
  public func readConfiguration() throws(InputError) -> RunConfiguration {
    let bytes = try InputFile.contents(own(configuration), limit: 1 << 20)
    return try RunConfiguration(json: try Self.parse(bytes, configuration), source: configuration)
  }

  /// *Local.* layers/NN.safetensors, open. Throws `InputError` or `FileError`.
  public func openLayer(_ number: Int) throws -> SafetensorsFile { try openTensors(layer(number)) }

  /// *Local.* The layer whose X model.safetensors holds; nil: there is no such file, or it does not say.
  var layerOfModel: Int? { (try? openTensors(model))?.metadata[Self.modelLayerKey].flatMap { Int($0) } }

  /// *Local.* The layers of metrics.jsonl. Throws `InputError` if there is no such file or a whole line is malformed.
  public func readMetrics() throws(InputError) -> [LayerMetrics] {
    let (layers, fault) = try readMetricsUpToFault()
    if let fault { throw fault }
    return layers
  }

  /// *Local.* The layers before the first malformed line, and what is wrong with that. Throws `InputError` if there is no such file.
  public func readMetricsUpToFault() throws(InputError) -> (layers: [LayerMetrics], fault: InputError?) {
    var layers: [LayerMetrics] = []
    for (index, line) in try readLines().enumerated() where line.count > 1 {
      let source = "\(metrics), line \(index + 1)"
      do throws(InputError) {
        layers.append(try LayerMetrics(json: try Self.parse(line, source), source: source))
      } catch {
        return (layers, error)
      }
    }
    return (layers, nil)
  }
}
