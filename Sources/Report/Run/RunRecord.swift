import DeepRFM

/// What a report shows of a run: everything but the large tensors.
public struct RunRecord: Sendable {
  /// The directory, as it was named.
  public var name: String
  public var configuration: RunConfiguration
  /// In order, from 1, none twice.
  public var layers: [LayerRecord]
  /// What is missing or damaged, a sentence each.
  public var notes: [String]
  /// Whose predictor the run is for; nil: none is chosen yet, or the run does not say.
  var selectedLayer: Int?
  /// Of the selected layer's predictor.
  var confusion: LayerConfusion?
  /// In the order of the outputs; empty where the run does not tell.
  var classNames: [String] = []
  /// Names of the data's columns; empty: they have none.
  public var columns: [String] = []

  public init(name: String, configuration: RunConfiguration, layers: [LayerRecord], notes: [String] = []) {
    self.name = name
    self.configuration = configuration
    self.layers = layers
    self.notes = notes
  }

  var options: TrainOptions { configuration.options }
  var isFinished: Bool { LayerSelection(options, layers.map(\.metrics)).hasEnded }
  /// Whether samples are held out to choose by.
  var hasValidation: Bool { layers.contains { $0.metrics.validationScore != nil } }
  /// Whether values are predicted, rather than classes.
  var predictsValues: Bool { layers.contains { $0.metrics.predictsValues } }
  /// Which layers were not solved to the tolerance, in words; nil: all were.
  var unsolved: String? {
    let layers = layers.filter { !$0.metrics.solver.converged }.map { "\($0.metrics.layer)" }
    guard !layers.isEmpty else { return nil }
    return "not solved to the tolerance: \(layers.count == 1 ? "layer" : "layers") \(layers.joined(separator: ", "))."
  }
  /// Of all its layers.
  var seconds: Double { layers.reduce(0) { $0 + $1.metrics.seconds.total } }
  var peakMemoryBytes: Int { layers.map(\.metrics.peakMemoryBytes).max() ?? 0 }
}

/// A layer of a run: its line of metrics.jsonl, and what its layer file holds for pictures.
public struct LayerRecord: Sendable {
  public var metrics: LayerMetrics
  /// Eigenvalues of the AGOP, largest first; empty where the run did not need them.
  public var spectrum: [Double]
  public var gram: GramRecord?
  /// nil: classes are predicted.
  public var values: ValueRecord?
  /// The AGOP's diagonal where its features are the data's columns: how much the predictor moves with each; else empty.
  public var diagonal: [Double]

  public init(
    metrics: LayerMetrics, spectrum: [Double] = [], gram: GramRecord? = nil, values: ValueRecord? = nil,
    diagonal: [Double] = []
  ) {
    self.metrics = metrics
    self.spectrum = spectrum
    self.gram = gram
    self.values = values
    self.diagonal = diagonal
  }

  /// (sum l)^2 / sum l^2: how many directions the AGOP has, so to speak. Not a number where there is no spectrum.
  var effectiveRank: Double {
    let values = spectrum.map { max(0, $0) }
    let sum = values.reduce(0, +)
    return sum * sum / values.reduce(0) { $0 + $1 * $1 }
  }
}

/// What a layer predicts of some rows beside what is true, in the values' own units; of the first outputs.
public struct ValueRecord: Sendable {
  var outputs: Int
  /// (rows x outputs) each.
  var targets: [Double]
  var predicted: [Double]

  public init(outputs: Int, targets: [Double], predicted: [Double]) {
    (self.outputs, self.targets, self.predicted) = (outputs, targets, predicted)
  }
}

/// Cosines between some samples of a layer, class-sorted, the mean of the class means taken off.
public struct GramRecord: Sendable {
  var size: Int
  /// Of the layer's input; (size x size).
  public var input: [Float]
  /// After the projection; (size x size).
  public var projected: [Float]
  /// The samples' classes; empty where the run does not tell.
  public var labels: [Int]

  public init(size: Int, input: [Float], projected: [Float], labels: [Int]) {
    self.size = size
    self.input = input
    self.projected = projected
    self.labels = labels
  }
}
