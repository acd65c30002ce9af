import Files
import LinearAlgebra
import MPI
import Measures
import Runtime

/// What `collapse` found.
public struct CollapseResult: Sendable {
  public let measures: CollapseMeasures
  /// Of the test rows.
  public let test: CollapseMeasures?
  /// For the page; rank 0's, nil where none was asked for.
  public let details: CollapseDetails?
  /// What was measured: for titles.
  public let name: String

  /// The format of `--json`.
  public var json: JSON { measures.json(test: test) }
}

/// *Collective.* Measures the collapse of rows from files or from a run, each rank its share of them, a block at a time.
/// - Throws: `InputError` for what cannot be read or does not fit together, the same on all ranks.
public func collapse(_ options: CollapseOptions, world: Communicator) throws -> CollapseResult {
  let host = try Host(surveying: world)
  return try CollapseRun(options, Context(world: world, host: host)).measure()
}

struct CollapseRun {
  let options: CollapseOptions
  let context: Context

  init(_ options: CollapseOptions, _ context: Context) { (self.options, self.context) = (options, context) }

  private var world: Communicator { context.world }

  /// *Collective.*
  func measure() throws -> CollapseResult {
    let model = try options.model.map { try ModelRows(of: $0, layer: options.layer, context) }
    let rows = try model?.training ?? fileRows()
    let test = try testRows(like: rows) ?? model?.test
    let inputs = try CollapseInputs(options, rows: rows, model: model, world: world)
    // A run's test labels below 0 are none of its classes.
    let labels = (rows.labels + (test?.labels ?? [])).filter { model == nil || $0 >= 0 }
    let classes = try NumberedClasses(of: labels, name: options.labels ?? rows.name, world: world)
    let moments = try ClassMoments(
      of: rows.rows, labels: classes.numbers(of: rows.labels), classes: classes.labels.count, map: inputs.map,
      outputs: inputs.outputs, context: context)
    var measures = CollapseMeasures(moments, map: inputs.map, spacing: rows.spacing, pool: context.pool)
    measures.note(inputs.map, outputs: inputs.outputs)
    try correlate(&measures, inputs)
    let testMeasures = try test.map { test in
      let own = try ClassMoments(
        of: test.rows, labels: classes.numbers(of: test.labels), classes: classes.labels.count, map: inputs.map,
        training: moments, context: context)
      return CollapseMeasures(own, map: inputs.map, spacing: test.spacing, pool: context.pool)
    }
    return CollapseResult(
      measures: measures, test: testMeasures, details: try details(rows, moments, classes), name: rows.name)
  }

  private func fileRows() throws -> LabelledRows {
    try LabelledRows(features: options.features ?? "", labels: options.labels ?? "", world: world)
  }

  private func testRows(like rows: LabelledRows) throws -> LabelledRows? {
    guard let features = options.testFeatures, let labels = options.testLabels else { return nil }
    let test = try LabelledRows(features: features, labels: labels, world: world)
    guard test.rows.width == rows.rows.width else {
      throw InputError("\(test.name) has \(test.rows.width) features, but \(rows.name) has \(rows.rows.width)")
    }
    return test
  }

  private func correlate(_ measures: inout CollapseMeasures, _ inputs: CollapseInputs) throws {
    guard let map = inputs.map, inputs.hasAGOP || inputs.gradients != nil else { return }
    let agop = try inputs.gradients.map { try gradientOuterProduct(of: $0, context: context) } ?? inputs.agop
    measures.correlation = try FeatureCorrelation(of: map.weights, with: agop, context: context)
    if measures.correlation?.agop.isFinite == false || measures.correlation?.root.isFinite == false {
      measures.warnings.append(
        "the entries of W^T W or of the AGOP are all equal: their correlation is undefined, and nfa is null")
    }
  }

  private func details(_ rows: LabelledRows, _ moments: ClassMoments, _ classes: NumberedClasses) throws
    -> CollapseDetails?
  {
    guard options.output != nil else { return nil }
    return try CollapseDetails(
      of: rows.rows, labels: classes.numbers(of: rows.labels), moments,
      names: moments.present.map { place in
        let label = classes.labels[place]
        return rows.classNames?[label] ?? "\(label)"
      },
      context: context)
  }
}

extension CollapseMeasures {
  /// Says what was given and could not be used.
  fileprivate mutating func note(_ map: LinearMap?, outputs: FileRows?) {
    if let outputs, outputs.width != classes {
      nearestCentreAgreement = .nan
      warnings.append(
        "the outputs have \(outputs.width) columns for \(classes) classes: nc4 needs one a class, and is null")
    } else if let map, map.outputs != classes {
      warnings.append(
        "the weights have \(map.outputs) outputs for \(classes) classes: nc3\(outputs == nil ? " and nc4 need" : " needs") one a class, and"
          + " \(outputs == nil ? "are" : "is") left out")
    }
  }
}
