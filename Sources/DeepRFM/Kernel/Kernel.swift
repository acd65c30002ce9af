/// A radial kernel of the Euclidean distance D, bandwidth s.
public struct Kernel: Sendable, Equatable {
  public enum Kind: String, Sendable, Codable, CaseIterable {
    /// k = exp(-D / s)
    case laplace
    /// k = exp(-D^2 / (2 s^2))
    case gaussian
  }

  public var kind: Kind
  public var bandwidth: Double

  public init(_ kind: Kind, bandwidth: Double) {
    self.kind = kind
    self.bandwidth = bandwidth
  }
}
