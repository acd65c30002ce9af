import KernelMachine
import LinearAlgebra

/// An exact way of the program to the unnormalised AGOP, which must agree with the reference implementation.
struct ExactAGOP: Sendable {
  let name: String
  /// *Collective, one rank.* (d x d), from A.
  let compute: @Sendable (DebugProblem, Matrix<Double>) throws -> Matrix<Double>

  /// All of them; a new one is one line here.
  static let routes = [
    ExactAGOP(name: "by class") { try $0.agop.compute($1, by: .class).matrix },
    ExactAGOP(name: "by Gram matrices") { try $0.agop.compute($1, by: .gram).matrix },
  ]
}

extension DebugProblem {
  var agop: AGOP<Double> { AGOP(of: rows, kernel) }

  /// Every route against the double loop over samples and classes.
  public func checkAGOP(
    reference: (Kernel, Matrix<Double>, Matrix<Double>) -> Matrix<Double> = Reference.agop
  ) throws -> [Check] {
    let expected = reference(kernel, x, a)
    return try ExactAGOP.routes.map { route in
      let error = relativeError(try route.compute(self, a), expected)
      return Check("AGOP: \(route.name), \(kernel.kind)", error: error, bound: 1e-11)
    }
  }
}
