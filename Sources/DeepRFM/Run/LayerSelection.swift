/// Which layer's predictor a run is for.
public enum LayerChoice: String, Sendable, CaseIterable, Codable {
  case last
  /// By the validation samples; of equal ones the earlier.
  case best
}

extension TrainOptions {
  /// What `--select` says, or its default.
  public var choice: LayerChoice { select ?? (validation > 0 ? .best : .last) }
}

/// The layer chosen among those that have ended, and whether more are worth making. What a run has in its memory and what is read
/// from its metrics.jsonl choose alike.
public struct LayerSelection: Sendable, Equatable {
  private let choice: LayerChoice
  private let patience: Int?
  /// The layer with the best validation metric so far, and that metric.
  private var best: (layer: Int, score: Double)?
  /// The last layer that was noted.
  private var latest = 0
  private let layers: Int

  public init(_ options: TrainOptions) {
    (choice, patience, layers) = (options.choice, options.patience, options.layers)
  }

  /// *Local.* - Parameter layers: that have ended, from the first on.
  public init(_ options: TrainOptions, _ ended: [LayerMetrics]) {
    self.init(options)
    for metrics in ended { note(metrics) }
  }

  /// *Local.* The next layer has been measured.
  public mutating func note(_ metrics: LayerMetrics) {
    latest = metrics.layer
    guard let score = metrics.validationScore, score.isFinite else { return }
    if score > best?.score ?? -.infinity { best = (metrics.layer, score) }
  }

  /// nil: there is none yet.
  public var layer: Int? {
    switch choice {
    case .last: latest > 0 && hasEnded ? latest : nil
    case .best: best?.layer
    }
  }

  /// Whether the layer noted last is the one chosen so far.
  public var takesLatest: Bool { layer == latest }

  /// Whether the last layer that pays has been noted.
  public var hasEnded: Bool { latest == layers || isOutOfPatience }

  var isOutOfPatience: Bool {
    patience.map { latest > 0 && latest - (best?.layer ?? 0) >= $0 } ?? false
  }

  public static func == (a: LayerSelection, b: LayerSelection) -> Bool {
    a.latest == b.latest && a.best?.layer == b.best?.layer && a.best?.score == b.best?.score
      && (a.choice, a.patience, a.layers) == (b.choice, b.patience, b.layers)
  }
}

extension LayerMetrics {
  /// What layers are chosen by, the higher the better; nil: no samples are held out.
  public var validationScore: Double? { predictsValues ? rmse.validation.map { -$0 } : accuracy.validation }
}
