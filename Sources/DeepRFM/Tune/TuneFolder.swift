import Files
import Runtime

/// config.json of a tuning.
public typealias TuneConfiguration = RunHeader<TuneOptions>

/// What a tuning's folder holds.
extension RunFolder {
  /// A line a finished combination, in the order in which they were finished.
  var combinations: String { path + "/tune.jsonl" }
  /// The best combination, a configuration for `train --config`.
  var best: String { path + "/best.json" }
  /// The run of the best combination on all samples.
  public var refit: String { path + "/refit" }

  /// *Local.* Whether a tuning has begun there, rather than a run.
  public var holdsTuning: Bool { InputFile.exists(combinations) }

  /// *Local.* config.json of a tuning. Throws `InputError`.
  public func readTuneConfiguration() throws(InputError) -> TuneConfiguration {
    let bytes = try InputFile.contents(own(configuration), limit: 1 << 20)
    return try TuneConfiguration(
      json: try Self.parse(bytes, configuration), source: configuration, TuneOptions.table, defaults: TuneOptions())
  }

  /// *Local.* The combinations that are finished; what a crash cut off is left out. Throws `InputError`.
  public func readCombinations() throws(InputError) -> [TuneLine] {
    guard holdsTuning else { return [] }
    var lines: [TuneLine] = []
    for (index, line) in try readLines(of: combinations).enumerated() where line.count > 1 {
      let source = "\(combinations), line \(index + 1)"
      lines.append(try TuneLine(json: try Self.parse(line, source), source: source))
    }
    return lines
  }

  /// *Local: rank 0 alone.* The whole lines stay, and nothing else. Throws `InputError` or `FileError`.
  func keepWholeCombinations() throws {
    let whole = holdsTuning ? try readLines(of: combinations).flatMap { $0 } : []
    try OutputFile.replace(combinations, with: whole)
  }

  /// *Local: rank 0 alone.* Adds a finished combination; it is on the disk when this returns.
  func append(_ line: TuneLine) throws(FileError) {
    let file = try OutputFile(appendingTo: combinations)
    try file.write(Array((line.json.line + "\n").utf8))
    try file.finish()
  }

  /// *Local: rank 0 alone.* Throws `FileError`.
  func writeBest(_ options: TrainOptions) throws(FileError) {
    let json = JSON.object([RunFormat.member, JSON.Member("options", TrainOptions.table.json(options))])
    try OutputFile.replace(best, with: json.page)
  }
}
