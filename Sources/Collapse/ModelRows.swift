import DeepRFM
import LinearAlgebra
import Measures
import Network
import Runtime

/// What a run of this program brings to a measurement: rows as one of its layers gets them; of a network also that layer.
struct ModelRows {
  let training: LabelledRows
  /// nil: the run had none, or is no network's.
  let test: LabelledRows?
  let map: LinearMap?
  /// Rank 0's.
  let agop: Matrix<Double>?
  /// Whether there is one, on every rank.
  let hasAGOP: Bool

  /// *Collective.* Throws `InputError`.
  /// - Parameter layer: from 1; nil: the one that predict uses.
  init(of run: String, layer: Int?, _ context: Context) throws {
    if try context.world.together({ RunFolder(run).isNetwork }) {
      try self.init(ofNetwork: run, layer: layer, context)
    } else {
      let rows = try LayerRows(of: run, layer: layer, context: context)
      let training = LabelledRows(
        rows: rows.rows, labels: rows.labels, name: run, count: rows.count, classNames: rows.classNames)
      self.init(training: training, test: nil, map: nil, agop: nil, hasAGOP: false)
    }
  }

  private init(
    training: LabelledRows, test: LabelledRows?, map: LinearMap?, agop: Matrix<Double>?, hasAGOP: Bool
  ) {
    (self.training, self.test, self.map, self.agop, self.hasAGOP) = (training, test, map, agop, hasAGOP)
  }

  private init(ofNetwork run: String, layer: Int?, _ context: Context) throws {
    let found = try NetworkFeatures(of: run, layer: layer, context: context)
    func labelled(_ part: NetworkFeatures.Part) -> LabelledRows {
      LabelledRows(
        rows: MatrixRows(part.rows), labels: part.labels, name: run, count: part.count, classNames: found.classNames)
    }
    self.init(
      training: labelled(found.training), test: found.test.map(labelled),
      map: LinearMap(weights: found.weights, activation: found.activation), agop: found.agop, hasAGOP: found.hasAGOP)
  }
}
