import DeepRFM
import LinearAlgebra
import Measures

extension DebugProblem {
  /// A layer with every new matrix's memory set to what is no number, and a layer without: what is read before it is written changes bits.
  public func checkMemory(
    poisoned: ((() throws -> [Matrix<Double>]) throws -> [Matrix<Double>])? = nil
  ) throws -> [Check] {
    func layer() throws -> [Matrix<Double>] {
      let fit = try fit(.cg)
      let routes = try ExactAGOP.routes.map { try $0.compute(self, fit.coefficients) }
      return try [fit.coefficients, fit.solution.residual] + routes + [
        symmetricRoot(routes[0], pool: training.context.pool)
      ]
    }
    var bits = BitComparison()
    let dirty = try poisoned?(layer) ?? MatrixWatch.poisoning(layer)
    for (result, clean) in zip(dirty, try layer()) { bits.add(result, clean) }
    return [Check("memory: read before it is written, \(kernel.kind)", error: bits.changed, bound: 0)]
  }
}
