import Files
import Runtime

/// config.json of a Deep RFM run.
public typealias RunConfiguration = RunHeader<TrainOptions>

extension RunHeader<TrainOptions> {
  var json: JSON { json(TrainOptions.table) }

  init(json: JSON, source: String) throws(InputError) {
    try self.init(json: json, source: source, TrainOptions.table, defaults: TrainOptions())
  }
}
