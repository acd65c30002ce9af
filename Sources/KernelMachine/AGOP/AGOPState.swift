import Runtime

/// An AGOP at a safe point, this rank's part: where its loops are, and all that has been added up. It goes on from there with
/// the very same bits, on as many ranks and with chunks of the same size.
public struct AGOPState {
  public let route: AGOPRoute
  /// What comes next, by loop from the outermost in.
  let position: [Int]
  /// Sums so far; names as the route wants.
  let tensors: [SavedTensor]

  init(_ route: AGOPRoute, position: [Int], _ tensors: [SavedTensor]) {
    self.route = route
    self.position = position
    self.tensors = tensors
  }

  private static let positionName = "position"

  /// All of it but the route.
  public var saved: [SavedTensor] { tensors + [SavedTensor(Self.positionName, position.map { Double($0) })] }

  /// From what `saved` gave. Throws `CheckpointError`.
  public init(_ route: AGOPRoute, saved: [SavedTensor]) throws {
    self.route = route
    position = try saved.values(Self.positionName).map {
      guard let place = Int(exactly: $0) else { throw CheckpointError("its place in the AGOP makes no sense") }
      return place
    }
    tensors = saved
  }

  /// The position, if it has as many loops as the route. Throws `CheckpointError`.
  func position(loops: Int) throws -> [Int] {
    guard position.count == loops else { throw CheckpointError("its place in the AGOP makes no sense") }
    return position
  }
}

/// One chunk's way past all blocks of X, run by run, in as many rounds of the ring as it takes: a rank that is to pause lets the
/// rest of the round's blocks pass, and takes what it has left out from the next round.
struct InterruptibleRing<T: Real> {
  let rows: Rows<T>
  /// Rows of a run.
  let runRows: Int
  /// Blocks that have passed and runs of the next that are done.
  var done = (blocks: 0, runs: 0)

  /// *Collective.* Calls `body` with each run that is not done yet, in order; `pause` is called where all ranks agreed on a wish.
  mutating func walk(
    _ safePoints: SafePoints<AGOPState>, progress: (Double) -> Void,
    pause: (_ agreed: Wish, _ done: (blocks: Int, runs: Int)) throws -> Void,
    _ body: (_ owner: Int, _ block: Rows<T>, _ run: [Segment]) throws -> Void
  ) throws {
    while true {
      let isFinished = try round(safePoints, progress, body)
      let agreed = try rows.context.world.agree(
        max(safePoints.wish, isFinished ? .nothing : .checkpoint), unfinished: !isFinished)
      try pause(agreed.wish, done)
      guard agreed.unfinished else { return }
    }
  }

  /// *Collective.* One round of the ring; false if something was left out.
  private mutating func round(
    _ safePoints: SafePoints<AGOPState>, _ progress: (Double) -> Void,
    _ body: (_ owner: Int, _ block: Rows<T>, _ run: [Segment]) throws -> Void
  ) throws -> Bool {
    let ranks = rows.context.world.size
    var (step, isPausing, done) = (0, false, self.done)
    try rows.forEachBlock(steps: ranks) { owner, block in
      defer { step += 1 }
      guard step == done.blocks else { return }
      for (index, run) in block.segments.runs(ofAtMost: runRows).enumerated() where index >= done.runs {
        isPausing = isPausing || safePoints.wish > .nothing
        if isPausing { return }
        try body(owner, block, run)
        done.runs = index + 1
        progress((Double(step) + Double(run.rowRange.upperBound) / Double(block.rowCount)) / Double(ranks))
      }
      done = (step + 1, 0)
    }
    self.done = done
    return done.blocks == ranks
  }
}
