import Runtime

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
