/// What is trained, layer after layer.
public enum ModelKind: String, Sendable, Codable, CaseIterable {
  /// The Deep RFM: random features of the projected rows are the next layer's (arXiv 2402.13728, Algorithm 1).
  case deepRFM = "deep-rfm"
  /// The plain RFM: each layer's rows are the first ones times the last layer's root (Radhakrishnan, Beaglehole, Pandit, Belkin,
  /// Science 383, 2024).
  case rfm

  var defaultLayers: Int { self == .rfm ? 5 : 20 }
  var defaultNormalisation: Normalisation { self == .rfm ? .none : .rows }
  /// Options that have no meaning in it.
  var foreignOptions: Set<String> { self == .rfm ? ["features", "width", "feature-scale", "projection"] : [] }
}

/// Whether rows are divided by their norms: a Deep RFM's before each layer, a plain RFM's once.
public enum Normalisation: String, Sendable, Codable, CaseIterable {
  case rows, none
}

/// What a class's samples count for in the ridge system.
public enum ClassWeights: String, Sendable, Codable, CaseIterable {
  case none
  /// N / (classes x the class's samples): all classes together count the same.
  case balanced
}
