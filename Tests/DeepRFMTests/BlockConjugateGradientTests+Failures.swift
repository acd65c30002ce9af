import Foundation
import Instruments
import KernelMachine
import LinearAlgebra
import Solve
import Testing

/// How a solve ends that cannot end well.
extension BlockConjugateGradientTests {
  /// A preconditioner that rounding has made indefinite: from the second use on it turns every residual round. There was no end to it.
  @Test(arguments: [0, 1, 2]) func indefinitePreconditionerEnds(after good: Int) throws {
    let a = definite(40, shift: 1e-3)
    var (uses, products) = (0, 0)
    let turned = RidgeSystem(
      apply: { x, y in
        products += 1
        multiply(a.view, x.view, into: y.view)
      }, applyExactly: { multiply(a.view, $0.view, into: $1.view) },
      precondition: { r, z in
        uses += 1
        try #require(uses < 1000)
        for k in 0..<r.count { z.pointer[k] = uses > good ? -r.pointer[k] : r.pointer[k] }
      }, sum: { _ in })
    let b = noise(40, 3, seed: 15)
    let solution = try solver(turned, b).solve(b)
    #expect(solution.outcome == .indefinite && solution.iterations == products)
    #expect(solution.coefficients.buffer.allSatisfy { $0.isFinite })
    #expect(uses <= 2 * (products + 2))
  }

  /// Infinite numbers, and those that are none, are a failure with a name, wherever they come from.
  @Test(arguments: [Double.nan, .infinity], [false, true]) func notFinite(value: Double, inPreconditioner: Bool) throws
  {
    let a = definite(10, shift: 1)
    let spoilt = RidgeSystem(
      apply: { x, y in
        multiply(a.view, x.view, into: y.view)
        if !inPreconditioner { y[3, 1] = value }
      },
      applyExactly: { x, y in
        multiply(a.view, x.view, into: y.view)
        if !inPreconditioner { y[3, 1] = value }
      },
      precondition: { r, z in
        z.pointer.update(from: r.pointer, count: r.count)
        if inPreconditioner { z[3, 1] = value }
      }, sum: { _ in })
    let b = noise(10, 2, seed: 16)
    let solution = try solver(spoilt, b).solve(b)
    // Where the products are sound the solver may leave what the preconditioner spoilt alone.
    #expect(inPreconditioner ? solution.outcome != .converged : solution.outcome == .notFinite)
  }
}
