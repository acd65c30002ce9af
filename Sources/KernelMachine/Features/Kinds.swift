/// The random feature map that ends a layer.
public enum FeatureKind: String, Sendable, Codable, CaseIterable {
  case relu, cosine
}

/// What multiplies the data before the features: the method's matrix root, or an ablation.
public enum ProjectionKind: String, Sendable, Codable, CaseIterable {
  case agop, identity, random
}
