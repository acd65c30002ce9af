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

  package init(
    builder: TileBuilder<T>, rows: CentredRows<T>, layout: Layout, world: Communicator, team: ThreadTeam,
    timer: PhaseTimer, chunkBytes: Int = 512 << 20
  ) {
    self.builder = builder
    self.rows = rows
    self.layout = layout
    self.world = world
    self.team = team
    self.timer = timer
    self.chunkBytes = chunkBytes
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
    let chunks = chunked(classes: a.columns)
    let passes = try world.maximum(chunks.count)
    for pass in 0..<passes {
      let chunk = pass < chunks.count ? chunks[pass] : []
      let gradients = GradientChunk<T>(self, segments: chunk, classes: a.columns)
      try circulate(coefficients, gradients) { progress((Double(pass) + $0) / Double(passes)) }
      gradients.finish(self)
      team.withThreadedBLAS { addGram(of: gradients.stacked, beta: 0, intoLower: part.view) }
      T.accumulate(part.pointer, total.pointer, part.count)
    }
    try timer.measure(.communication) { try world.sum(total.buffer) }
    let factor = builder.kernel.gradientFactor * builder.kernel.gradientFactor
    for k in 0..<total.count { total.pointer[k] *= factor }
    mirrorLower(total.view)
    return total
  }

  /// Own segments, in runs whose gradients fit `chunkBytes`.
  private func chunked(classes: Int) -> [[Segment]] {
    let rowBytes = classes * rows.width * MemoryLayout<T>.stride
    let limit = max(layout.tileRows, chunkBytes / max(1, rowBytes))
    var result: [[Segment]] = []
    var height = 0
    for segment in rows.segments {
      if result.isEmpty || height + segment.rows.count > limit {
        result.append([])
        height = 0
      }
      result[result.count - 1].append(segment)
      height += segment.rows.count
    }
    return result
  }

  /// *Collective.* Takes one chunk past all blocks of X, with their coefficients.
  private func circulate(
    _ coefficients: Matrix<T>, _ gradients: GradientChunk<T>, progress: (Double) -> Void
  ) throws {
    let ring = BlockRing<T>(world: world, layout: layout, team: team, timer: timer)
    let all = try CoefficientBlocks(coefficients, layout, world, timer)
    var finished = 0
    try ring.forEachBlock(startingWith: rows, steps: world.size) { owner, block, poke in
      for segment in block.segments {
        gradients.add(self, block, segment, all.block(of: owner), poke)
        progress((Double(finished) + Double(segment.rows.upperBound) / Double(block.rowCount)) / Double(world.size))
      }
      finished += 1
    }
  }
}
