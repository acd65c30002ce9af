import LinearAlgebra
import Runtime

/// An unbiased estimate of the AGOP (docs/method.md): instead of each output's gradient, of every sample the gradient
/// of one signed sum of its outputs, g_i = sum over c of sigma_ic grad f_c(x_i). Cross terms cancel on average over the signs and
/// nearly so over neighbouring samples (see `SketchSigns`).
///
/// Two probes with independent signs: M is their mean, and half their difference estimates its error. With W = H o (Sigma A^T), o
/// entry by entry, a probe's gradients are W X - diag(W 1) X: (2 + 2 probes) N^2 d + probes N d^2 operations whatever the number of
/// outputs. The sums are centred as in `ClassGradients`, and the blocks of X pass round the ring in the same way.
public struct GradientSketch<T: Real>: RowsWork {
  let builder: TileBuilder<T>
  let weights: GradientWeights<T>
  let rows: Rows<T>
  let random: RandomStream
  /// Bytes for the gradients of a chunk, unless a single segment needs more.
  let chunkBytes: Int
  /// Rows of X that are taken at a time: the depth of the products.
  let runRows: Int

  static var probes: Int { 2 }

  /// - Parameters:
  ///   - kernel: the same rows' kernel matrix, if its tiles are still there.
  ///   - random: of purpose `sketch`.
  public init(
    builder: TileBuilder<T>, rows: Rows<T>, kernel: KernelOperator<T>? = nil, random: RandomStream, chunkBytes: Int = 512 << 20,
    runRows: Int = AGOPCost.runRows
  ) {
    self.builder = builder
    weights = GradientWeights(builder: builder, rows: rows, kernel: kernel)
    self.rows = rows
    self.random = random
    self.chunkBytes = chunkBytes
    self.runRows = runRows
  }

  /// *Collective.* The estimate of the unnormalised AGOP, (width x width), and of its relative error in the Frobenius norm.
  /// - Parameters:
  ///   - a: coefficients (own rows x outputs).
  ///   - saved: a computation to go on with.
  ///   - progress: called with the finished share.
  public func estimate(
    _ a: Matrix<Double>, safePoints: SafePoints<AGOPState> = .none, from saved: AGOPState? = nil,
    progress: (Double) -> Void
  ) throws -> (agop: Matrix<Double>, relativeError: Double) {
    let probes = (0..<Self.probes).map { _ in Matrix<Double>(rows: rows.width, columns: rows.width) }
    let all = try CoefficientBlocks<T>(a.converted(), rows)
    let rowBytes = Self.probes * (rows.width + runRows) * MemoryLayout<T>.stride
    let chunks = rows.segments.runs(ofAtMost: max(layout.tileRows, chunkBytes / max(1, rowBytes)))
    let passes = try world.maximum(chunks.count)
    let part = Matrix<T>(uninitialisedRows: rows.width, columns: rows.width)
    let start = try saved?.position(loops: 3) ?? [0, 0, 0]
    for (index, sum) in probes.enumerated() { try saved?.tensors.restore("probe\(index)", into: sum) }
    for pass in start[0]..<max(start[0], passes) {
      let chunk = SketchChunk(self, pass < chunks.count ? chunks[pass] : [], outputs: a.columns)
      var way = InterruptibleRing(rows: rows, runRows: runRows)
      if let saved, pass == start[0] {
        way.done = (start[1], start[2])
        try chunk.stack.restore(saved.tensors)
      }
      try circulate(&way, all, chunk, safePoints) {
        progress((Double(pass) + $0) / Double(passes))
      } state: { done in
        let sums = probes.enumerated().map { SavedTensor("probe\($0)", $1) }
        return AGOPState(.sketch, position: [pass, done.blocks, done.runs], sums + chunk.stack.saved)
      }
      chunk.stack.finish(rows, pool)
      for (probe, sum) in probes.enumerated() {
        pool.addGram(of: chunk.stack.gradients(probe, 0..<chunk.stack.height), beta: 0, intoLower: part.view)
        T.accumulate(part.pointer, sum.pointer, part.count)
      }
    }
    for probe in probes { try communicating { try world.sum(probe.buffer) } }
    return mean(probes[0], probes[1])
  }


  /// *Collective.* Takes one chunk past all blocks of X, with their coefficients.
  private func circulate(
    _ way: inout InterruptibleRing<T>, _ all: CoefficientBlocks<T>, _ chunk: SketchChunk<T>,
    _ safePoints: SafePoints<AGOPState>, progress: (Double) -> Void,
    state: (_ done: (blocks: Int, runs: Int)) -> AGOPState
  ) throws {
    try way.walk(safePoints, progress: progress) { agreed, done in
      try safePoints.reached(agreed, state(done))
    } _: { owner, block, run in
      try weights.await(owner)
      chunk.add(self, block, of: owner, run, all.block(of: owner))
    }
  }

  /// The mean of two lower triangles, whole, and half their difference relative to it.
  private func mean(_ x: Matrix<Double>, _ y: Matrix<Double>) -> (Matrix<Double>, Double) {
    let factor = builder.kernel.gradientFactor * builder.kernel.gradientFactor
    mirrorLower(x.view)
    mirrorLower(y.view)
    var (size, difference) = (0.0, 0.0)
    for k in 0..<x.count {
      let (mean, half) = ((x.pointer[k] + y.pointer[k]) / 2, (x.pointer[k] - y.pointer[k]) / 2)
      size += mean * mean
      difference += half * half
      x.pointer[k] = factor * mean
    }
    return (x, size > 0 ? (difference / size).squareRoot() : 0)
  }
}
