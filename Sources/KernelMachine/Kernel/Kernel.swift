import LinearAlgebra

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

  /// What a tile between two centres at this distance needs.
  func form(distance: Double, near: Double) -> TileForm {
    switch kind {
    case .laplace: TileForm(gaussian: false, distance: distance, rate: 1 / bandwidth, near: near)
    case .gaussian:
      TileForm(gaussian: true, distance: distance, rate: 1 / (2 * bandwidth * bandwidth), near: near)
    }
  }

  /// Whether the kernel's deviations keep the digits of its values between rows of at most this norm: no value is below e^-2 of that at
  /// the centres. (Rounding has made unit rows a little longer.)
  public func keepsDigits(norm: Double) -> Bool { bandwidth >= norm * (1 - 1e-6) }

  /// The factor of the gradient that `gradientWeight` leaves out: 1 / s, or 1 / s^2.
  var gradientFactor: Double {
    kind == .laplace ? 1 / bandwidth : 1 / (bandwidth * bandwidth)
  }
}
