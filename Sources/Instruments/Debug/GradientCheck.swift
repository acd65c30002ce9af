import KernelMachine
import LinearAlgebra

extension DebugProblem {
  /// Samples whose gradients are compared, spread over all.
  private static var points: Int { 16 }
  /// Coordinates of a gradient that are compared, spread over all.
  private static var coordinates: Int { 64 }

  /// The program's gradients against central finite differences of f, at some samples; the worst of them.
  public func checkGradients(
    reference: (Kernel, Matrix<Double>, Matrix<Double>, Int, [Int]) -> Matrix<Double> =
      Reference.gradientsByDifferences
  ) throws -> [Check] {
    let all = try agop.gradients(a)
    let coordinates = spread(Self.coordinates, over: d)
    let errors = spread(Self.points, over: n).map { i in
      let own = Matrix<Double>(rows: classes, columns: coordinates.count)
      own.fill { c, k in all[i, c * d + coordinates[k]] }
      return relativeError(own, reference(kernel, x, a, i, coordinates))
    }
    // Not `max()`: a NaN must not be passed over.
    let worst = errors.reduce(0) { $1 <= $0 ? $0 : $1 }
    return [Check("gradients: finite differences, \(kernel.kind)", error: worst, bound: 1e-6)]
  }

  /// Every route's AGOP against one put together from finite differences alone. For a problem of few samples.
  public func checkAGOPByDifferences(
    reference: (Kernel, Matrix<Double>, Matrix<Double>, Int, [Int]) -> Matrix<Double> =
      Reference.gradientsByDifferences
  ) throws -> [Check] {
    let m = Reference.agop(samples: n, width: d) { reference(kernel, x, a, $0, Array(0..<d)) }
    return try ExactAGOP.routes.map { route in
      let error = relativeError(try route.compute(self, a), m)
      return Check(
        "AGOP: \(route.name), finite differences, \(kernel.kind)", error: error, bound: 1e-6)
    }
  }

  /// At most `count` of `0..<total`, at equal distances.
  private func spread(_ count: Int, over total: Int) -> [Int] {
    (0..<min(count, total)).map { $0 * total / min(count, total) }
  }
}
