import COpenBLAS

/// The precision a run computes in.
public enum Precision: String, Sendable, Codable, CaseIterable {
  case float32, float64
}

/// A real number that BLAS knows: `Float` or `Double`. Its files supply the witnesses.
public protocol Scalar: BinaryFloatingPoint & Sendable & BitwiseCopyable {
  static var precision: Precision { get }
}

extension Float: Scalar {
  public static var precision: Precision { .float32 }
}

extension Double: Scalar {
  public static var precision: Precision { .float64 }
}
