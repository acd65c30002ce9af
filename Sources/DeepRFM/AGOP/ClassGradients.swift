import LinearAlgebra
import MPI

/// The exact AGOP by class (NUMERICS, section 5): with H_ij the gradient's weight of the pair,
/// G_c = H diag(A_c) X - diag(H A_c) X and M = sum over classes c of G_c^T G_c; 2 N^2 K d + N d^2 K operations.
///
/// Own rows are taken a chunk at a time: for each chunk the blocks of X pass round the ring once, and its gradients
/// (classes x rows x width) are all that is kept. Sums run over deviations from the class means; the means come in through
/// the class sums of the weights, so that nothing large cancels.
package struct ClassGradients<T: Real> {
  let builder: TileBuilder<T>
  let rows: CentredRows<T>
  let layout: Layout
  let world: Communicator
  let team: ThreadTeam
  let timer: PhaseTimer

  /// Bytes for the gradients of a chunk, unless a single segment needs more.
  let chunkBytes: Int
  /// Rows of X that are taken at a time: the depth of the products.
  let runRows: Int

  package init(
    builder: TileBuilder<T>, rows: CentredRows<T>, layout: Layout, world: Communicator, team: ThreadTeam,
    timer: PhaseTimer, chunkBytes: Int = 512 << 20, runRows: Int = AGOPCost.runRows
  ) {
    self.builder = builder
    self.rows = rows
    self.layout = layout
    self.world = world
    self.team = team
    self.timer = timer
    self.chunkBytes = chunkBytes
    self.runRows = runRows
  }

  /// *Collective.* The unnormalised AGOP, sum over samples and classes of the gradients' outer products; (width x width), whole
  /// on every rank.
  /// - Parameters:
  ///   - a: coefficients (own rows x classes).
  ///   - progress: called with the finished share.
  package func agop(_ a: Matrix<Double>, progress: (Double) -> Void) throws -> Matrix<Double> {
    let coefficients: Matrix<T> = a.converted()
    let width = rows.width
    let total = Matrix<Double>(rows: width, columns: width)
    let part = Matrix<T>(uninitialisedRows: width, columns: width)
    let rowBytes = (a.columns * width + runRows) * MemoryLayout<T>.stride
    let chunks = rows.segments.runs(ofAtMost: max(layout.tileRows, chunkBytes / max(1, rowBytes)))
    let passes = try world.maximum(chunks.count)
    for pass in 0..<passes {
      let chunk = pass < chunks.count ? chunks[pass] : []
      let gradients = GradientChunk<T>(self, segments: chunk, classes: a.columns)
      try circulate(coefficients, gradients) { progress((Double(pass) + $0) / Double(passes)) }
      gradients.stack.finish(rows, team)
      // All classes one below the other: their Gram matrix is the AGOP.
      team.withThreadedBLAS { addGram(of: gradients.stack.gradients.view, beta: 0, intoLower: part.view) }
      T.accumulate(part.pointer, total.pointer, part.count)
    }
    try timer.measure(.communication) { try world.sum(total.buffer) }
    let factor = builder.kernel.gradientFactor * builder.kernel.gradientFactor
    for k in 0..<total.count { total.pointer[k] *= factor }
    mirrorLower(total.view)
    return total
  }

  /// Takes one chunk past all blocks of X, with their coefficients.
  private func circulate(
    _ coefficients: Matrix<T>, _ gradients: GradientChunk<T>, progress: (Double) -> Void
  ) throws {
    let ring = BlockRing<T>(world: world, layout: layout, team: team, timer: timer)
    let all = try CoefficientBlocks(coefficients, layout, world, timer)
    var finished = 0
    try ring.forEachBlock(startingWith: rows, steps: world.size) { owner, block, poke in
      for run in block.segments.runs(ofAtMost: runRows) {
        gradients.add(self, block, run, all.block(of: owner), poke)
        progress((Double(finished) + Double(run.rowRange.upperBound) / Double(block.rowCount)) / Double(world.size))
      }
      finished += 1
    }
  }
}
