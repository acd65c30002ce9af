import Files
import KernelMachine
import Measures
import Runtime
import Solve

/// What a layer measured: a line of metrics.jsonl.
///
/// `fields` below is the format: names, nesting and order. A number that is infinite or not a number is
/// written as null, and null is read as not a number.
public struct LayerMetrics: Sendable, Equatable {
  /// A figure of the layer's input X, of the projected X R, and of the mapped next X.
  public struct Stages: Sendable, Equatable {
    public var input, projected, mapped: Double

    public init(input: Double = .nan, projected: Double = .nan, mapped: Double = .nan) {
      self.input = input
      self.projected = projected
      self.mapped = mapped
    }

    /// What is not known is equal to what is not known.
    public static func == (a: Stages, b: Stages) -> Bool {
      isSame(a.input, b.input) && isSame(a.projected, b.projected) && isSame(a.mapped, b.mapped)
    }
  }

  /// A figure of the layer's own predictor on each split.
  public struct Splits: Sendable, Equatable {
    public var train: Double
    /// nil: no samples are held out to choose by.
    public var validation: Double?
    /// nil: there is no test split.
    public var test: Double?

    public init(train: Double = .nan, validation: Double? = nil, test: Double? = nil) {
      (self.train, self.validation, self.test) = (train, validation, test)
    }

    /// What is not known is equal to what is not known.
    public static func == (a: Splits, b: Splits) -> Bool {
      let isTestSame =
        if let one = a.test, let other = b.test { isSame(one, other) } else { a.test == nil && b.test == nil }
      return isSame(a.train, b.train) && isTestSame
    }
  }

  /// How the ridge system was solved.
  public struct Solver: Sendable, Equatable {
    public var method = SolverMethod.cg
    public var iterations = 0
    /// True relative residual of the worst class.
    public var residual = Double.nan
    public var converged = false
    /// 0: no preconditioner.
    public var preconditionerRank = 0

    init() {}
  }

  /// How the average gradient outer product was computed.
  public struct AGOP: Sendable, Equatable {
    /// nil: it was not.
    public var route: AGOPRoute?
    /// The sketch's estimate of its relative error, in the Frobenius norm; nil, and not written: the route is exact.
    public var error: Double?
    /// Share of the weights between samples that thin factors stood for, and their relative error there; nil, and not written: none did.
    public var lowRank: Double?
    public var lowRankError: Double?

    public init(route: AGOPRoute? = nil, error: Double? = nil) {
      self.route = route
      self.error = error
    }
  }

  /// What was kept of K between two products.
  public struct Tiles: Sendable, Equatable {
    /// Bytes beside those of all tiles kept whole; nil: not known.
    public var stored: Double?
    /// Share of the entries that thin factors stand for, and their relative error there; nil, and not written: none do.
    public var lowRank: Double?
    public var error: Double?

    public init() {}
  }

  /// The slowest rank's seconds, by phase.
  public struct Seconds: Sendable, Equatable {
    private var byPhase: [Phase: Double] = [:]
    public var total = 0.0

    public init() {}

    public subscript(phase: Phase) -> Double {
      get { byPhase[phase] ?? 0 }
      // A phase that took no time is as one that was not.
      set { byPhase[phase] = newValue == 0 ? nil : newValue }
    }

    /// The phases of a layer in order, then the total: what a reduction over ranks takes the maximum of.
    public var values: [Double] { Phase.ofLayer.map { self[$0] } + [total] }

    /// From `values`; phases that are missing at the end are 0.
    public init(values: [Double]) {
      for (phase, value) in zip(Phase.ofLayer, values) { self[phase] = value }
      if values.count > Phase.ofLayer.count { total = values[Phase.ofLayer.count] }
    }
  }

  /// From 1.
  public var layer = 0
  public var inputWidth = 0
  public var outputWidth = 0
  public var samples = 0
  public var ranks = 0
  /// Whether values are predicted: rmse and r2 are known then, and nc1, nc2, accuracy and meanSquaredError are not.
  public var predictsValues = false
  public var nc1 = Stages()
  public var nc2 = Stages()
  public var accuracy = Splits()
  /// Mean over the classes of the share of a class's samples that are taken for it.
  public var balancedAccuracy = Splits()
  public var meanSquaredError = Splits()
  /// In the values' own units, and the share of their variance that is explained; nan where an output is constant.
  public var rmse = Splits()
  public var r2 = Splits()
  public var solver = Solver()
  public var agop = AGOP()
  public var tiles = Tiles()
  /// s of the kernel.
  public var bandwidth = Double.nan
  /// <H K H, H Y Y^T H> / (|H K H| |H Y Y^T H|), H = I - 1 1^T / N, K without the ridge.
  public var kernelAlignment = Double.nan
  public var measures = LayerMeasures()
  public var seconds = Seconds()
  /// Of the rank that held most.
  public var peakMemoryBytes = 0

  public init() {}
}

private func isSame(_ a: Double, _ b: Double) -> Bool { a == b || a.isNaN && b.isNaN }

extension Phase {
  public static let kernel = Phase("kernel")
  public static let preconditioner = Phase("preconditioner")
  public static let solve = Phase("solve")
  public static let agop = Phase("agop")
  public static let root = Phase("root")
  public static let features = Phase("features")
  public static let metrics = Phase("metrics")

  /// The parts of a layer's time, in the order of metrics.jsonl.
  public static let ofLayer: [Phase] = [kernel, preconditioner, solve, agop, root, features, metrics, communication]
}

// MARK: - As JSON

extension LayerMetrics {
  private struct Field: Sendable {
    let path: [String]
    /// Not written where there is nothing to say.
    let isOptional: Bool
    /// Not there in the lines of earlier versions.
    let isLater: Bool
    /// nil: of every run; else of those alone that predict values, or classes.
    let ofValues: Bool?
    let get: @Sendable (LayerMetrics) -> JSON
    /// False: the value has the wrong type.
    let set: @Sendable (inout LayerMetrics, JSON) -> Bool

    init<Value: JSONScalar>(
      _ name: String, _ property: WritableKeyPath<LayerMetrics, Value> & Sendable,
      isOptional: Bool = false, isLater: Bool = false, ofValues: Bool? = nil
    ) {
      (self.isOptional, self.isLater, self.ofValues) = (isOptional, isLater, ofValues)
      path = name.split(separator: ".").map(String.init)
      get = { $0[keyPath: property].json }
      set = { metrics, json in
        guard let value = Value(scalar: json) else { return false }
        metrics[keyPath: property] = value
        return true
      }
    }

    init(_ name: String, _ property: WritableKeyPath<LayerMetrics, LayerMeasures> & Sendable) {
      (path, isOptional, isLater, ofValues) = ([name], true, true, false)
      get = { $0[keyPath: property].json ?? .null }
      set = { metrics, json in
        guard json != .null else { return true }
        guard let value = LayerMeasures(json) else { return false }
        metrics[keyPath: property] = value
        return true
      }
    }
  }

  private static let fields: [Field] =
    [
      Field("layer", \.layer),
      Field("inputWidth", \.inputWidth),
      Field("outputWidth", \.outputWidth),
      Field("samples", \.samples),
      Field("ranks", \.ranks),
      Field("nc1.input", \.nc1.input, ofValues: false),
      Field("nc1.projected", \.nc1.projected, ofValues: false),
      Field("nc1.mapped", \.nc1.mapped, ofValues: false),
      Field("nc2.input", \.nc2.input, ofValues: false),
      Field("nc2.projected", \.nc2.projected, ofValues: false),
      Field("nc2.mapped", \.nc2.mapped, ofValues: false),
      Field("accuracy.train", \.accuracy.train, ofValues: false),
      Field("accuracy.validation", \.accuracy.validation, isOptional: true, ofValues: false),
      Field("accuracy.test", \.accuracy.test, ofValues: false),
      Field("balancedAccuracy.train", \.balancedAccuracy.train, isOptional: true, ofValues: false),
      Field("balancedAccuracy.validation", \.balancedAccuracy.validation, isOptional: true, ofValues: false),
      Field("balancedAccuracy.test", \.balancedAccuracy.test, isOptional: true, ofValues: false),
      Field("meanSquaredError.train", \.meanSquaredError.train, ofValues: false),
      Field("meanSquaredError.validation", \.meanSquaredError.validation, isOptional: true, ofValues: false),
      Field("meanSquaredError.test", \.meanSquaredError.test, ofValues: false),
      Field("rmse.train", \.rmse.train, ofValues: true),
      Field("rmse.validation", \.rmse.validation, isOptional: true, ofValues: true),
      Field("rmse.test", \.rmse.test, ofValues: true),
      Field("r2.train", \.r2.train, ofValues: true),
      Field("r2.validation", \.r2.validation, isOptional: true, ofValues: true),
      Field("r2.test", \.r2.test, ofValues: true),
      Field("solver.method", \.solver.method),
      Field("solver.iterations", \.solver.iterations),
      Field("solver.residual", \.solver.residual),
      Field("solver.converged", \.solver.converged),
      Field("solver.preconditionerRank", \.solver.preconditionerRank),
      Field("agop.route", \.agop.route),
      Field("agop.error", \.agop.error, isOptional: true),
      Field("agop.lowRank", \.agop.lowRank, isOptional: true),
      Field("agop.lowRankError", \.agop.lowRankError, isOptional: true),
      Field("tiles.stored", \.tiles.stored, isOptional: true),
      Field("tiles.lowRank", \.tiles.lowRank, isOptional: true),
      Field("tiles.error", \.tiles.error, isOptional: true),
      Field("bandwidth", \.bandwidth, isLater: true),
      Field("kernelAlignment", \.kernelAlignment, isLater: true),
      Field("measures", \.measures),
    ] + Phase.ofLayer.map { Field("seconds.\($0.name)", \.seconds[$0]) } + [
      Field("seconds.total", \.seconds.total),
      Field("peakMemoryBytes", \.peakMemoryBytes),
    ]

  public var json: JSON {
    var object = JSON.object([])
    for field in Self.fields where field.ofValues ?? predictsValues == predictsValues {
      let value = field.get(self)
      if field.isOptional && value == .null { continue }
      object.set(value, at: field.path[...])
    }
    return object
  }

  /// Reads what `json` wrote; keys that are not known are passed over, for lines of later versions.
  ///
  /// Throws `InputError` naming the field that is missing or has the wrong type. `source` begins the sentence.
  public init(json: JSON, source: String) throws(InputError) {
    self.init()
    predictsValues = json["rmse"] != nil
    for field in Self.fields where field.ofValues ?? predictsValues == predictsValues {
      let name = field.path.joined(separator: ".")
      guard let value = json[field.path] ?? (field.isOptional || field.isLater ? .null : nil) else {
        throw InputError("\(source): \(name) is missing")
      }
      guard field.set(&self, value) else {
        throw InputError("\(source): \(name) has the wrong type")
      }
    }
  }
}

/// What a single JSON value holds.
private protocol JSONScalar: Sendable {
  var json: JSON { get }
  init?(scalar: JSON)
}

extension Int: JSONScalar {
  fileprivate var json: JSON { JSON(self) }

  fileprivate init?(scalar: JSON) {
    // Up to 2^53: a double holds it too.
    guard case .number(let literal) = scalar, let value = Int(literal), value.magnitude <= 1 << 53 else { return nil }
    self = value
  }
}

extension Double: JSONScalar {
  fileprivate var json: JSON { JSON(self) }

  fileprivate init?(scalar: JSON) {
    switch scalar {
    case .null: self = .nan
    case .number(let literal):
      guard let value = Double(literal) else { return nil }
      self = value
    default: return nil
    }
  }
}

extension Bool: JSONScalar {
  fileprivate var json: JSON { .bool(self) }

  fileprivate init?(scalar: JSON) {
    guard case .bool(let value) = scalar else { return nil }
    self = value
  }
}

extension Optional: JSONScalar where Wrapped: JSONScalar {
  fileprivate var json: JSON { self?.json ?? .null }

  fileprivate init?(scalar: JSON) {
    if scalar == .null {
      self = nil
      return
    }
    guard let value = Wrapped(scalar: scalar) else { return nil }
    self = value
  }
}

extension JSONScalar where Self: RawRepresentable<String> {
  fileprivate var json: JSON { .string(rawValue) }

  fileprivate init?(scalar: JSON) {
    guard case .string(let name) = scalar else { return nil }
    self.init(rawValue: name)
  }
}

extension SolverMethod: JSONScalar {}
extension AGOPRoute: JSONScalar {}
