import Glibc
import LinearAlgebra
import Runtime

/// What ends a layer: x -> phi(x R W^T + u). Every rank holds R, W and u whole.
public struct FeatureMap<T: Real>: Sendable {
  public let kind: FeatureKind
  /// R; (input width x input width).
  public let projection: Matrix<T>
  /// W; (output width x input width).
  public let weights: Matrix<T>
  /// u, cosine only; (1 x output width).
  public let phases: Matrix<T>?

  var inputWidth: Int { weights.columns }
  public var outputWidth: Int { weights.rows }

  public init(kind: FeatureKind, projection: Matrix<T>, weights: Matrix<T>, phases: Matrix<T>?) {
    self.kind = kind
    self.projection = projection
    self.weights = weights
    self.phases = phases
  }

  /// The random features of a layer after the projection R. *Local*: the same numbers on every rank.
  ///
  /// relu: W uniform in (-1 / sqrt d, 1 / sqrt d). cosine: W Cauchy of the given scale, u uniform in (0, 2 pi), as many
  /// outputs as inputs (docs/method.md).
  @specialized(where T == Float)
  @specialized(where T == Double)
  public init(drawing kind: FeatureKind, projection: Matrix<T>, width: Int, scale: Double, seed: UInt64, layer: Int) {
    let d = projection.rows
    let random = RandomStream(seed: seed, layer: layer, purpose: .weights)
    switch kind {
    case .relu:
      let bound = 1 / Double(d).squareRoot()
      weights = Matrix(uninitialisedRows: width, columns: d)
      weights.fill { T(bound * (2 * random.uniform(row: $0, column: $1) - 1)) }
      phases = nil
    case .cosine:
      weights = Matrix(uninitialisedRows: d, columns: d)
      weights.fill { T(scale * tan(.pi * (random.uniform(row: $0, column: $1) - 0.5))) }
      let angles = RandomStream(seed: seed, layer: layer, purpose: .phases)
      let phases = Matrix<T>(uninitialisedRows: 1, columns: d)
      phases.fill { T(2 * .pi * angles.uniform(row: $1, column: $0)) }
      self.phases = phases
    }
    self.kind = kind
    self.projection = projection
  }

  /// The projection of the ablations: the identity, or a Gaussian matrix with entries of variance 1 / d.
  @specialized(where T == Float)
  @specialized(where T == Double)
  public static func ablation(_ kind: ProjectionKind, width d: Int, seed: UInt64, layer: Int) -> Matrix<T> {
    let matrix = Matrix<T>(uninitialisedRows: d, columns: d)
    let random = RandomStream(seed: seed, layer: layer, purpose: .projection)
    let scale = 1 / Double(d).squareRoot()
    matrix.fill { kind == .random ? T(scale * random.normal(row: $0, column: $1)) : $0 == $1 ? 1 : 0 }
    return matrix
  }

  /// phi, entry by entry. cosine: sqrt(2 / d) cos(t + u), d the input width.
  @inline(__always) func activate(_ t: Double, _ column: Int) -> Double {
    guard let phases else { return max(0, t) }
    return (2 / Double(inputWidth)).squareRoot() * cos(t + Double(phases.pointer[column]))
  }
}
