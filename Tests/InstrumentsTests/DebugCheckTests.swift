import Instruments
import LinearAlgebra
import Measures
import Testing

struct DebugCheckTests {
  @Test func aCheckPassesUpToItsBound() {
    #expect(Check("c", error: 0, bound: 0).passed)
    #expect(Check("c", error: 1e-12, bound: 1e-12).passed)
    #expect(!Check("c", error: 1.1e-12, bound: 1e-12).passed)
    #expect(!Check("c", error: .infinity, bound: 1e-12).passed)
    #expect(!Check("c", error: .nan, bound: .infinity).passed)
  }

  @Test func errorsAreRelativeToTheReference() {
    #expect(relativeError([3e9, 4e9], [3e9, 4e9]) == 0)
    #expect(abs(relativeError([3e-9, 4.5e-9], [3e-9, 4e-9]) - 0.1) < 1e-15)
    #expect(relativeError([0.0, 0], [0, 0]) == 0)
    #expect(relativeError([1.0], [0]) == .infinity)
    #expect(relativeError([1.0], [1, 1]) == .infinity)
  }

  @Test func aNaNOnOneSideIsAnError() {
    #expect(relativeError([Double.nan, 1], [.nan, 1]) == 0)
    #expect(relativeError([Double.nan, 1], [1, 1]).isNaN)
    #expect(relativeError([1.0, 1], [.nan, 1]).isNaN)
  }

  @Test func theTableNamesWhatFailed() {
    let text = table(of: [
      Check("good", error: 1e-15, bound: 1e-12),
      Check("much longer", error: .infinity, bound: 0, note: "no factor"),
    ])
    #expect(
      text == """
        check        error    bound
        good         1.0e-15  1.0e-12  ok
        much longer  inf      0.0e+00  FAIL: no factor
        2 checks, 1 failed

        """)
  }

  @Test func theRandomStreamHasItsKnownAnswers() {
    #expect(checkRandom().allSatisfy { $0.passed })
    let wrong = PhiloxAnswer(counter: (0, 0, 0, 0), key: (0, 0), words: (0, 0, 0, 0))
    #expect(!checkRandom(answers: PhiloxAnswer.known + [wrong]).contains { $0.passed })
  }

  @Test func theReferenceSolutionSolves() throws {
    let k = Matrix<Double>(rows: 2, columns: 2, [3, 1, 1, 2])
    let y = Matrix<Double>(rows: 2, columns: 1, [5, 5])
    let a = try Reference.solution(k, ridge: 1, y)
    #expect(relativeError(a, Matrix(rows: 2, columns: 1, [10.0 / 11, 15.0 / 11])) < 1e-15)
    #expect(throws: FactorizationError.notPositiveDefinite(order: 2)) {
      try Reference.solution(Matrix(rows: 2, columns: 2, [1, 2, 2, 1]), ridge: 0, y)
    }
  }

  @Test func theReferenceCollapseOfASimplexIsZero() {
    let x = Matrix<Double>(rows: 3, columns: 3, [1, 0, 0, 0, 1, 0, 0, 0, 1])
    let collapse = Reference.collapse(x, [0, 1, 3], 4)
    #expect(collapse.nc1 == 0 && collapse.nc2 < 1e-30)
    #expect(Reference.collapse(x, [0, 0, 0], 1).nc2.isNaN)
  }
}
