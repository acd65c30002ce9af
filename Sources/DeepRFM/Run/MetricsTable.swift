import Measures
import Runtime

/// The table of a run's layers. NC1 and NC2 are those of the layer's input.
public enum MetricsTable {
  private typealias Column = (title: String, width: Int, cell: @Sendable (LayerMetrics) -> String)

  private static let beginning: [Column] = [
    ("layer", 6, { "\($0.layer)" }),
    ("width", 7, { "\($0.inputWidth)" }),
  ]
  private static let ofClasses: [Column] = [
    ("NC1", 11, { Format.scientific($0.nc1.input, digits: 3) }),
    ("NC2", 11, { Format.scientific($0.nc2.input, digits: 3) }),
    ("train", 9, { Format.percent($0.accuracy.train) }),
    ("valid", 9, { $0.accuracy.validation.map(Format.percent) ?? "-" }),
    ("test", 9, { $0.accuracy.test.map(Format.percent) ?? "-" }),
  ]
  private static let ofValues: [Column] = [
    ("RMSE", 12, { Format.scientific($0.rmse.train, digits: 4) }),
    ("valid", 12, { $0.rmse.validation.map { Format.scientific($0, digits: 4) } ?? "-" }),
    ("test", 12, { $0.rmse.test.map { Format.scientific($0, digits: 4) } ?? "-" }),
    ("R2", 9, { $0.r2.train.isFinite ? Format.fixed($0.r2.train, digits: 4) : "-" }),
    ("test", 9, { ($0.r2.test ?? .nan).isFinite ? Format.fixed($0.r2.test ?? .nan, digits: 4) : "-" }),
  ]
  private static let end: [Column] = [
    ("CG", 6, { "\($0.solver.iterations)" }),
    ("residual", 10, { Format.scientific($0.solver.residual, digits: 1) }),
    ("seconds", 9, { Format.fixed($0.seconds.total, digits: 2) }),
  ]

  /// The validation column stands where there are such samples.
  private static func columns(_ metrics: LayerMetrics) -> [Column] {
    let all = beginning + (metrics.predictsValues ? ofValues : ofClasses) + end
    return metrics.validationScore == nil ? all.filter { $0.title != "valid" } : all
  }

  /// Above the rows of runs like this one.
  public static func header(_ metrics: LayerMetrics) -> String {
    columns(metrics).map { padded($0.title, $0.width) }.joined()
  }

  /// - Parameter isSelected: the layer is the best so far, by the validation samples: it has a star.
  public static func row(_ metrics: LayerMetrics, isSelected: Bool = false) -> String {
    columns(metrics).map { padded($0.cell(metrics), $0.width) }.joined() + (isSelected ? " *" : "")
  }

  private static func padded(_ text: String, _ width: Int) -> String {
    String(repeating: " ", count: max(1, width - text.count)) + text
  }
}
