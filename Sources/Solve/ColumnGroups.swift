import LinearAlgebra
import Runtime

/// Many right-hand sides are solved some at a time: a shared space spares iterations, a quarter to a third, but to keep w directions apart
/// costs w^2 N an iteration and w^3 in one thread, where the product is w N^2.
public enum ColumnGroups {
  /// Columns that share a space, at most.
  public static let limit = 64

  /// Groups of nearly the same size.
  public static func of(_ columns: Int) -> [Range<Int>] { (0..<columns).pieces(ofAtMost: limit) }

  /// Columns of the largest group.
  public static func largest(of columns: Int) -> Int { min(columns, of(columns).map(\.count).max() ?? columns) }
}

/// What the groups before the one that is worked on have given.
public struct SolvedColumns {
  /// A, and Y - (K + ridge I) A, of the groups that are done; 0 elsewhere; (own rows x columns).
  let coefficients, residual: Matrix<Double>
  var relativeResiduals: [Double] = []
  /// Groups that are done.
  var count = 0
  /// The most of any group.
  var iterations = 0
  /// The first that is not `converged`, if there is one.
  var outcome = Outcome.converged

  init(rows: Int, columns: Int) {
    coefficients = Matrix(rows: rows, columns: columns)
    residual = Matrix(rows: rows, columns: columns)
  }

  mutating func add(_ group: Range<Int>, _ solution: Solution) {
    coefficients.view.columns(group).copy(from: solution.coefficients.view)
    residual.view.columns(group).copy(from: solution.residual.view)
    relativeResiduals += solution.relativeResiduals
    count += 1
    iterations = max(iterations, solution.iterations)
    if outcome == .converged { outcome = solution.outcome }
  }

  var solution: Solution {
    Solution(
      coefficients: coefficients, residual: residual, relativeResiduals: relativeResiduals, iterations: iterations,
      outcome: outcome)
  }

  // MARK: In a checkpoint

  var tensors: [SavedTensor] { [SavedTensor("solved", coefficients), SavedTensor("solvedResidual", residual)] }

  var numbers: SavedTensor {
    let place = Outcome.allCases.firstIndex(of: outcome) ?? 0
    return SavedTensor("groups", [Double(count), Double(iterations), Double(place)] + relativeResiduals)
  }

  /// From what `tensors` and `numbers` gave. Throws `CheckpointError`.
  init(_ tensors: [SavedTensor], _ numbers: [Double], rows: Int, columns: Int) throws {
    self.init(rows: rows, columns: columns)
    try tensors.restore("solved", into: coefficients)
    try tensors.restore("solvedResidual", into: residual)
    let groups = ColumnGroups.of(columns)
    guard numbers.count >= 3, let done = Int(exactly: numbers[0]), groups.indices.contains(done),
      let most = Int(exactly: numbers[1]), let place = Int(exactly: numbers[2]),
      Outcome.allCases.indices.contains(place), numbers.count == 3 + groups[done].lowerBound
    else { throw CheckpointError("its groups of outputs make no sense") }
    (count, iterations, outcome) = (done, most, Outcome.allCases[place])
    relativeResiduals = Array(numbers[3...])
  }
}

extension BlockConjugateGradient {
  /// *Collective.* Solves for all columns of b, a group at a time, from where a saved solve was. - Parameters:
  ///   - make: a solver of so many columns, with its safe points.
  ///   - progress: called with the finished groups, the iteration and the worst relative residual.
  public static func solveInGroups(
    _ b: Matrix<Double>, from saved: State?, safePoints: SafePoints<State>,
    _ make: (_ columns: Int, SafePoints<State>) -> BlockConjugateGradient,
    progress: (_ done: Int, _ residual: Double) -> Void
  ) throws -> Solution {
    let groups = ColumnGroups.of(b.columns)
    guard groups.count > 1 else {
      return try make(b.columns, safePoints).solve(b, from: saved) { progress(0, $1) }
    }
    var solved = saved?.solved ?? SolvedColumns(rows: b.rows, columns: b.columns)
    var state = saved
    var solver: BlockConjugateGradient?
    for group in groups[solved.count...] {
      let done = solved
      let points = safePoints.of { (state: State) in state.after(done) }
      // One with as many columns has the memory already; two at a time would be too many.
      if solver?.x.columns != group.count {
        solver = nil
        solver = make(group.count, points)
      }
      guard let next = solver else { break }
      next.safePoints = points
      let sides = Matrix<Double>(uninitialisedRows: b.rows, columns: group.count)
      sides.view.copy(from: b.view.columns(group))
      let solution = try next.solve(sides, from: state) { progress(done.count, $1) }
      state = nil
      solved.add(group, solution)
    }
    return solved.solution
  }
}
