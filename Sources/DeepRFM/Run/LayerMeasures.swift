import Files
import KernelMachine
import LinearAlgebra
import Measures
import Runtime

/// The measures of collapse at each stage of a layer, as `collapse` would find them.
public struct LayerMeasures: Sendable, Equatable {
  /// Of the layer's input X, of the projected X R, of the mapped next X, and of the test rows' X; empty where it was not measured.
  var stages: [String: CollapseMeasures] = [:]

  public static let names = ["input", "projected", "mapped", "test"]

  init() {}

  public subscript(stage: String) -> CollapseMeasures? {
    get { stages[stage] }
    set { stages[stage] = newValue }
  }

  /// nil: nothing was measured.
  var json: JSON? {
    stages.isEmpty
      ? nil
      : .object(Self.names.compactMap { name in stages[name].map { JSON.Member(name, $0.shortJSON) } })
  }

  /// Reads what `json` wrote; nil where it is something else.
  init?(_ json: JSON) {
    guard case .object(let members) = json else { return nil }
    for member in members {
      guard let measures = CollapseMeasures(short: member.value) else { return nil }
      stages[member.key] = measures
    }
  }
}

extension Training {
  /// *Collective.* What the layer's predictor is measured on: its input, and the test rows' with their own means.
  /// - Parameter outputs: f(X) of the own rows and of the own test rows, which are in the file's order; (rows x classes).
  func measureCollapse(
    _ samples: Samples<T>, _ outputs: Matrix<Double>, test: Matrix<Double>?, into metrics: inout LayerMetrics
  ) throws {
    let input = try moments(of: CentredRows(samples.rows), samples.labels, samples, outputs: outputs)
    metrics.measures["input"] = CollapseMeasures(input, pool: pool)
    guard let part = samples.test, let test else { return }
    let rows = LabelledTestRows(part.rows, labels: part.labels)
    let own = try moments(of: rows, rows.labels, samples, outputs: test.rows(at: part.rows.order), training: input)
    if own.sampleCount > 0 { metrics.measures["test"] = CollapseMeasures(own, pool: pool) }
  }

  /// *Collective.* What the projection makes of the rows.
  func measureCollapse(ofProjected samples: Samples<T>, by projection: Matrix<T>, into metrics: inout LayerMetrics)
    throws
  {
    let rows = ProjectedRows(samples.rows, projection: projection)
    metrics.measures["projected"] = CollapseMeasures(try moments(of: rows, samples.labels, samples), pool: pool)
  }

  /// *Collective.* What the features make of them.
  func measureCollapse(ofMapped samples: Samples<T>, into metrics: inout LayerMetrics) throws {
    let rows = CentredRows(samples.rows)
    metrics.measures["mapped"] = CollapseMeasures(try moments(of: rows, samples.labels, samples), pool: pool)
  }

  private func moments<Source: RowSource>(
    of rows: Source, _ labels: [Int], _ samples: Samples<T>, outputs: Matrix<Double>? = nil,
    training: ClassMoments? = nil
  ) throws -> ClassMoments {
    try ClassMoments(
      of: rows, labels: labels, classes: samples.layout.classCount, outputs: outputs.map { MatrixRows($0) },
      training: training, context: context)
  }
}
