import LinearAlgebra
import Runtime

/// The exact AGOP by class (docs/method.md): with H_ij the gradient's weight of the pair,
/// G_c = H diag(A_c) X - diag(H A_c) X and M = sum over classes c of G_c^T G_c; 2 N^2 K d + N d^2 K operations.
///
/// Own rows are taken a chunk at a time: for each chunk the blocks of X pass round the ring once, and its gradients
/// (classes x rows x width) are all that is kept. Sums run over deviations from the class means; the means come in through
/// the class sums of the weights, so that nothing large cancels.
public struct ClassGradients<T: Real>: RowsWork {
  let builder: TileBuilder<T>
  let weights: GradientWeights<T>
  let rows: Rows<T>

  /// Bytes for the gradients of a chunk, unless a single segment needs more.
  let chunkBytes: Int
  /// Rows of X that are taken at a time: the depth of the products.
  let runRows: Int

  /// Classes whose scaled rows are multiplied at a time, in groups of nearly the same size: BLAS packs H once for each group (measured: a
  /// product for each class takes 4 to 8 % longer).
  public static func groups(classes: Int, width: Int) -> [Range<Int>] {
    (0..<classes).pieces(ofAtMost: max(1, 8192 / max(1, width)))
  }

  /// - Parameter kernel: the same rows' kernel matrix, if its tiles are still there.
  public init(
    builder: TileBuilder<T>, rows: Rows<T>, kernel: KernelOperator<T>? = nil, chunkBytes: Int = 512 << 20, runRows: Int = AGOPCost.runRows
  ) {
    self.builder = builder
    weights = GradientWeights(builder: builder, rows: rows, kernel: kernel)
    self.rows = rows
    self.chunkBytes = chunkBytes
    self.runRows = runRows
  }

  /// *Collective.* The unnormalised AGOP, sum over samples and classes of the gradients' outer products; (width x width), whole
  /// on every rank.
  /// - Parameters:
  ///   - a: coefficients (own rows x classes).
  ///   - saved: a computation to go on with.
  ///   - progress: called with the finished share.
  public func agop(
    _ a: Matrix<Double>, safePoints: SafePoints<AGOPState> = .none, from saved: AGOPState? = nil,
    progress: (Double) -> Void
  ) throws -> Matrix<Double> {
    let coefficients: Matrix<T> = a.converted()
    let width = rows.width
    let total = Matrix<Double>(rows: width, columns: width)
    let part = Matrix<T>(uninitialisedRows: width, columns: width)
    let rowBytes = (a.columns * width + runRows) * MemoryLayout<T>.stride
    let chunks = rows.segments.runs(ofAtMost: max(layout.tileRows, chunkBytes / max(1, rowBytes)))
    let passes = try world.maximum(chunks.count)
    let start = try saved?.position(loops: 3) ?? [0, 0, 0]
    try saved?.tensors.restore("total", into: total)
    for pass in start[0]..<max(start[0], passes) {
      let chunk = pass < chunks.count ? chunks[pass] : []
      let gradients = GradientChunk<T>(self, segments: chunk, classes: a.columns)
      var way = InterruptibleRing(rows: rows, runRows: runRows)
      if let saved, pass == start[0] {
        way.done = (start[1], start[2])
        try gradients.stack.restore(saved.tensors)
      }
      try circulate(&way, coefficients, gradients, safePoints) {
        progress((Double(pass) + $0) / Double(passes))
      } state: { done in
        AGOPState(
          .class, position: [pass, done.blocks, done.runs], [SavedTensor("total", total)] + gradients.stack.saved)
      }
      gradients.stack.finish(rows, pool)
      // Every gradient a row: their Gram matrix is the AGOP.
      let all = gradients.stack.gradients.reshaped(rows: gradients.stack.height * a.columns, columns: width)
      pool.addGram(of: all, beta: 0, intoLower: part.view)
      T.accumulate(part.pointer, total.pointer, part.count)
    }
    try communicating { try world.sum(total.buffer) }
    let factor = builder.kernel.gradientFactor * builder.kernel.gradientFactor
    for k in 0..<total.count { total.pointer[k] *= factor }
    mirrorLower(total.view)
    return total
  }


  /// *Collective.* Takes one chunk past all blocks of X, with their coefficients.
  private func circulate(
    _ way: inout InterruptibleRing<T>, _ coefficients: Matrix<T>, _ gradients: GradientChunk<T>,
    _ safePoints: SafePoints<AGOPState>, progress: (Double) -> Void,
    state: (_ done: (blocks: Int, runs: Int)) -> AGOPState
  ) throws {
    let all = try CoefficientBlocks(coefficients, rows)
    try way.walk(safePoints, progress: progress) { agreed, done in
      try safePoints.reached(agreed, state(done))
    } _: { owner, block, run in
      try weights.await(owner)
      gradients.add(self, block, of: owner, run, all.block(of: owner))
    }
  }
}
