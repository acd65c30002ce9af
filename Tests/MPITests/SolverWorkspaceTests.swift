import KernelMachine
import LinearAlgebra
import Solve
import Testing

/// What a solver owns, and that it makes nothing else that grows with the rows.
@Suite(.serialized) struct SolverWorkspaceTests {
  private let classes = 10
  private let threads = 2
  private let history = 12

  /// Fifty eigenvalues, so that no solve is done before its iterations are.
  private func system() -> RidgeSystem {
    RidgeSystem(
      apply: { x, y in
        for i in 0..<x.rows { for c in 0..<x.columns { y[i, c] = (0.01 + Double(i % 50)) * x[i, c] } }
      },
      applyExactly: { x, y in
        for i in 0..<x.rows { for c in 0..<x.columns { y[i, c] = (0.01 + Double(i % 50)) * x[i, c] } }
      },
      precondition: { $1.pointer.update(from: $0.pointer, count: $0.count) }, sum: { _ in })
  }

  /// Bytes made by a solver and its first solve, by the second, and by the answer alone.
  private func bytes(rows: Int) throws -> (first: Int, second: Int, answer: Int) {
    let b = noise(rows, classes, seed: 91)
    // A class that is done at once: the products are narrow.
    for i in 0..<rows { b[i, 4] = i % 50 == 7 ? 1 : 0 }
    let pool = ThreadPool(count: threads)
    let first = try MatrixWatch.counting {
      let solver = BlockConjugateGradient(
        system(), rows: rows, classes: classes, tolerance: 1e-30, maxIterations: 20, historyLimit: history, pool: pool)
      _ = try solver.solve(b)
      return solver
    }
    let second = try MatrixWatch.counting { try first.result.solve(b) }
    return (first.bytes, second.bytes, 2 * 8 * rows * classes)
  }

  @Test func secondSolveAllocatesNothingThatGrows() throws {
    let (few, many) = (try bytes(rows: 4000), try bytes(rows: 8000))
    #expect(few.second > few.answer)
    #expect(many.second - many.answer == few.second - few.answer)
  }

  /// The plan's formula is what grows with the rows, to the byte.
  @Test func workspaceIsWhatIsStated() throws {
    let (few, many) = (try bytes(rows: 4000), try bytes(rows: 8000))
    func stated(_ rows: Int) -> Int {
      BlockConjugateGradient.workspaceBytes(rows: rows, classes: classes, threads: threads, historyLimit: history)
    }
    #expect((many.first - many.answer) - (few.first - few.answer) == stated(8000) - stated(4000))
  }
}
