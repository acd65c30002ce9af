import Files
import LinearAlgebra

/// What the labels are taken for.
public enum TargetKind: String, CaseIterable, Codable, Sendable {
  case auto, classes, values
}

/// What is to be predicted of each sample: which class it is of, or one or more numbers.
public enum Targets: Sendable, Equatable {
  case classes(Classes)
  case values(ValueScale)

  /// Outputs of the predictor: classes that have samples, or values.
  public var outputs: Int {
    switch self {
    case .classes(let classes): classes.count
    case .values(let scale): scale.outputs
    }
  }

  /// nil: values.
  public var classes: Classes? { if case .classes(let classes) = self { classes } else { nil } }
  /// nil: classes.
  public var values: ValueScale? { if case .values(let scale) = self { scale } else { nil } }
}

extension TargetKind {
  /// *Local.* What labels are, never `auto`: texts and one-hot rows are classes, and whole numbers where no more of them differ than the
  /// format says; anything else is values.
  public func decided(for labels: [Label], _ reader: any SampleReader) -> TargetKind {
    guard self == .auto else { return self }
    if labels.contains(where: { if case .text = $0 { true } else { false } }) { return .classes }
    guard labels.allSatisfy(\.isWhole) else { return .values }
    let most = reader.mostNumberedClasses
    return most == .max || Set(labels).count <= most ? .classes : .values
  }
}

/// What is known of rows that a predictor is asked about.
public enum KnownTargets: Sendable {
  /// Each row's class, or `Classes.unseen`.
  case classes([Int])
  /// (rows x outputs), in their own units.
  case values(Matrix<Double>)

  /// nil: values.
  public var labels: [Int]? { if case .classes(let labels) = self { labels } else { nil } }
}

/// What is said of training labels before the work begins.
enum TargetNotes {
  /// What they were taken for, and where that may not be what was meant.
  static func of(_ classes: Classes, _ labels: [Label], _ place: String) -> [String] {
    let isNumbered = labels.allSatisfy { if case .number = $0 { true } else { false } }
    let form = isNumbered ? "whole numbers" : "labels"
    let taken = "\(place) has \(form), taken as \(classes.count) classes"
    guard isNumbered, classes.count > 2, 10 * classes.count > labels.count else { return [taken] }
    return [
      "warning: \(taken) for \(labels.count) samples: if they are values to be predicted, say --targets values"
    ]
  }

  static func of(_ scale: ValueScale, _ values: Matrix<Double>, _ place: String) -> [String] {
    let ends = withExtendedLifetime(values) { (values.buffer.min() ?? 0, values.buffer.max() ?? 0) }
    let outputs = scale.outputs == 1 ? "" : " of \(scale.outputs) outputs"
    let constant = scale.scale.count { $0 == 0 }
    let rest = constant == 0 ? "" : ", \(constant) of them constant"
    let taken = "\(place) has numbers from \(ends.0) to \(ends.1), taken as values\(outputs)\(rest)"
    let others = (0..<values.rows).filter { i in
      let row = values.row(i)
      return row.contains { $0 != 0 && $0 != 1 } || row.count { $0 == 1 } != 1
    }
    // Classes with a slip in them.
    guard let first = others.first, scale.outputs > 1, 2 * others.count < values.rows else { return [taken] }
    return ["warning: \(taken): all but \(others.count) of its rows are one-hot; sample \(first) is not"]
  }
}

extension SampleReader {
  /// *Local.* What training would find: outputs, and where values are predicted the groups of rows. Throws `InputError`.
  public func targetShape(_ kind: TargetKind) throws -> (outputs: Int, groups: Int?) {
    let labels = try labels(first: sampleCount)
    guard kind.decided(for: labels, self) == .values else { return (try Classes(of: labels, self).count, nil) }
    let values = try ValueScale.matrix(of: labels, place: labelPlace)
    return (values.columns, RowGrouping().groups(of: sampleCount))
  }
}
