import LinearAlgebra
import Runtime

extension BlockConjugateGradient {
  /// A solve at a safe point: at the end of an iteration, or before the true residual of x is measured. It goes on from there
  /// with the very same bits.
  public struct State {
    /// How the iteration ended, where only the true residual is to be measured.
    public let ending: Ending?
    public let iterations: Int
    let isCorrected: Bool
    /// The worst true residual at the last start.
    let last: Double
    /// x and the remembered directions, which serve beyond a true residual too; in mid-iteration r.
    let x: Matrix<Double>
    let r: Matrix<Double>?
    let earlier: ConjugateDirections
    /// Other groups of right-hand sides, which are done; nil: there are none.
    private(set) var solved: SolvedColumns?

    /// The same beside such groups.
    func after(_ groups: SolvedColumns) -> State {
      var state = self
      state.solved = groups
      return state
    }
  }

  func state() -> State {
    State(
      ending: nil, iterations: iterations, isCorrected: isCorrected, last: last, x: x, r: r, earlier: earlier)
  }

  func state(after ending: Ending) -> State {
    State(
      ending: ending, iterations: iterations, isCorrected: false, last: last, x: x, r: nil, earlier: earlier)
  }

  func restore(_ saved: State) throws {
    iterations = saved.iterations
    isCorrected = saved.isCorrected
    // Where it was true the part along the earlier directions has been looked for.
    isMeasured = false
    last = saved.last
    try earlier.restore(saved.earlier)
    for (own, other) in [(x, saved.x), (r, saved.r ?? r)] {
      precondition(own.rows == other.rows && own.columns == other.columns)
      own.pointer.update(from: other.pointer, count: own.count)
    }
  }
}

extension BlockConjugateGradient.State {
  /// (own rows x classes), of directions (own rows x several times classes).
  public var tensors: [SavedTensor] {
    let residual = r.map { [SavedTensor("r", $0)] } ?? []
    let past = earlier.pieces.enumerated().flatMap {
      [SavedTensor("q\($0)", $1.directions), SavedTensor("kq\($0)", $1.images)]
    }
    return [SavedTensor("x", x)] + residual + past + (solved?.tensors ?? [])
  }

  /// The same on all ranks.
  public var numbers: [SavedTensor] {
    let counts = [
      ending?.rawValue ?? -1, iterations, isCorrected ? 1 : 0, earlier.pieces.count, earlier.count, earlier.limit,
    ]
    return [SavedTensor("cg", counts.map { Double($0) } + [last])] + (solved.map { [$0.numbers] } ?? [])
  }

  /// From what `tensors` and `numbers` gave. Throws `CheckpointError`. - Parameter classes: of all groups.
  public init(_ tensors: [SavedTensor], _ numbers: [SavedTensor], rows: Int, classes: Int) throws {
    let values = try numbers.values("cg")
    let counts = values.dropLast().compactMap { Int(exactly: $0) }
    guard values.count == 7, counts.count == 6, counts[1] >= 0, 0...1000 ~= counts[3], counts[4] >= 0 else {
      throw CheckpointError("its solve makes no sense")
    }
    let groups = ColumnGroups.of(classes)
    solved =
      groups.count > 1
      ? try SolvedColumns(tensors, numbers.values("groups"), rows: rows, columns: classes) : nil
    let classes = solved.map { groups[$0.count].count } ?? classes
    func matrix(_ name: String) throws -> Matrix<Double> {
      let matrix: Matrix<Double> = try tensors.matrix(name)
      guard matrix.rows == rows && matrix.columns == classes else {
        throw CheckpointError("its \(name) is \(matrix.rows) x \(matrix.columns)")
      }
      return matrix
    }
    ending = BlockConjugateGradient.Ending(rawValue: counts[0])
    (iterations, isCorrected, last) = (counts[1], counts[2] != 0, values[6])
    x = try matrix("x")
    r = ending == nil ? try matrix("r") : nil
    earlier = try ConjugateDirections(
      pieces: (0..<counts[3]).map { (try tensors.matrix("q\($0)"), try tensors.matrix("kq\($0)")) },
      count: counts[4], rows: rows, width: classes, limit: counts[5])
  }
}
