import DeepRFM
import Measures
import Runtime

extension CollapseRun {
  /// *Collective.* A run's training rows as a layer gets them. Throws `InputError`.
  func modelRows(_ model: String, layer: Int?) throws -> LabelledRows {
    let rows = try LayerRows(of: model, layer: layer, context: context)
    return LabelledRows(
      rows: rows.rows, labels: rows.labels, name: model, count: rows.count, classNames: rows.classNames)
  }
}
