import Measures
import Runtime

/// The table of a run's layers. NC1 and NC2 are those of the layer's input.
public enum MetricsTable {
  private static let columns: [(title: String, width: Int, cell: @Sendable (LayerMetrics) -> String)] = [
    ("layer", 6, { "\($0.layer)" }),
    ("width", 7, { "\($0.inputWidth)" }),
    ("NC1", 11, { Format.scientific($0.nc1.input, digits: 3) }),
    ("NC2", 11, { Format.scientific($0.nc2.input, digits: 3) }),
    ("train", 9, { Format.percent($0.accuracy.train) }),
    ("test", 9, { $0.accuracy.test.map(Format.percent) ?? "-" }),
    ("CG", 6, { "\($0.solver.iterations)" }),
    ("residual", 10, { Format.scientific($0.solver.residual, digits: 1) }),
    ("seconds", 9, { Format.fixed($0.seconds.total, digits: 2) }),
  ]

  public static let header = columns.map { padded($0.title, $0.width) }.joined()

  public static func row(_ metrics: LayerMetrics) -> String {
    columns.map { padded($0.cell(metrics), $0.width) }.joined()
  }

  private static func padded(_ text: String, _ width: Int) -> String {
    String(repeating: " ", count: max(1, width - text.count)) + text
  }
}
