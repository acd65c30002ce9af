/// How the ridge system is solved.
public enum SolverMethod: String, Sendable, Codable, CaseIterable {
  case cg, cholesky
}

/// What preconditions the conjugate gradient.
public enum PreconditionerKind: String, Sendable, Codable, CaseIterable {
  case nystrom, none
}
