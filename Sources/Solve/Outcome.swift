import LinearAlgebra

/// How the ridge system is solved.
public enum SolverMethod: String, Sendable, Codable, CaseIterable {
  /// `cg`, but `cholesky` where one rank on all cores does it at less cost.
  case auto
  case cg, cholesky
}

/// What preconditions the conjugate gradient.
public enum PreconditionerKind: String, Sendable, Codable, CaseIterable {
  case nystrom, none
}

/// How a solve ended.
public enum Outcome: String, Sendable, Codable, CaseIterable {
  /// The true relative residual of every class is within the tolerance.
  case converged
  /// Restarts from the true residual no longer reduce it.
  case stalled
  /// A direction of negative curvature: the matrix, as rounded, is not positive definite.
  case indefinite
  case iterationLimit
  /// Coefficients or residual are infinite or not numbers: there is nothing to go on with.
  case notFinite
}

/// Coefficients A of (K + ridge I) A = Y, and the truth about them.
public struct Solution {
  /// (own rows x classes)
  public let coefficients: Matrix<Double>
  /// Y - (K + ridge I) A from a product accumulated in double precision; (own rows x classes).
  public let residual: Matrix<Double>
  /// |residual| / |Y| of each class, over all ranks.
  public let relativeResiduals: [Double]
  public let iterations: Int
  public let outcome: Outcome

  public init(
    coefficients: Matrix<Double>, residual: Matrix<Double>, relativeResiduals: [Double], iterations: Int,
    outcome: Outcome
  ) {
    self.coefficients = coefficients
    self.residual = residual
    self.relativeResiduals = relativeResiduals
    self.iterations = iterations
    self.outcome = outcome
  }

  public var worstResidual: Double { Solve.worstResidual(of: relativeResiduals) }
}

/// The largest of some residuals; not a number if one of them is not. *Local.*
public func worstResidual(of residuals: [Double]) -> Double {
  residuals.reduce(0) { $0.isNaN || $0 >= $1 ? $0 : $1 }
}
