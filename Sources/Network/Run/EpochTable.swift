import Runtime

/// The table of a run's epochs: of measured ones also NC1 of the last hidden layer's output, and the mean correlation with the root.
enum EpochTable {
  private static let columns: [(title: String, width: Int, cell: @Sendable (EpochMetrics) -> String)] = [
    ("epoch", 6, { "\($0.epoch)" }),
    ("loss", 11, { Format.scientific($0.loss.train, digits: 3) }),
    ("test", 11, { $0.loss.test.map { Format.scientific($0, digits: 3) } ?? "-" }),
    ("train", 9, { Format.percent($0.accuracy.train) }),
    ("test", 9, { $0.accuracy.test.map(Format.percent) ?? "-" }),
    ("NC1", 11, { $0.layers.last.map { Format.scientific($0.nc1.output, digits: 3) } ?? "-" }),
    ("NFA", 7, { $0.layers.isEmpty ? "-" : Format.fixed($0.meanRootCorrelation, digits: 3) }),
    ("seconds", 9, { Format.fixed($0.totalSeconds, digits: 2) }),
  ]

  static let header = columns.map { padded($0.title, $0.width) }.joined()

  static func row(_ metrics: EpochMetrics) -> String { columns.map { padded($0.cell(metrics), $0.width) }.joined() }

  private static func padded(_ text: String, _ width: Int) -> String {
    String(repeating: " ", count: max(1, width - text.count)) + text
  }
}

extension EpochMetrics {
  /// Of all measured layers.
  var meanRootCorrelation: Double { layers.reduce(0) { $0 + $1.nfa.root } / Double(layers.count) }
}
