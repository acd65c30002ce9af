import KernelMachine
import LinearAlgebra

extension DebugProblem {
  /// Samples whose gradients are compared, spread over all.
  private static var points: Int { 16 }
  /// Coordinates of a gradient that are compared, spread over all.
  private static var coordinates: Int { 64 }

  /// The program's gradients against central finite differences of f, at some samples; the worst of them.
  public func checkGradients(
    twin: (DebugProblem, Int, [Int]) -> Matrix<Double> = finiteDifferences
  ) throws -> [Check] {
    let all = try agop.gradients(a)
    let coordinates = spread(Self.coordinates, over: d)
    let errors = spread(Self.points, over: n).map { i in
      let own = Matrix<Double>(rows: classes, columns: coordinates.count)
      own.fill { c, k in all[i, c * d + coordinates[k]] }
      return relativeError(own, twin(self, i, coordinates))
    }
    // Not `max()`: a NaN must not be passed over.
    let worst = errors.reduce(0) { $1 <= $0 ? $0 : $1 }
    return [Check("gradients: finite differences, \(kernel.kind)", error: worst, bound: 1e-6)]
  }

  /// Every route's AGOP against one put together from finite differences alone. For a problem of few samples.
  public func checkAGOPByDifferences(
    twin: (DebugProblem, Int, [Int]) -> Matrix<Double> = finiteDifferences
  ) throws -> [Check] {
    let m = Matrix<Double>(rows: d, columns: d)
    for i in 0..<n { addOuterProducts(of: twin(self, i, Array(0..<d)), to: m) }
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

/// The gradient of f_c(x) = sum_j A_jc k(x, x_j) at sample i, every class, along some coordinates, by central finite
/// differences of fourth order. For laplace, whose kernel has a kink there, without the terms of points that coincide.
public func finiteDifferences(_ problem: DebugProblem, at i: Int, along coordinates: [Int])
  -> Matrix<Double>
{
  let smooth = problem.kernel.kind == .gaussian
  let others = (0..<problem.n).filter { smooth || !problem.coincide(i, $0) }
  let nearest =
    others.map { plainDistance(problem.x.row(i), problem.x.row($0)) }.filter { $0 > 0 }.min() ?? 1
  let h = min(1e-3, nearest / 64)
  let x = Matrix<Double>(rows: 1, columns: problem.d, problem.x.row(i))
  let result = Matrix<Double>(rows: problem.classes, columns: coordinates.count)
  for (column, k) in coordinates.enumerated() {
    let centre = x[0, k]
    for (steps, weight) in [(1.0, 8.0), (2, -1)] {
      x[0, k] = centre + steps * h
      let after = plainOutputs(problem, at: x, from: others)
      x[0, k] = centre - steps * h
      let before = plainOutputs(problem, at: x, from: others)
      for c in after.indices { result[c, column] += weight * (after[c] - before[c]) / (12 * h) }
    }
    x[0, k] = centre
  }
  return result
}

/// f_c(x) = sum over the given j of A_jc k(x, x_j), every class.
public func plainOutputs(_ problem: DebugProblem, at x: Matrix<Double>, from samples: [Int])
  -> [Double]
{
  var f = [Double](repeating: 0, count: problem.classes)
  for j in samples {
    let k = plainKernel(distance: plainDistance(x.row(0), problem.x.row(j)), problem.kernel)
    for c in f.indices { f[c] += problem.a[j, c] * k }
  }
  return f
}
