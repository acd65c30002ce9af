import Datasets
import Files
import KernelMachine
import LinearAlgebra

extension Prediction {
  /// *Collective.* X of the predictor's layer: read where the run stores it, else recomputed from the training samples.
  func loadCenters() throws -> Rows<Double> {
    if model.storesCenters { return try centred(try world.together { try model.centers(shard) }) }
    var rows = try centred(try world.together { try trainingRows() })
    rows = try normalised(rows)
    for layer in model.mapsToLast {
      switch try world.together({ try layer.map() }) {
      case .features(let map):
        let image = rows.mapped(by: map)
        rows = try normalised(try centred(image.deviations, near: image.centres))
      case .projection(let r):
        let image = rows.projected(by: r)
        rows = try centred(image.deviations, near: image.centres)
      }
    }
    return rows
  }

  private func normalised(_ rows: Rows<Double>) throws -> Rows<Double> {
    guard model.options.normalise == .rows else { return rows }
    let unit = rows.normalised()
    return try centred(unit.deviations, near: unit.centres)
  }

  private func centred(
    _ rows: Matrix<Double>, near centres: Matrix<Double>? = nil
  ) throws -> Rows<Double> {
    let origin = Matrix<Double>(rows: layout.classCount, columns: rows.columns)
    return try centredOnClassMeans(
      rows, centres ?? origin, layout: layout, context: context)
  }

  /// *Local.* Own rows of the training samples, standardised. Throws `InputError` where they are not to be had again.
  private func trainingRows() throws -> Matrix<Double> {
    do {
      let reader = try Dataset.openSplit(
        .train, of: model.options.dataset, directory: options.trainingData(of: model.options), seed: model.options.seed,
        model: model.trained)
      guard try model.wasTrained(on: reader.labels(first: model.samplesOfFile), reader.labelPlace) else {
        throw InputError("its labels are not those that the run was trained on")
      }
      return try model.standardisation.loadRows(Array(model.order[shard]), reader)
    } catch let error as InputError {
      throw InputError(
        "--layer \(model.layers.count): \(model.directory.path) stores the centers of layer"
          + " \(model.storedLayer) alone, and the training data cannot be read again (with --input, --data DIR tells where they are): \(error)"
      )
    }
  }
}
